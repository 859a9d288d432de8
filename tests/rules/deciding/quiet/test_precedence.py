"""The order in which things keep a post quiet (semantics.md item 26), and how often anybody may hear the same."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.rule_sets import Line, a_rule_set, a_silence

ALERT = {"s": "X", "k": "a"}
OVER = {"s": "OK", "k": "a"}
SITE = {"s": "SITE", "k": "a"}
KINDS = {
    "count": "count: {at_least: 99, within: 2h}",
    "for": "for: 2h",
    "hours": "hours: maintenance",
    "silence": "",
    "inhibited": "inhibited_by: {rule: site, same: [$.k]}",
    "duplicate": "dedupe: 1h",
    "flapping": "flapping: {changes: 2, within: 2h}",
    "group": "group: {wait: 1h}",
    "throttle": "throttle: 1/2h\n    overflow: drop",
}
ORDER = list(KINDS)


def a_line(*kinds: str) -> Line:
    """A rule with these ways of keeping quiet, beside one that inhibits it."""
    lines = "\n".join(f"    {KINDS[kind]}" for kind in kinds if KINDS[kind])
    return Line(
        a_rule_set(f"""
rules:
  - name: site
    match: {{$.s: SITE}}
    resolved: {{$.s: SITE UP}}
    key: x
    send: mail
  - name: r
    match: {{$.s: {{like: "X*"}}}}
    resolved: {{$.s: OK}}
    key: "{{{{ data.k }}}}"
    state: "{{{{ data.s }}}}"
    send: ops
{lines}
""")
    )


def provoke(line: Line, kinds: tuple[str, ...]) -> str:
    """Let each of ``kinds`` have its reason, then say why the next event of the rule is quiet."""
    if "duplicate" in kinds or "throttle" in kinds:
        line.take(ALERT)
    if "flapping" in kinds:
        for data in ({"s": "X2", "k": "a"}, ALERT) * 2:
            line.take(data)
    if "inhibited" in kinds:
        line.take(SITE)
    if "silence" in kinds:
        line.silence(a_silence({"rule": "r"}))
    line.take({"s": "X2", "k": "a"} if "flapping" in kinds else ALERT)
    return line.judgements[-1].by.split(":")[0]


EARLIER = [(first, second) for n, first in enumerate(ORDER) for second in ORDER[n + 1 :]]


@pytest.mark.parametrize(("first", "second"), [pair for pair in EARLIER if "hours" not in pair])
def test_the_earlier_reason_is_the_one_that_counts(first, second):
    assert provoke(a_line(first, second), (first, second)) == first


@pytest.mark.parametrize("second", ORDER[ORDER.index("hours") + 1 :])
def test_hours_come_first_of_what_is_not_about_the_life_of_the_key(second):
    line = a_line("hours", second)
    if second == "silence":
        line.silence(a_silence({"rule": "r"}))
    line.take(SITE)
    line.take(ALERT)
    assert line.outcomes[-1] == "suppressed hours:maintenance"


@pytest.mark.parametrize("first", ["count", "for"])
def test_what_has_not_come_often_or_long_enough_is_not_kept_quiet_by_hours(first):
    assert provoke(a_line(first, "hours"), (first, "hours")) == first


def test_an_incident_is_kept_up_to_date_while_nobody_hears_of_it():
    line = a_line("silence")
    line.silence(a_silence({"rule": "r"}, until_s=600))
    line.take(ALERT)
    line.take({"s": "X2", "k": "a"}, after_s=300)
    line.wait(301)
    assert [("X2" in send.post.text, "Firing since 2026-01-05 12:00" in send.post.text) for send in line.sends] == [
        (True, True)
    ]


events = st.lists(st.tuples(st.integers(0, 900), st.sampled_from("ab"), st.sampled_from(["X", "X", "X2"])), max_size=40)


@settings(max_examples=100, deadline=None)
@given(events)
def test_nobody_hears_the_same_state_of_a_key_twice_within_the_window(story):
    line = a_line("duplicate")
    heard = defaultdict(list)
    for after_s, key, state in story:
        for _ in line.take({"s": state, "k": key}, after_s=after_s):
            heard[key].append((state, line.now_us))
    for posts in heard.values():
        for (state, at_us), (next_state, next_us) in pairwise(posts):
            assert state != next_state or next_us - at_us >= 3_600_000_000


@settings(max_examples=60, deadline=None)
@given(events, st.sampled_from([600, 3600]))
def test_reminders_of_a_key_are_never_closer_than_repeat_says(story, repeat_s):
    line = Line(
        a_rule_set(
            "rules:\n  - name: r\n    match: {$.s: {like: 'X*'}}\n    resolved: {$.s: OK}\n"
            f"    key: '{{{{ data.k }}}}'\n    dedupe: 1d\n    repeat: {repeat_s}s\n    send: ops\n"
        )
    )
    told = defaultdict(list)
    for after_s, key, state in [*story, (8_000, "c", "X")]:
        told_then = line.wait(after_s) + line.take({"s": state, "k": key})
        for send in told_then:
            at_us = int(send.origin.rsplit("/", 1)[1]) if send.origin.startswith("t/") else line.now_us
            told[send.key].append(at_us)
    for times in told.values():
        assert all(after - before >= repeat_s * 1_000_000 for before, after in pairwise(times))
