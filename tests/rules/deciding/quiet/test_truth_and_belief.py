"""The promise of incidents, and the second book, over random lives of rules, silences, events and reloads."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.rule_sets import START_US, Line, a_rule_set, a_silence, us

BASE = """
rules:
  - name: down
    match: {$.what: site}
    resolved: {$.what: site, $.status: OK}
    key: "{{ data.k }}"
    send: mail
    text: "[{{ phase }}:{{ data.k }}]"
  - name: r
    match: {$.what: alert}
    resolved: {$.what: alert, $.status: OK}
    key: "{{ data.k }}"
    text: "[{{ phase }}:{{ data.k }}]"
    send: [ops, mail]
"""
VARIANTS = {
    "plain": "",
    "dedupe": "dedupe: 10m",
    "hours": "hours: office",
    "not_hours": "not_hours: office",
    "group": "group: {by: [$.site], wait: 30s, every: 5m, max: 3}",
    "group without by": "group: {wait: 5m}",
    "digest": "throttle: 2/10m",
    "delay": "throttle: 2/10m\noverflow: delay",
    "repeat": "repeat: 1h",
    "flapping": "flapping: {changes: 3, within: 30m}",
    "ends wait": "silenced_ends: wait\nflapping: {changes: 4, within: 20m}\nrepeat: 30m",
    "for": "for: 10m",
    "for and flapping": "for: 2m\nflapping: {changes: 3, within: 30m}\nrepeat: 1h",
    "escalate": "escalate: [{after: 10m, to: mail, channel: x}, {after: 30m, to: ops, unless: over}]",
    "escalate and more": "for: 2m\nflapping: {changes: 3, within: 30m}\nrepeat: 1h\nhours: office\n"
    "group: {wait: 1m}\nescalate: [{after: 1m, to: mail, channel: x}, {after: 30m, to: ops, mention: y}]",
    "inhibited": "inhibited_by: {rule: down, same: [$.site]}",
    "inhibited by any": "inhibited_by: {rule: down}",
    "many": "dedupe: 5m\nflapping: {changes: 4, within: 20m}\nrepeat: 30m\nthrottle: 3/1m\nhours: office\n"
    "inhibited_by: {rule: down, same: [$.site]}",
    "grouped and more": "dedupe: 5m\nflapping: {changes: 4, within: 20m}\nrepeat: 30m\nhours: office\n"
    "group: {by: [$.site], wait: 1m, max: 2}\ninhibited_by: {rule: down, same: [$.site]}",
}
QUIETER = {  # in these, not all that fires is told
    "shadow": "shadow: true",
    "shadow, grouped": "shadow: true\ngroup: {by: [$.site], wait: 1m}",
    "count": "count: {at_least: 3, within: 10m}",
    "count and for": "count: {at_least: 2, within: 1h}\nfor: 5m\ndedupe: 5m\nhours: office",
    "drop": "throttle: 1/10m\noverflow: drop",
    "ops only": "",
}


def variant(name: str):
    lines = "".join(f"    {line}\n" for line in {**VARIANTS, **QUIETER}[name].splitlines())
    base = BASE.replace("[ops, mail]", "ops") if name == "ops only" else BASE
    return a_rule_set(base + lines)


RULE_SETS = {name: variant(name) for name in [*VARIANTS, *QUIETER]}
TOKEN = re.compile(r"\[(\w+):(\w+)\](?:\s_Calm again after \d+ changes: (\w+))?")

events = st.tuples(
    st.just("event"),
    st.sampled_from(["alert", "alert", "alert", "site"]),
    st.sampled_from(["a", "a", "a", "b"]),
    st.sampled_from(["CRITICAL", "OK"]),
)
waits = st.tuples(st.just("wait"), st.sampled_from([1, 29, 60, 301, 900, 3600, 7 * 3600]))
silences = st.tuples(st.just("silence"), st.sampled_from(["ops", "mail", "*"]), st.sampled_from([60, 1800, 20_000]))
lifts = st.tuples(st.just("lift"))
lives = st.lists(st.one_of(events, events, events, waits, silences, lifts), min_size=1, max_size=30)


def live(line: Line, steps, truth: dict[str, bool]) -> None:
    held = []
    for step in steps:
        match step:
            case ("event", what, key, status):
                line.take({"what": what, "k": key, "site": f"site-{key}", "status": status})
                if what == "alert":
                    truth[key] = status != "OK" if status != "OK" or key in truth else False
            case ("wait", seconds):
                line.wait(seconds)
            case ("silence", destination, seconds):
                now_s = (line.now_us - START_US) / 1_000_000
                matchers = {"destination": {"like": destination}, "rule": "r"}
                held.append(a_silence(matchers, start_s=now_s, until_s=now_s + seconds, name=f"s{len(held)}"))
                line.silence(*held)
            case ("lift",):
                held.clear()
                line.silence()
            case ("reload", name):
                line.reload(RULE_SETS[name])
        assert line.balance() == 0
        assert line.tally["held"] >= 0


def beliefs(line: Line) -> dict[tuple[str, str], str]:
    """The last thing each destination heard of each key of the rule ``r``."""
    heard: dict[tuple[str, str], str] = {}
    for send in line.sends:
        if send.rule == "r":
            for phase, key, at_rest in TOKEN.findall(send.post.text):
                heard[send.destination, key] = at_rest or phase
    return heard


def settle(line: Line, seconds: float) -> None:
    """Nothing happens any more, in the middle of a working day."""
    line.silence()
    line.take({"what": "site", "k": "a", "site": "site-a", "status": "OK"})
    line.take({"what": "site", "k": "b", "site": "site-b", "status": "OK"})
    line.wait(seconds)


def to_open_hours(line: Line, name: str) -> None:
    """To the next time at which the variant may speak."""
    days, rest = divmod(line.now_us, us(86_400))
    wanted_s = 10 * 3600 if name != "not_hours" else 20 * 3600
    for day in range(1, 8):
        candidate = (days + day) * us(86_400) + us(wanted_s)
        if ((days + day + 3) % 7) < 5:
            line.wait((candidate - line.now_us) / 1_000_000)
            return
    raise AssertionError(rest)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(list(VARIANTS)), steps=lives)
def test_once_all_is_quiet_everybody_who_was_told_believes_what_is_true(name, steps):
    line, truth = Line(RULE_SETS[name]), {}
    live(line, steps, truth)
    settle(line, 0)
    to_open_hours(line, name)
    line.wait(3 * 3600)
    heard = beliefs(line)
    for (destination, key), phase in heard.items():
        assert (phase not in ("resolved", "stale")) == truth[key], (destination, key, phase, line.sends)
    for key, fires in truth.items():
        if fires:
            assert {destination for destination, of in heard if of == key} == {"ops", "mail"}
    assert line.balance() == 0
    assert max(line.keys.values(), default=1) == 1


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(list(RULE_SETS)), steps=lives)
def test_if_we_said_it_fires_we_say_it_is_over_even_when_no_news_comes(name, steps):
    line = Line(RULE_SETS[name])
    live(line, steps, {})
    line.silence()
    line.wait(20 * 86_400)
    assert set(beliefs(line).values()) <= {"resolved", "stale"}
    assert line.balance() == 0
    assert line.tally["held"] == 0
    assert len(line.rehearsal.state) == 0 or all(row.due_us is None for row in line.rehearsal.state.rows())


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.sampled_from(list(RULE_SETS)), min_size=2, max_size=4),
    lives_lived=st.lists(lives, min_size=2, max_size=4),
)
def test_the_promise_survives_edits_of_the_rule(names, lives_lived):
    line = Line(RULE_SETS[names[0]])
    for name, steps in zip(names, lives_lived, strict=False):
        line.reload(RULE_SETS[name])
        live(line, steps, {})
    line.silence()
    line.wait(20 * 86_400)
    assert set(beliefs(line).values()) <= {"resolved", "stale"}
    assert line.balance() == 0
    assert line.tally["held"] == 0
