from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.source.words import Rate, duration_s, duration_text, rate, size_bytes, suggest, suggest_of


@pytest.mark.parametrize(
    ("word", "tail"),
    [
        ("equalz", '; did you mean "equals"?'),
        ("EQUALS", '; did you mean "equals"?'),
        ("contain", '; did you mean "contains"?'),
        ("xyzzy", ""),
        ("equals", ""),
    ],
)
def test_a_near_word_is_suggested_and_a_far_one_is_not(word: str, tail: str):
    assert suggest(word, ["equals", "contains", "like"]) == tail


def test_the_known_words_stand_behind_a_suggestion():
    assert suggest_of("equalz", ["equals", "like"], "operators") == '; did you mean "equals"? operators: equals, like'
    assert suggest_of("xyzzy", ["equals", "like"], "operators") == "; operators: equals, like"
    assert suggest_of("x", [], "known") == "; known: none"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("300ms", 0.3),
        ("10s", 10),
        ("5m", 300),
        ("2h", 7200),
        ("7d", 604800),
        ("1w", 604800),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("0s", 0),
        (0, 0),
        (" 10s ", 10),
    ],
)
def test_a_duration_is_read_in_seconds(said: object, seconds: float):
    assert duration_s(said) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (10, "it has no unit; write 10s"),
        ("10", "it has no unit"),
        ("-5m", "cannot be negative"),
        ("soon", "such as 300ms"),
        ("5 minutes", "is not a duration"),
        ("", "is not a duration"),
        (None, '"nothing" is not a duration'),
        (True, '"true" is not a duration'),
        ([], "is not a duration"),
        ("999999999999d", "longer than a hundred years"),
        ("1" * 500 + "d", "is not a duration"),
        ("١٠s", "is not a duration"),
    ],
)
def test_what_is_no_duration_is_refused_with_help(said: object, word: str):
    with pytest.raises(ValueError, match=r"duration|years|negative") as caught:
        duration_s(said)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("64KiB", 65536),
        ("10MiB", 10485760),
        ("20GiB", 20 * 2**30),
        ("5MB", 5_000_000),
        ("512B", 512),
        ("1.5KiB", 1536),
        ("10mib", 10485760),
    ],
)
def test_a_size_is_read_in_bytes(said: str, count: int):
    assert size_bytes(said) == count


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (1024, "it has no unit; write 1024B"),
        ("10M", "did you mean 10MiB?"),
        ("big", "such as 64KiB"),
        ("-1B", "is not a size"),
        (None, "is not a size"),
    ],
)
def test_what_is_no_size_is_refused_with_help(said: object, word: str):
    with pytest.raises(ValueError, match="is not a size") as caught:
        size_bytes(said)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("said", "meant"), [("20/1m", Rate(20, 60)), ("1/s", Rate(1, 1)), ("5/10s", Rate(5, 10)), ("3 / 2h", Rate(3, 7200))]
)
def test_a_rate_is_a_count_in_a_duration(said: str, meant: Rate):
    assert rate(said) == meant


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("20", "such as 20/1m"),
        ("0/1m", "never let anything pass"),
        ("1/0s", "never let anything pass"),
        ("20/1x", "is not a duration"),
        (5, "is not a rate"),
    ],
)
def test_what_is_no_rate_is_refused_with_help(said: object, word: str):
    with pytest.raises(ValueError, match=r"rate|pass") as caught:
        rate(said)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5400, "1h30m"), (0.3, "300ms"), (0, "0s"), (604800, "7d"), (90061, "1d1h"), (-60, "-1m"), (3600.5, "1h")],
)
def test_a_duration_is_told_in_at_most_two_units(seconds: float, text: str):
    assert duration_text(seconds) == text


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.none(), st.booleans()))
def test_nothing_but_value_errors_come_of_any_word(said: object):
    for reader in (duration_s, size_bytes, rate):
        with contextlib.suppress(ValueError):
            reader(said)
