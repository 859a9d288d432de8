"""YAML of other programs: everything is text as it is written, and merge keys are read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.source.foreign_yaml import read_foreign_yaml


def value_of(text: str) -> Any:
    (document,) = read_foreign_yaml(text, "f.yml")
    assert document.problems == ()
    return document.value


@pytest.mark.parametrize(
    "word",
    ["0123", "1e3", "1.0", "1.10", "0x1F", "0o7", "yes", "True", "on", "1:30", "2026-01-01", "+5", ".5", "1_000"],
)
def test_what_is_written_is_a_text_as_it_stands(word: str) -> None:
    assert value_of(f"a: {word}\nb: [{word}]\n{word}: c") == {"a": word, "b": [word], word: "c"}


@pytest.mark.parametrize("word", ["", "~", "null", "!!null x"])
def test_nothing_is_nothing(word: str) -> None:
    assert value_of(f"a: {word}") == {"a": None} or word.endswith("x")


def test_a_quoted_nothing_is_a_text() -> None:
    assert value_of("a: ''\nb: \"null\"\nc: !!str null") == {"a": "", "b": "null", "c": "null"}


def test_merge_keys_give_what_the_mapping_does_not_say_itself() -> None:
    text = """
    a: &a {x: "1", y: "2"}
    b: &b {y: "3", z: "4"}
    c: {<<: *a, y: "5"}
    d: {y: "6", <<: [*a, *b]}
    e: {<<: {q: "7"}}
    """
    found = value_of(text)
    assert found["a"] == {"x": "1", "y": "2"}
    assert found["c"] == {"x": "1", "y": "5"}
    assert found["d"] == {"x": "1", "y": "6", "z": "4"}
    assert found["e"] == {"q": "7"}


def test_a_merged_value_stands_where_it_was_written() -> None:
    (document,) = read_foreign_yaml("a: &a\n  x: 1\nb:\n  <<: *a\n  y: 2\n", "f.yml")
    assert str(document.place_of(("b", "x"))) == "f.yml:2:6"


def test_what_cannot_be_merged_is_named() -> None:
    (document,) = read_foreign_yaml("a:\n  <<: text", "f.yml")
    assert [one.text for one in document.problems] == ['a merge key "<<" wants a mapping, or a list of them']


def test_an_anchor_may_be_set_anew_and_tags_are_passed_over() -> None:
    assert value_of("a: &x 1\nb: &x 2\nc: *x\nd: !vault {e: !secret f}\ng: !!binary aGk=") == {
        "a": "1", "b": "2", "c": "2", "d": {"e": "f"}, "g": "hi"
    }  # fmt: skip


def test_each_document_of_a_file_is_read() -> None:
    assert [one.value for one in read_foreign_yaml("a: 1\n---\nb: 2\n---\n", "f.yml")] == [{"a": "1"}, {"b": "2"}, None]
    assert [one.value for one in read_foreign_yaml("", "f.yml")] == [None]


def test_a_key_that_stands_twice_is_a_problem() -> None:
    (document,) = read_foreign_yaml("a: 1\na: 2", "f.yml")
    assert "stands twice" in document.problems[0].text


@given(st.text(max_size=40))
def test_no_text_makes_it_fail(text: str) -> None:
    assert read_foreign_yaml(text, "f.yml")


@pytest.mark.parametrize("levels", [60, 150, 199, 5_000])
@pytest.mark.parametrize(("opening", "closing"), [("{a: ", "}"), ("[", "]")])
def test_what_is_nested_deep_is_read_or_refused(levels: int, opening: str, closing: str) -> None:
    (document,) = read_foreign_yaml(opening * levels + "x" + closing * levels, "f.yml")
    assert (document.value is None) is bool(document.problems)
    assert len(document.problems) <= 1
