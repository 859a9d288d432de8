"""Several windows of a throttle, several gaps of a group, and what a group says; docs/specification/windows.md."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deciding.quiet.restamp import restamp
from rules.deciding.quiet.rows import ThrottleRow, row_from_bytes
from rules.model import Send
from rules.source.problems import ProblemsFound
from tests.fakes.rule_sets import START_US, Line, a_rule, us

GROUP = 'group: {by: [$.site], wait: 10s, every: [1m, 5m, 30m]}\ntext: "{{ data.n }}"\n'
TABLE = """
group:
  by: [$.site]
  wait: 10s
  headline: "{{ events | length }} of {{ data.site }}"
  table: {Host: "{{ data.host }}", State: "{{ data.state }}"}
text: "{{ data.host }} is {{ data.state }}"
"""


def times(line: Line) -> list[float]:
    """When each post was made, in seconds: read from its origin's timer, or the message's time kept beside."""
    return [(int(send.origin.rsplit("/", 1)[1]) - START_US) / 1e6 for send in line.sends]


def test_a_post_needs_room_in_every_window():
    line = Line(a_rule('throttle: [2/1m, 3/1h]\ntext: "{{ data.n }}"'))
    told = [len(line.take({"n": n}, after_s=after)) for n, after in enumerate((0, 1, 1, 120, 1, 1))]
    assert told == [1, 1, 0, 0, 0, 0]
    assert [send.phase for send in line.sends] == ["message", "message", "digest"]
    assert line.sends[2].post.text.splitlines()[0] == "**1 more from r** (more than 2 in 1m or 3 in 1h)"
    line.wait(3600)
    assert line.sends[-1].stands_for == 3
    assert line.balance() == 0


def test_delayed_posts_come_as_every_window_lets_them():
    line = Line(a_rule('throttle: [2/1m, 4/1h]\noverflow: delay\ntext: "{{ data.n }}"'))
    for n in range(7):
        line.take({"n": n})
    line.wait(3599)
    assert [send.post.text for send in line.sends] == ["0", "1", "2", "3"]
    line.wait(121)
    assert [send.post.text for send in line.sends] == [str(n) for n in range(7)]
    assert line.balance() == 0


def test_a_window_that_an_edit_adds_begins_with_what_the_first_remembers():
    line = Line(a_rule('throttle: 5/1m\ntext: "{{ data.n }}"'))
    for n in range(4):
        line.take({"n": n})
    line.reload(a_rule('throttle: [5/1m, 6/1h]\ntext: "{{ data.n }}"'))
    assert [len(line.take({"n": n}, after_s=50)) for n in range(3)] == [1, 1, 0]


def test_an_edit_to_one_rate_forgets_the_other_window():
    line = Line(a_rule('throttle: [2/1m, 3/1h]\ntext: "{{ data.n }}"'))
    for n in range(3):
        line.take({"n": n}, after_s=61)
    line.reload(a_rule('throttle: 2/1m\ntext: "{{ data.n }}"'))
    assert [len(line.take({"n": n}, after_s=61)) for n in range(3)] == [1, 1, 1]


def test_all_windows_move_with_a_clock_that_is_set():
    line = Line(a_rule('throttle: [2/1m, 3/1h]\ntext: "{{ data.n }}"'))
    line.take({"n": 1})
    (stored,) = line.rehearsal.state.rows()
    row = row_from_bytes(stored.key, restamp(stored.key, stored.value, us(5)))
    assert isinstance(row, ThrottleRow)
    assert [window.posts for window in (row, *row.more)] == [[(START_US + us(5), 1)]] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("throttle: [5/1m, 6/1m]", "rates of different times"),
        ("throttle: [5/1m, 5/1h]", "5/1h lets 5/1m never come to its own"),
        ("throttle: []", "throttle takes 1 to 4 rates"),
        ("throttle: [5/1m, often]", '"often" is not a rate'),
        ("group: {by: [$.x], every: [5m, 5m]}", "each longer than the one before"),
        ("group: {by: [$.x], every: []}", "several gaps are 1 to 10"),
        ("group: {by: [$.x], table: {}}", "a table has 1 to 8 columns"),
        ("group: {by: [$.x], table: [a]}", "table must be a mapping"),
        ('group: {by: [$.x], headline: "{{ evnts }}"}', "evnts"),
        ('group: {by: [$.x], headline: x}\ntext: "{{ events | length }}"', "the text lists events itself"),
    ],
)
def test_what_makes_no_sense_is_a_load_error(text: str, told: str):
    with pytest.raises(ProblemsFound) as raised:
        a_rule(text)
    assert told in str(raised.value)


def test_posts_of_a_group_in_a_row_wait_longer_each_time():
    line = Line(a_rule(GROUP))
    for n in range(90):
        line.take({"site": "A", "n": n}, after_s=60 if n else 0)
    assert times(line) == [10.0, 70.0, 370.0, 2170.0, 3970.0]


def test_a_group_that_was_quiet_for_its_longest_gap_begins_anew():
    line = Line(a_rule(GROUP))
    for after in (0, 20, 100, 2400, 20):
        line.take({"site": "A", "n": 1}, after_s=after)
    line.wait(3600)
    assert times(line) == [10.0, 70.0, 370.0, 2530.0, 2590.0]


def test_a_full_group_posts_at_once_and_counts_in_the_row():
    line = Line(a_rule(GROUP.replace("wait: 10s", "wait: 10s, max: 2")))
    for n in range(3):
        line.take({"site": "A", "n": n})
    assert len(line.sends) == 1
    line.wait(59)
    assert len(line.sends) == 1
    line.wait(1)
    assert len(line.sends) == 2
    line.take({"site": "A", "n": 4})
    line.wait(299)
    assert len(line.sends) == 2
    line.wait(1)
    assert len(line.sends) == 3


def test_a_post_about_several_has_headline_and_table():
    line = Line(a_rule(TABLE))
    line.take({"site": "A", "host": "web1", "state": "a|b"})
    line.take({"site": "A", "host": "web*2", "state": "up\nor down"})
    (post,) = [send.post for send in line.wait(10)]
    assert post.text.splitlines() == [
        "2 of A",
        "",
        "| Host | State |",
        "| --- | --- |",
        r"| web1 | a\|b |",
        r"| web\*2 | up or down |",
    ]


def test_one_event_is_told_by_its_text():
    line = Line(a_rule(TABLE))
    line.take({"site": "A", "host": "web1", "state": "up"})
    assert [send.post.text for send in line.wait(10)] == ["web1 is up"]


def test_more_than_fifty_rows_are_counted():
    line = Line(a_rule(TABLE.replace("wait: 10s", "wait: 10s\n  max: 60")))
    for n in range(60):
        line.take({"site": "A", "host": f"web{n}", "state": "up"})
    (send,) = line.sends
    assert send.post.text.splitlines()[-1] == "and 10 more"
    assert send.post.text.count("| web") == 50


def test_a_headline_without_a_table_stands_above_the_texts():
    line = Line(a_rule(TABLE.replace('  table: {Host: "{{ data.host }}", State: "{{ data.state }}"}\n', "")))
    for host in ("web1", "web2"):
        line.take({"site": "A", "host": host, "state": "up"})
    assert [send.post.text for send in line.wait(10)] == ["2 of A\n\nweb1 is up\nweb2 is up"]


def test_a_table_without_a_headline_has_ours():
    line = Line(a_rule(TABLE.replace('  headline: "{{ events | length }} of {{ data.site }}"\n', "")))
    for host in ("web1", "web2"):
        line.take({"site": "A", "host": host, "state": "up"})
    assert [send.post.text.splitlines()[0] for send in line.wait(10)] == ["**2 x r**"]


def test_a_column_that_fails_gives_the_plain_form_with_a_note():
    line = Line(a_rule(TABLE.replace('data.state }}"}', 'data.stat }}"}')))
    for host in ("web1", "web2"):
        line.take({"site": "A", "host": host, "state": "up"})
    (send,) = line.wait(10)
    assert 'there is no "stat"' in send.fallback
    assert "web1" in send.post.text
    assert "web2" in send.post.text


RATES = st.sampled_from([[(2, 10), (5, 60)], [(1, 10), (3, 60), (8, 600)], [(3, 60)]])


@settings(max_examples=60, deadline=None)
@given(
    rates=RATES,
    gaps=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    overflow=st.sampled_from(["digest", "delay", "drop"]),
    restart_after=st.integers(0, 60),
)
def test_no_window_holds_more_posts_than_its_rate_whatever_happens(rates, gaps, overflow, restart_after):
    said = ", ".join(f"{count}/{per}s" for count, per in rates)
    rules = f'throttle: [{said}]\noverflow: {overflow}\ntext: "{{{{ data.n }}}}"'
    line, posts = Line(a_rule(rules)), []
    for n, gap in enumerate(gaps):
        for _ in range(gap):
            posts += _times_of(line, line.wait(1))
        if n == restart_after:
            line = _again(line, rules)
        posts += _times_of(line, line.take({"n": n}))
    for _ in range(1300):
        posts += _times_of(line, line.wait(1))
    for count, per in rates:
        for at_us in posts:
            assert sum(0 <= other - at_us < us(per) for other in posts) <= count
    assert line.rehearsal.state.next_due_us() is None or overflow != "drop"


def _times_of(line: Line, sends: list[Send]) -> list[int]:
    return [line.now_us] * len(sends)


def _again(line: Line, rules: str) -> Line:
    """A bridge that was restarted: all that it knows is its state."""
    again = Line(a_rule(rules), line.rehearsal.state)
    again.now_us, again._offset = line.now_us, 1000
    return again


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 9, 10, 50, 60, 61, 299, 301, 1800, 1801]), min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_gaps_of_a_group_hold_over_restarts_and_nothing_is_lost(gaps, restart_after):
    line, posts, stood_for = Line(a_rule(GROUP)), [], 0
    for n, gap in enumerate(gaps):
        sends = line.wait(gap)
        if n == restart_after:
            line.rehearsal = _again(line, GROUP).rehearsal
        sends += line.take({"site": "A", "n": n})
        posts += sends
        stood_for += sum(send.stands_for for send in sends)
    stood_for += sum(send.stands_for for send in line.wait(3600))
    assert stood_for == len(gaps)
    moments = times(line)
    in_row = 0
    for before, after in pairwise(moments):
        in_row = in_row + 1 if after - before <= 1800 else 0
        assert after - before >= 60
        if in_row >= 2 and moments.index(after) >= 2:
            assert after - before >= 60
