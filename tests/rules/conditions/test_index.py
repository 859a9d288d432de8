from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.conditions.conditions import Condition, compile_match
from rules.conditions.index import RuleIndex
from rules.model import Event
from rules.source.places import wrap_unplaced
from rules.source.problems import Problem
from tests.fakes.events import NOW_US, an_event, conditions_said, payloads, scalars


def a_condition(said: Any) -> Condition:
    problems: list[Problem] = []
    return compile_match(said, wrap_unplaced(said, "x"), (), problems)


def an_index(*said: Any) -> RuleIndex:
    return RuleIndex([a_condition(one) for one in said])


def candidates(index: RuleIndex, data: Any, **changes: Any) -> list[int]:
    return list(index.candidates(an_event(data, **changes)))


def test_only_rules_whose_constant_is_there_are_candidates():
    index = an_index({"$.site": "A"}, {"$.site": "B"}, {"$.site": ["B", "C"]}, {"$.other": "x"})
    assert candidates(index, {"site": "B"}) == [1, 2]
    assert candidates(index, {"site": "C", "other": "x"}) == [2, 3]
    assert candidates(index, {"site": "D"}) == []
    assert candidates(index, "no mapping") == []


def test_rules_without_a_necessary_equality_are_always_candidates():
    index = an_index({"$.site": "A"}, {"$.n": {"gt": 5}}, {}, {"$.site": {"not": "A"}})
    assert candidates(index, {"site": "B"}) == [1, 2, 3]
    assert candidates(index, {"site": "A"}) == [0, 1, 2, 3]


def test_the_most_selective_equality_is_used():
    index = RuleIndex([a_condition({"$.type": "endpoint", "$.site": f"S{n}"}) for n in range(100)])
    assert candidates(index, {"type": "endpoint", "site": "S7"}) == [7]
    assert candidates(index, {"type": "service", "site": "S7"}) == [7]


def test_alternatives_are_looked_up_each_at_its_own_place():
    index = an_index(
        {"any": [{"$.site": "A"}, {"$.host": "h1"}]},
        {"any": [{"$.site": "B"}, {"all": [{"$.n": {"gt": 1}}, {"$.host": ["h1", "h2"]}]}]},
        {"any": [{"$.site": "A"}, {"$.n": {"gt": 1}}]},
    )
    assert candidates(index, {"site": "C", "host": "h3"}) == [2]
    assert candidates(index, {"site": "B", "host": "h3"}) == [1, 2]
    assert candidates(index, {"site": "A", "host": "h1"}) == [0, 1, 2]


def test_how_a_text_begins_is_looked_up_too():
    index = an_index(
        {"$.host": {"like": "web*"}},
        {"$.host": {"starts_with": ["db-", "dbx"]}},
        {"$.host": {"like": ["a?", "b[cd]*"]}},
        {"$.host": {"like": "exact"}},
        {"$.host": {"like": "*.example.org"}},
        {"$.host": {"like": "WEB*", "ignore_case": True}},
        {"$.hosts[*]": {"like": f"{'x' * 40}*"}},
    )
    assert candidates(index, {"host": "web1"}) == [0, 4, 5]
    assert candidates(index, {"host": "db-1"}) == [1, 4, 5]
    assert candidates(index, {"host": "bc1"}) == [2, 4, 5]
    assert candidates(index, {"host": "exact"}) == [3, 4, 5]
    assert candidates(index, {"host": 7, "hosts": ["y", "x" * 50]}) == [4, 5, 6]


@pytest.mark.parametrize(
    "said",
    [
        {"$.site": "S#", "not": {"$.status": "OK"}},
        {"$.site": ["S#", "T#", "U#"]},
        {"$.site": {"like": "S#*"}},
        {"$.site": {"starts_with": "S#"}},
        {"$.site": {"every": "S#"}},
        {"attributes.site": "S#"},
        {"$.sites[*]": "S#"},
        {"any": [{"$.site": "S#"}, {"$.host": "h#"}]},
        {"any": [{"$.site": "S#", "$.status": {"not": "OK"}}, {"attributes.site": {"like": "h#-*"}}]},
        {"all": [{"$.status": "CRITICAL"}, {"any": [{"$.site": "S#"}, {"$.host": {"like": "h#*"}}]}]},
    ],
    ids=str,
)
def test_of_a_thousand_rules_with_a_word_of_their_own_few_are_asked(said: dict[str, Any]):
    several = [json.loads(json.dumps(said).replace("#", f"{n:04}")) for n in range(1000)]
    index = an_index(*several)
    site = {"site": "S0007", "sites": ["S0007", "x"], "host": "nowhere", "status": "CRITICAL"}
    assert candidates(index, site, attributes={"site": "S0007"}) == [7]


def test_every_value_found_at_a_place_is_looked_up():
    index = an_index({"$.alerts[*].status": "firing"}, {"$.alerts[*].status": "resolved"}, {"$.alerts[*].status": "x"})
    assert candidates(index, {"alerts": [{"status": "resolved"}, {"status": "firing"}]}) == [0, 1]


def test_constants_are_typed():
    index = an_index({"$.n": 1}, {"$.n": True}, {"$.n": "1"}, {"$.n": None}, {"$.n": 1.0})
    assert candidates(index, {"n": 1}) == [0, 4]
    assert candidates(index, {"n": True}) == [1]
    assert candidates(index, {"n": "1"}) == [2]
    assert candidates(index, {"n": None}) == [3]
    assert candidates(index, {"n": [1]}) == []
    assert candidates(index, {}) == []


def test_attributes_and_messages_are_places_too():
    index = an_index({"attributes.vo": "ops"}, {"message.topic": "other"}, {"parent.receiver": "ops"})
    assert candidates(index, {}) == [0, 2]


def test_variables_are_not_looked_up_as_they_are_set_later():
    index = an_index({"vars.severity": "critical"}, {"vars.severity": "x", "$.site": "A"})
    assert candidates(index, {}, vars={}) == [0]
    assert candidates(index, {"site": "A"}, vars={}) == [0, 1]


def test_a_second_condition_makes_a_rule_a_candidate_too():
    index = RuleIndex(
        [(a_condition({"$.status": "CRITICAL"}), a_condition({"$.status": "OK"})), a_condition({"$.status": "OK"})]
    )
    assert candidates(index, {"status": "OK"}) == [0, 1]
    assert candidates(index, {"status": "CRITICAL"}) == [0]
    assert candidates(index, {"status": "WARNING"}) == []


def test_an_undecodable_event_meets_only_rules_that_speak_of_it():
    index = an_index({"$.a": 1}, {"undecodable": True}, {}, {"any": [{"undecodable": True}, {"$.a": 1}]})
    assert candidates(index, "x", undecodable="not JSON") == [1, 3]


def test_an_empty_index_has_no_candidates():
    assert candidates(RuleIndex([]), {"a": 1}) == []


events = st.builds(
    lambda data, attributes, undecodable: an_event(data, attributes=attributes, undecodable=undecodable),
    payloads | scalars,
    st.dictionaries(st.just("a"), st.sampled_from(["a", "b"])),
    st.sampled_from([None, None, None, "not JSON"]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(conditions_said | conditions_said.map(lambda said: {"all": said, "undecodable": True}), max_size=8),
    st.lists(events, min_size=1, max_size=4),
)
def test_no_rule_that_holds_is_ever_left_out(said: list[Any], several: list[Event]):
    conditions = [a_condition(one) for one in said]
    index = RuleIndex(conditions)
    for event in several:
        found = list(index.candidates(event))
        assert found == sorted(set(found))
        assert {number for number, condition in enumerate(conditions) if condition.holds(event, NOW_US)} <= set(found)
