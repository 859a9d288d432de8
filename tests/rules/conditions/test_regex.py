from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.conditions.regex import compile_regex


def test_a_pattern_is_searched_anywhere_in_the_text():
    assert compile_regex(r"\d+").search("CDI-12")
    assert not compile_regex(r"^\d+").search("CDI-12")


def test_case_can_be_ignored():
    assert compile_regex("cdi", ignore_case=True).search("CDI-12")
    assert not compile_regex("cdi").search("CDI-12")
    assert compile_regex("(?i)cdi").search("CDI-12")


def test_groups_replace_and_a_count_bounds_them():
    assert compile_regex(r"(\w+)@(\w+)").sub(r"\2 of \1", "a@b c@d") == "b of a d of c"
    assert compile_regex("a").sub("x", "aaa", 2) == "xxa"


def test_a_replacement_with_an_unknown_group_is_told():
    with pytest.raises(ValueError, match="cannot replace with"):
        compile_regex("a").sub(r"\9", "a")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?=a)b", "uses look-ahead (?=...), which can take unbounded time"),
        ("(?!a)b", "uses negative look-ahead"),
        ("(?<=a)b", "uses look-behind"),
        ("(?<!a)b", "uses negative look-behind"),
        (r"(a)\1", r"uses a back-reference (\1)"),
        ("(?P<n>a)(?P=n)", "uses a back-reference"),
        ("(?>a)", "uses an atomic group"),
        ("a++", 'two repetitions in a row: "++"'),
        ("a{2000}", "more often than 1000 times"),
        ("*.example.org", "write like: in place of regex:"),
        ("(a", 'has no closing ")"'),
        ("[a", 'has no closing "]"'),
        (r"a\Z", r"write \z"),
        ("x" * 10_001, "longer than 10000 characters"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, words: str):
    with pytest.raises(ValueError, match="the regular expression") as caught:
        compile_regex(pattern)
    assert words in str(caught.value)


def test_a_catastrophic_pattern_takes_linear_time():
    before = time.perf_counter()
    assert not compile_regex(r"^(a+)+(b|aa)*(a|a?)+$").search("a" * 100_000 + "!")
    assert time.perf_counter() - before < 2


def test_half_a_surrogate_pair_in_a_text_is_no_crash():
    assert compile_regex("b").search("a\ud800b")
    assert compile_regex("b").sub("c", "\ud800b") == "?c"


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.sampled_from("ab()[]{}*+?|\\^$.0123,:=!<>P-dwsbZ"), max_size=15) | st.text(max_size=10),
    st.text(max_size=20),
)
def test_any_pattern_either_works_or_is_refused_with_a_text(pattern: str, text: str):
    with contextlib.suppress(ValueError):
        assert compile_regex(pattern).search(text) in {True, False}
