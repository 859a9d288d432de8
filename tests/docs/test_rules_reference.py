"""The reference page says what the code says, and every example on it is read by the code."""

from __future__ import annotations

import pytest

from rules.conditions.conditions import CLAUSES, compile_match
from rules.conditions.event_places import MESSAGE_NAMES, ROOTS, read_place
from rules.conditions.operators import OPERATORS
from rules.events import decode_spec
from rules.language.read_intervals import KEYS, KnownCalendars, read_interval
from rules.language.read_rule import RULE_KEYS as READ_KEYS
from rules.language.reference import RULE_KEYS
from rules.language.template_reader import GROUP_NAMES
from rules.rendering.environment import Templates
from rules.source.places import read_yaml
from rules.source.problems import Problem
from rules.workbench.reference_page import CLAUSES as TOLD_CLAUSES
from rules.workbench.reference_page import DECODINGS as TOLD_DECODINGS
from rules.workbench.reference_page import INTERVALS, NAMES, PLACES, reference_page
from tests.house.reading import ROOT


def test_the_page_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "rules-reference.md").read_text()
    assert written == reference_page(), "write it anew: python docs/generate_reference.py"


def test_every_key_place_name_clause_and_decoding_is_told() -> None:
    assert {entry.name for entry in RULE_KEYS} == set(READ_KEYS)
    assert {place.partition(".")[0] for place in PLACES} == set(ROOTS)
    assert all(f"`{name}`" in PLACES["message.id"] for name in MESSAGE_NAMES)
    assert {name for name in NAMES if "(" not in name} == GROUP_NAMES
    functions = {name.partition("(")[0] for name in NAMES if "(" in name}
    assert functions <= set(Templates().globals)
    assert set(TOLD_CLAUSES) == set(CLAUSES)
    assert set(TOLD_DECODINGS) == set(decode_spec._WORDS)
    assert set(INTERVALS) == set(KEYS)


@pytest.mark.parametrize("place", [place for place in PLACES if place.isascii()])
def test_every_place_can_be_read(place: str) -> None:
    read_place(place)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_example_of_an_operator_is_read(name: str) -> None:
    document = read_yaml(f"$.x: {OPERATORS[name].example}", "example")
    problems: list[Problem] = list(document.problems)
    compile_match(document.value, document, (), problems)
    assert problems == []
    assert name in document.value["$.x"]


@pytest.mark.parametrize("key", INTERVALS)
def test_every_example_of_an_interval_is_read(key: str) -> None:
    document = read_yaml(f"{key}: {INTERVALS[key][1]}", "example")
    problems: list[Problem] = list(document.problems)
    read_interval("x", document.value, document, (), problems, KnownCalendars(("downtimes",)))
    assert problems == []
