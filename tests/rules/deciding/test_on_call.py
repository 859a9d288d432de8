"""``on_call('NAME')`` in rules, and intervals within the events of a calendar."""

import pytest

from rules.events.calendars import CalendarCopy, CalendarPeriod, CalendarShelf
from rules.language.read import rebuild
from rules.source.problems import ProblemsFound
from tests.fakes.rule_sets import START_US, Line, a_rule, a_world, us

ROTA = {"net": {"people": ["@anna", "@ben"], "since": "2026-01-05", "turn": "1d", "timezone": "UTC"}}
CALLED = "mention: \"{{ on_call('net') }}\"\ntext: x"


def a_shelf(*spans_s: tuple[float, float]) -> CalendarShelf:
    shelf = CalendarShelf()
    put(shelf, *spans_s)
    return shelf


def put(shelf: CalendarShelf, *spans_s: tuple[float, float]) -> None:
    periods = tuple(CalendarPeriod(START_US + us(a), START_US + us(b), "works") for a, b in spans_s)
    shelf.put("plan", CalendarCopy(periods, digest=repr(spans_s)))


def test_a_post_calls_who_is_on_call_at_the_time_of_the_decision():
    line = Line(a_rule(CALLED, a_world(rota=ROTA)))
    called = [line.take(after_s=after)[0].post.mention for after in (0, 12 * 3600 - 1, 1)]
    assert called == ["@anna", "@anna", "@ben"]


def test_a_rota_that_is_not_there_is_a_load_error_at_its_place():
    with pytest.raises(ProblemsFound) as raised:
        a_rule(CALLED.replace("net", "nett"), a_world(rota=ROTA))
    assert 'there is no rota "nett"; did you mean "net"?' in str(raised.value)


def test_a_rota_that_an_event_names_and_is_not_there_leaves_the_mention_out_with_a_note():
    line = Line(a_rule('mention: "{{ on_call(data.team) }}"\ntext: x', a_world(rota=ROTA)))
    (send,) = line.take({"team": "db"})
    assert (send.post.mention, 'there is no rota "db"' in send.fallback) == ("", True)


def test_the_rotas_of_an_older_rule_set_are_those_it_was_read_with():
    before = a_rule(CALLED, a_world(rota=ROTA))
    again = rebuild(before.sources, a_world(rota={}))
    assert Line(again).take()[0].post.mention == "@anna"
    assert again.version == before.version


def test_the_version_of_rules_changes_with_a_rota_and_not_with_a_calendar():
    world = a_world(rota=ROTA, calendars=("plan",), shelf=a_shelf((0, 1)))
    changed = {"net": ROTA["net"] | {"people": ["@anna"]}}
    assert a_rule(CALLED, world).version == a_rule(CALLED, a_world(rota=ROTA)).version
    assert a_rule(CALLED, world).version != a_rule(CALLED, a_world(rota=changed)).version


def test_a_rule_is_quiet_within_the_events_of_a_calendar():
    world = a_world(intervals={"plan": {"calendar": "plan"}}, calendars=("plan",), shelf=a_shelf((60, 120)))
    line = Line(a_rule("not_hours: plan", world))
    assert [len(line.take(after_s=after)) for after in (0, 59, 1, 59, 1)] == [1, 1, 0, 0, 1]


def test_what_a_calendar_kept_quiet_is_told_when_its_event_ends():
    world = a_world(intervals={"plan": {"calendar": "plan"}}, calendars=("plan",), shelf=a_shelf((0, 600)))
    incident = 'match: {$.status: CRITICAL}\nresolved: {$.status: OK}\nkey: "{{ data.k }}"\nnot_hours: plan'
    line = Line(a_rule(incident, world))
    assert line.take({"status": "CRITICAL", "k": "a"}) == []
    assert line.wait(599) == []
    assert [send.phase for send in line.wait(2)] == ["firing"]


def test_a_calendar_that_changes_counts_at_once():
    shelf = a_shelf((0, 600))
    world = a_world(intervals={"plan": {"calendar": "plan"}}, calendars=("plan",), shelf=shelf)
    line = Line(a_rule("not_hours: plan", world))
    assert line.take() == []
    put(shelf)
    assert len(line.take(after_s=1)) == 1


def test_a_calendar_and_other_keys_of_an_interval_must_both_fit():
    interval = {"calendar": "plan", "times": ["13:00-14:00"], "timezone": "UTC"}
    world = a_world(intervals={"plan": interval}, calendars=("plan",), shelf=a_shelf((0, 5400)))
    line = Line(a_rule("hours: plan", world))
    assert [len(line.take(after_s=after)) for after in (0, 3600, 1799, 1)] == [0, 1, 1, 0]


def test_an_interval_names_a_calendar_that_is_there():
    with pytest.raises(ProblemsFound) as raised:
        a_rule("hours: plan", a_world(intervals={"plan": {"calendar": "plann"}}, calendars=("plan",)))
    assert 'no calendar "plann" in bridge.yaml' in str(raised.value)
