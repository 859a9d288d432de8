"""Matchers in each of Alertmanager's spellings, and what follows from them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.conditions.conditions import compile_match
from rules.importing.alertmanager_config import Config
from rules.importing.label_matchers import (
    LabelMatcher,
    alternatives,
    are_disjoint,
    is_implied,
    parse_matchers,
    read_matchers,
)
from rules.importing.match_lines import match_of
from rules.model import Event, MessageFacts
from rules.source.places import read_yaml, wrap_unplaced

NOWHERE = MessageFacts(id="0", offset=0, topic="T", project="P", publish_time_us=0)
VALUES = ["", "a", "b", "ab", "x.y", "a\nb"]
WORDS = st.sampled_from(["", "a", "b", "ab", "x.y"])
PATTERNS = st.sampled_from(
    ["a", "a|b", "^(a|b)$", "a.*", ".*", ".+", "", "a|", "[ab]|x", r"x\.y", "(a|b)b?", "^a", "b$"]
)
MATCHERS = st.one_of(
    st.builds(LabelMatcher, st.sampled_from("fg"), st.sampled_from(["=", "!="]), WORDS),
    st.builds(LabelMatcher, st.sampled_from("fg"), st.sampled_from(["=~", "!~"]), PATTERNS),
)
LABELS = st.dictionaries(st.sampled_from("fg"), st.sampled_from(VALUES[1:5]))


def holds(matchers: list[LabelMatcher], labels: dict[str, str]) -> bool:
    return all(matcher.holds(labels.get(matcher.name, "")) for matcher in matchers)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("foo=bar", [("foo", "=", "bar")]),
        ('foo = "bar"', [("foo", "=", "bar")]),
        ("foo = bar baz", [("foo", "=", "bar baz")]),
        ("foo=", [("foo", "=", "")]),
        ('{foo="bar", baz!~"a.*",}', [("foo", "=", "bar"), ("baz", "!~", "a.*")]),
        ("{\n  foo =~ a|b,\n  bar != c\n}", [("foo", "=~", "a|b"), ("bar", "!=", "c")]),
        ('"my.label"="x"', [("my.label", "=", "x")]),
        (r'foo="say \"hi\", \\ and \n"', [("foo", "=", 'say "hi", \\ and \n')]),
        (r'foo="\xf0\x9f\x99\x82"', [("foo", "=", "🙂")]),
        (r'foo="\d+"', [("foo", "=", r"\d+")]),
        ('foo="a,b}"', [("foo", "=", "a,b}")]),
        ("Προμηθεύς=ναι", [("Προμηθεύς", "=", "ναι")]),
        ("", []),
    ],
)
def test_each_spelling_is_read(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [(one.name, one.op, one.value) for one in parse_matchers(text)] == found


@pytest.mark.parametrize("text", ["foo", "{foo=bar", "foo=bar}", 'foo="bar"baz', "=bar", "foo==bar,,", 'foo=b"ar"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|braces|quot"):
        list(parse_matchers(text))


def test_maps_are_read_as_the_older_form() -> None:
    text = 'match: {severity: critical, code: 5}\nmatch_re: {service: "^(a|b)$"}\nmatchers: [\'team="x"\']'
    config = Config(read_yaml(text, "am.yml"))
    assert [str(one) for one in read_matchers(config, ())] == [
        'severity="critical"', 'code="5"', 'service=~"^(a|b)$"', 'team="x"'
    ]  # fmt: skip
    assert config.problems == []


def test_a_regular_expression_that_cannot_be_read_is_a_problem_at_its_place() -> None:
    config = Config(read_yaml('matchers:\n  - a="b"\n  - c=~"(["', "am.yml"))
    read_matchers(config, ())
    assert [(str(one.place), one.path) for one in config.problems] == [("am.yml:3:5", "matchers[1]")]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a", ("a",)),
        ("a|b", ("a", "b")),
        ("^(a|b)$", ("a", "b")),
        ("(?:a|b)", ("a", "b")),
        ("^a$|^b$", ("a", "b")),
        (r"x\.y", ("x.y",)),
        ("a|", ("a", "")),
        ("a.b", None),
        ("(a)|(b)", None),
        ("[ab]", None),
        ("a\\", None),
    ],
)
def test_words_in_a_regular_expression_are_seen(pattern: str, words: tuple[str, ...] | None) -> None:
    assert alternatives(pattern) == words


@settings(max_examples=300, deadline=None)
@given(st.lists(MATCHERS, max_size=3), st.lists(st.lists(MATCHERS, min_size=1, max_size=2), max_size=2), LABELS)
def test_a_condition_holds_when_the_matchers_do(
    matchers: list[LabelMatcher], excluded: list[list[LabelMatcher]], labels: dict[str, str]
) -> None:
    if any(all(one in matchers for one in others) for others in excluded):
        return  # such a rule can never act, and is left out before
    match = match_of(matchers, excluded)
    problems: list[object] = []
    condition = compile_match(match, wrap_unplaced(match, "rule"), (), problems)  # type: ignore[arg-type]
    event = Event(data={"labels": labels}, text="", attributes={}, message=NOWHERE)
    wanted = holds(matchers, labels) and not any(holds(others, labels) for others in excluded)
    assert condition.holds(event, 0) is wanted


@settings(max_examples=300, deadline=None)
@given(st.lists(MATCHERS, max_size=3), st.lists(MATCHERS, max_size=2), LABELS)
def test_what_is_said_to_be_disjoint_or_implied_is(
    some: list[LabelMatcher], others: list[LabelMatcher], labels: dict[str, str]
) -> None:
    if are_disjoint(some, others):
        assert not (holds(some, labels) and holds(others, labels))
    for matcher in others:
        if is_implied(some, matcher) and holds(some, labels):
            assert matcher.holds(labels.get(matcher.name, ""))
