from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions.comparing import NO_KEY, are_equal, comparison_key, number_of
from rules.events.times import dashed_time_us, time_us

AT_US = 1_767_438_000_000_000


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        ("1", 1, False),
        (None, None, True),
        (None, False, False),
        ([1, {"a": True}], [1.0, {"a": True}], True),
        ([1, {"a": True}], [1, {"a": 1}], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([], {}, False),
    ],
)
def test_equality_is_typed_to_any_depth(left: Any, right: Any, equal: bool):
    assert are_equal(left, right) is equal
    assert are_equal(right, left) is equal


scalars = st.none() | st.booleans() | st.integers(-1, 1) | st.sampled_from([0.0, 1.0, 0.5, "", "1", "true"])


@given(scalars, scalars)
def test_scalars_are_equal_exactly_when_their_keys_are(left: Any, right: Any):
    assert are_equal(left, right) == (comparison_key(left) == comparison_key(right))


def test_lists_and_mappings_have_no_key():
    assert comparison_key([]) is comparison_key({}) is NO_KEY


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5), (1.5, 1.5), ("42", 42), (" -4.5 ", -4.5), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0)],
)
def test_numeric_texts_are_numbers(value: Any, number: float):
    assert number_of(value) == number


@pytest.mark.parametrize("value", [True, None, "", "five", "5 %", "1_0", "nan", "inf", "0x10", "٤", [5], "1" * 101])
def test_other_values_are_no_numbers(value: Any):
    assert number_of(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-03T11:00:00Z",
        "2026-01-03t11:00:00z",
        "2026-01-03 11:00:00",
        "2026-01-03T12:00:00+01:00",
        "2026-01-03T11:00:00.000000000Z",
        1767438000,
        "1767438000",
        1767438000.0,
        1767438000000,
        1767438000000000,
        1767438000000000000,
    ],
)
def test_a_time_is_read_in_each_form_alerts_use(value: Any):
    assert time_us(value) == AT_US


def test_eight_digits_are_a_date():
    assert time_us("20260103") == time_us("2026-01-03") == AT_US - 11 * 3_600_000_000


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-01-03T25:00:00Z",
        None,
        True,
        [],
        {},
        float("nan"),
        1e40,
        "0001-01-01T00:00:00Z",
        "9" * 70,
    ],
)
def test_what_is_no_time_is_none(value: Any):
    assert time_us(value) is None


@pytest.mark.parametrize(
    ("text", "is_bound"),
    [
        ("2026-01-03", True),
        ("2026-01-03T11:00:00Z", True),
        ("20260103", False),
        ("1767438000", False),
        ("2026-01", False),
    ],
)
def test_an_operand_needs_its_dashes(text: str, is_bound: bool):
    assert (dashed_time_us(text) is not None) is is_bound
