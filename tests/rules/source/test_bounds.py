"""The bounds of what people and programs give."""

import pytest

from rules.events.moments import from_us
from rules.source.bounds import EARLIEST_US, LATEST_US, int64_of, moment_us, seconds_us
from rules.source.problems import ProblemsFound
from rules.source.words import size_bytes
from rules.workbench.run_cases import run_cases
from tests.fakes.rule_sets import a_rule_set


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("+6", 6),
        ("-1", -1),
        ("00000000000000000000000001", 1),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), None),
        ("9" * 5000, None),
        ("", None),
        (" 1", None),
        ("1.0", None),
        ("1_0", None),
        ("²", None),
        ("١", None),
    ],
)
def test_whole_numbers_are_read_as_go_does(text, number):
    assert int64_of(text) == number


@pytest.mark.parametrize("seconds", [-1, 1e10, 1e300, float("inf"), float("nan"), 10**400])
def test_a_length_of_time_has_bounds(seconds):
    with pytest.raises(ValueError, match="for_s must be from 0 to"):
        seconds_us(seconds, "for_s")


def test_moments_have_bounds_and_are_shown_whatever_they_are():
    assert moment_us(0, "it") == 0
    for time_us in (EARLIEST_US - 1, LATEST_US + 1, 10**30):
        with pytest.raises(ValueError, match="it must lie in the years"):
            moment_us(time_us, "it")
    assert (from_us(10**30).year, from_us(-(10**30)).year) == (9999, 1)


def test_a_size_has_a_bound():
    with pytest.raises(ValueError, match="larger than"):
        size_bytes("999999999TiB")


def test_nothing_is_repeated_more_often_than_once_a_second():
    rules = """
rules:
  - {name: r, match: {$.a: 1}, key: k, resolved: {$.a: 2}, repeat: 1ms, text: t, send: ops}
"""
    with pytest.raises(ProblemsFound) as found:
        a_rule_set(rules)
    assert "the shortest repeat is 1s" in str(found.value)


@pytest.mark.timeout(240)  # a hundred thousand timers: half a minute of work
def test_a_test_that_would_fire_timers_without_end_fails_and_says_so():
    rules = """
rules:
  - {name: r, match: {$.a: 1}, key: k, resolved: {$.a: 2}, repeat: 1s, forget_after: 7d, text: t, send: ops}
tests:
  - name: long
    messages:
      - {at: 0s, data: {a: 1}}
      - {at: 6d, data: {a: 2}}
    expect: []
"""
    rule_set = a_rule_set(rules)
    (result,) = run_cases(rule_set, rule_set.cases)
    assert "timers were due before the next message" in str(result.differences)


def test_the_time_of_a_test_has_bounds():
    rules = """
rules:
  - {name: r, match: {$.a: 1}, text: t, send: ops}
tests:
  - {name: late, start: "9999-12-31T23:59:59-23:59", message: {data: {a: 1}}, expect: []}
"""
    with pytest.raises(ProblemsFound) as found:
        a_rule_set(rules)
    assert "years 1 to 9999" in str(found.value)
