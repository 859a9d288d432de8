"""Too much of everything: what a rule keeps stays small, and no event makes a decision large."""

import pytest

from rules.deciding.quiet.rows import LONGEST_KEY
from rules.deciding.quiet.state_rows import MAX_BYTES
from rules.deciding.quiet.throttle import MAX_LINE_RUNES
from rules.deciding.quiet.window import MAX_LINES, MAX_QUEUE, MAX_QUEUE_BYTES
from tests.fakes.rule_sets import Line, a_rule

GIANT = "giant " * 5_000
INCIDENTS = "match: {$.s: X}\nresolved: {$.s: OK}\nkey: '{{ data.k }}'\n"


def largest_row(line: Line) -> int:
    return max(len(row.value or b"") for row in line.rehearsal.state.rows())


@pytest.mark.parametrize(
    "quiet",
    [
        INCIDENTS,
        INCIDENTS + "dedupe: 1h\nstate: '{{ data.t }}'",
        INCIDENTS + "flapping: {changes: 2, within: 1h}\nstate: '{{ data.t }}{{ data.n }}'",
        "group: {by: [$.t], wait: 1h, max: 20}",
        "throttle: 1/1h",
    ],
)
def test_a_giant_event_leaves_small_rows(quiet):
    line = Line(a_rule(quiet + "\ntext: '{{ data.n }}'"))
    for n in range(12):
        line.take({"s": "X", "k": GIANT, "t": GIANT, "n": n})
    assert largest_row(line) < 14 * MAX_BYTES
    assert all(len(one.key) <= LONGEST_KEY for one in line.judgements)
    assert all(len(send.order_key) <= LONGEST_KEY + 10 for send in line.sends)
    assert line.balance() == 0


def test_long_keys_that_differ_at_their_end_stay_apart():
    line = Line(a_rule(INCIDENTS))
    line.take({"s": "X", "k": GIANT + "a"})
    line.take({"s": "X", "k": GIANT + "b"})
    assert [one.phase for one in line.take({"s": "OK", "k": GIANT + "b"})] == ["resolved"]
    assert line.take({"s": "OK", "k": GIANT + "c"}) == []


def test_thousands_of_items_of_one_message_are_grouped_by_the_fifty():
    rule = a_rule(
        "for_each: $.alerts[*]\nkey: '{{ data.k }}'\ndedupe: 1h\ngroup: {wait: 30s}\ntext: '{{ events | length }}'"
    )
    line = Line(rule)
    sends = line.take({"alerts": [{"k": n} for n in range(5_000)]})
    assert [send.post.text for send in sends] == ["50"] * 100
    assert max(line.keys.values()) == 1
    assert line.take({"alerts": [{"k": n} for n in range(5_000)]}) == []
    assert line.balance() == 0


def test_one_key_thousands_of_times_a_second_is_one_small_row():
    line = Line(a_rule(INCIDENTS + "dedupe: 10m\nflapping: {changes: 5, within: 10m}\nrepeat: 1h"))
    for n in range(5_000):
        line.take({"s": "X" if n % 2 else "OK", "k": "a"}, after_s=0.0002)
    assert len(line.sends) < 10
    assert len(list(line.rehearsal.state.rows())) == 1
    assert largest_row(line) < 2_000
    assert line.balance() == 0


def test_what_waits_behind_a_throttle_is_bounded_and_counted():
    line = Line(a_rule("throttle: 1/1h\noverflow: delay\ntext: '{{ data.t }}'"))
    for n in range(600):
        line.take({"t": f"{n} " + "word " * 2_000})
    assert largest_row(line) < MAX_QUEUE_BYTES + 100_000
    line.wait(1_000 * 3_600)
    digest = next(send for send in line.sends if send.phase == "digest")
    lines = [one for one in digest.post.text.splitlines() if one.startswith("- ")]
    assert len(lines) == MAX_LINES + 1
    assert all(len(one) <= MAX_LINE_RUNES + 2 for one in lines)
    assert len(line.sends) <= MAX_QUEUE + 2
    assert (line.balance(), line.tally["held"]) == (0, 0)
