from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.conditions.comparing import comparison_key
from rules.conditions.conditions import compile_match
from rules.model import Event
from rules.source.places import wrap_unplaced
from rules.source.problems import Problem, as_table
from tests.fakes.events import NOW_US, an_event, conditions_said, payloads, scalars


def typed(left: Any, right: Any) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(typed, left, right))
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def plain_value(said: Any, found: list[Any]) -> bool:
    if isinstance(said, list):
        return any(typed(value, member) for value in found for member in said)
    if not isinstance(said, dict):
        return any(typed(value, said) for value in found)
    for name, operand in said.items():
        if name == "exists" and bool(found) is not operand:
            return False
        if name == "not" and (not found or any(plain_value(operand, [value]) for value in found)):
            return False
        if name == "every" and (not found or not all(plain_value(operand, [value]) for value in found)):
            return False
    positive = {name: operand for name, operand in said.items() if name not in {"exists", "not", "every"}}
    return not positive or any(all(plain_operator(*one, value) for one in positive.items()) for value in found)


def plain_operator(name: str, operand: Any, value: Any) -> bool:
    if name == "equals":
        return typed(value, operand)
    if name == "like":
        return isinstance(value, str) and fnmatchcase(value, operand)
    if name == "starts_with":
        return isinstance(value, str) and value.startswith(operand)
    if isinstance(value, bool) or value is None or isinstance(value, list):
        return False
    try:
        number = float(value)
    except ValueError:
        return False
    return number > operand if name == "gt" else number <= operand


def plain_match(said: Any, event: Event) -> bool:
    if isinstance(said, list):
        return all(plain_match(part, event) for part in said)
    return all(plain_line(name, value, event) for name, value in said.items())


def plain_line(name: str, value: Any, event: Event) -> bool:
    if name == "any":
        return any(plain_match(part, event) for part in value)
    if name in {"all", "not"}:
        return plain_match(value, event) is (name == "all")
    key = name[-1]
    if name == "$.c[*]":
        found = event.data["c"] if isinstance(event.data.get("c"), list) else []
        found = list(found)
    elif name == "$.*":
        found = list(event.data.values())
    else:
        source = {"$": event.data, "a": event.attributes, "v": event.vars}[name[0]]
        found = [source[key]] if key in source else []
    return plain_value(value, found)


@settings(max_examples=300, deadline=None)
@given(
    conditions_said,
    payloads,
    st.dictionaries(st.just("a"), st.sampled_from(["a", "b"])),
    st.dictionaries(st.just("a"), st.sampled_from(["a", "b", "1", "true", ""])),  # what set: makes is text
)
def test_a_compiled_condition_holds_as_a_plain_reading_of_it_does(
    said: Any, payload: Any, attributes: Any, variables: Any
):
    problems: list[Problem] = []
    condition = compile_match(said, wrap_unplaced(said, "x"), (), problems)
    assert not [problem for problem in problems if problem.kind == "error"], as_table(problems)
    event = an_event(payload, attributes=attributes, vars=variables)
    held = condition.holds(event, NOW_US)
    assert held is plain_match(said, event)
    rows = condition.explain(event, NOW_US)
    assert sum(row.decisive for row in rows) == (0 if held else 1)
    if held:
        assert condition.root.never == ""
        for equality in condition.equalities:
            assert any(comparison_key(value) in equality.constants for value in equality.place.find_in(event))


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        scalars | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "$.a",
                        "all",
                        "any",
                        "not",
                        "like",
                        "gt",
                        "cidr",
                        "regex",
                        "exists",
                        "older_than",
                        "text",
                        "undecodable",
                        "x",
                        "contains",
                        "ignore_case",
                    ]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
    scalars | st.text(max_size=5) | payloads,
)
def test_nothing_that_can_be_said_makes_compiling_or_holding_raise(said: Any, payload: Any):
    problems: list[Problem] = []
    condition = compile_match(said, wrap_unplaced(said, "x"), (), problems)
    assert condition.holds(an_event(payload), NOW_US) in {True, False}
    assert isinstance(condition.explain(an_event(payload), NOW_US), list)
