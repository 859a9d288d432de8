"""The pace: how many tries may begin, and what "too fast" changes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.rate_limiter import RateLimiter
from bridge.destinations.base import Delivered, Later, Outcome
from bridge.destinations.base import RateLimitStatus as Told
from rules.source.words import Rate


def too_fast(after_s: float | None = None) -> Later:
    return Later("HTTP 429", after_s=after_s, throttled=True)


def begun(pace: RateLimiter, now: float) -> int:
    """Begin all that may begin, and say how many."""
    count = 0
    while pace.room(now) and count < 10_000:
        pace.begin(now)
        count += 1
    return count


def test_without_a_rate_any_number_may_begin() -> None:
    pace = RateLimiter(None, 10, 0.0)
    assert pace.room(0.0) is None
    assert pace.opens_in_s(0.0) is None


def test_a_burst_goes_at_once_and_then_one_for_each_second() -> None:
    pace = RateLimiter(Rate(1, 1.0), 10, 0.0)
    assert begun(pace, 0.0) == 10
    assert pace.opens_in_s(0.0) == pytest.approx(1.0, abs=1e-5)
    assert [begun(pace, second / 2) for second in range(1, 9)] == [0, 1, 0, 1, 0, 1, 0, 1]


def test_a_burst_is_saved_up_again_and_not_more() -> None:
    pace = RateLimiter(Rate(1, 1.0), 10, 0.0)
    begun(pace, 0.0)
    assert begun(pace, 4.0) == 4
    assert begun(pace, 1_000.0) == 10


def test_it_opens_exactly_when_it_says() -> None:
    pace = RateLimiter(Rate(7, 60.0), 1, 0.0)
    now = 0.0
    for _ in range(50):
        assert begun(pace, now) == 1
        wait_s = pace.opens_in_s(now)
        assert wait_s is not None
        now += round(wait_s, 6)
    assert now == pytest.approx(50 * 60 / 7, rel=1e-4)


@given(st.lists(st.floats(0.0, 5.0), max_size=40), st.integers(1, 20), st.integers(1, 20))
def test_never_more_begin_than_the_rate_and_one_burst_allow(pauses: list[float], per_s: int, burst: int) -> None:
    pace, now, total = RateLimiter(Rate(per_s, 1.0), burst, 0.0), 0.0, 0
    for pause_s in pauses:
        now += pause_s
        total += begun(pace, now)
    assert total <= burst + per_s * now + 1e-3


@given(st.floats(0.0, 1e5), st.integers(1, 10), st.integers(0, 30))
def test_there_is_room_exactly_when_it_opens_in_no_time(now: float, burst: int, tries: int) -> None:
    pace = RateLimiter(Rate(3, 7.0), burst, 0.0)
    for _ in range(tries):
        pace.begin(now)
    assert (pace.room(now) == 0) == (pace.opens_in_s(now) is not None)


def test_too_fast_blocks_for_as_long_as_the_service_asks() -> None:
    pace = RateLimiter(None, 10, 0.0)
    pace.learn(too_fast(after_s=30.0), 0.0)
    assert pace.room(29.9) == 0
    assert pace.opens_in_s(10.0) == 20.0
    assert pace.room(30.0) != 0


def test_too_fast_without_a_hint_blocks_for_a_second() -> None:
    pace = RateLimiter(None, 10, 0.0)
    pace.learn(too_fast(), 0.0)
    assert pace.opens_in_s(0.0) == 1.0


@pytest.mark.parametrize("asked_s", [86_400.0, 1e12, math.inf])
def test_a_service_cannot_block_us_longer_than_the_longest_pause(asked_s: float) -> None:
    pace = RateLimiter(None, 10, 0.0, longest_block_s=600.0)
    pace.learn(too_fast(after_s=asked_s), 0.0)
    assert pace.opens_in_s(0.0) == 600.0


@pytest.mark.parametrize("asked_s", [math.nan, -5.0])
def test_a_pause_that_makes_no_sense_is_not_obeyed(asked_s: float) -> None:
    pace = RateLimiter(None, 10, 0.0)
    pace.learn(too_fast(after_s=asked_s), 0.0)
    assert (pace.opens_in_s(0.0) or 0.0) <= 1.0


def test_the_limit_is_obeyed_before_the_wall_is_hit() -> None:
    pace = RateLimiter(None, 10, 0.0)
    pace.learn(Delivered(pace=Told(remaining=1, reset_s=20.0)), 0.0)
    assert pace.room(0.0) is None
    pace.learn(Delivered(pace=Told(remaining=0, reset_s=20.0)), 0.0)
    assert pace.room(19.0) == 0
    assert pace.opens_in_s(0.0) == 20.0


def test_too_fast_halves_the_pace_and_success_brings_it_back_slowly() -> None:
    pace = RateLimiter(Rate(10, 1.0), 1, 0.0)
    pace.learn(too_fast(after_s=0.0), 0.0)
    assert pace.factor == 0.5
    factors: list[float] = []
    while pace.factor < 1.0:
        pace.learn(Delivered(), 1.0)
        factors.append(pace.factor)
    assert factors == sorted(factors)
    assert len(factors) == 15


def test_tries_under_way_when_we_are_told_do_not_halve_it_again() -> None:
    pace = RateLimiter(Rate(10, 1.0), 10, 0.0)
    for _ in range(32):
        pace.learn(too_fast(after_s=5.0), 0.0)
    assert pace.factor == 0.5
    pace.learn(too_fast(after_s=5.0), 6.0)
    assert pace.factor == 0.25


def test_it_never_stops_altogether() -> None:
    pace = RateLimiter(Rate(1, 1.0), 1, 0.0)
    for second in range(0, 100, 2):
        pace.learn(too_fast(), float(second))
    assert pace.factor == 1 / 16
    assert begun(pace, 200.0) == 1


def test_after_too_fast_the_whole_burst_does_not_go_at_once() -> None:
    pace = RateLimiter(Rate(1, 1.0), 10, 0.0)
    pace.learn(too_fast(after_s=60.0), 0.0)
    assert begun(pace, 60.0) == 5


def test_a_destination_without_a_rate_is_slowed_to_half_of_what_it_was_written_to_with() -> None:
    pace = RateLimiter(None, 10, 0.0)
    for n in range(200):
        pace.begin(n / 100)
    pace.learn(too_fast(after_s=1.0), 2.0)
    began = sum(begun(pace, 3.0 + tick / 10) for tick in range(100))
    assert 450 <= began <= 550
    while pace.factor < 1.0:
        pace.learn(Delivered(), 13.0)
    assert pace.room(13.0) is None


def test_a_destination_without_a_rate_is_never_slower_than_one_a_second() -> None:
    pace = RateLimiter(None, 10, 0.0)
    for second in range(0, 100, 2):
        pace.begin(float(second))
        pace.learn(too_fast(after_s=0.0), float(second))
    assert sum(begun(pace, 200.0 + second) for second in range(10)) == 10


@given(st.lists(st.sampled_from([Delivered(), too_fast(), too_fast(0.0), too_fast(9.0), Later("x")]), max_size=60))
def test_whatever_it_is_told_it_opens_again_in_bounded_time(outcomes: list[Outcome]) -> None:
    pace = RateLimiter(Rate(1, 1.0), 3, 0.0, longest_block_s=60.0)
    for second, outcome in enumerate(outcomes):
        pace.learn(outcome, float(second))
        assert (pace.opens_in_s(float(second)) or 0.0) <= 60.0
