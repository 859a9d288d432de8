"""The breaker: when it opens, which try is its probe, and how its pauses grow."""

from __future__ import annotations

import pytest

from bridge.delivery.circuit_breaker import CircuitBreaker
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.config import BreakerSettings

DOWN = Later("HTTP 503")
UNCLEAR = Later("no answer", unclear=True)
TOO_FAST = Later("HTTP 429", throttled=True)
GONE = Refused("HTTP 410", destination_gone=True)
REFUSED = Refused("HTTP 400")


def a_breaker(failures: int = 3, probe_every: float = 10.0) -> CircuitBreaker:
    return CircuitBreaker(BreakerSettings(failures=failures, probe_every=probe_every))


def an_open_breaker(now: float = 0.0) -> CircuitBreaker:
    breaker = a_breaker()
    for _ in range(3):
        breaker.learn(breaker.begin(), DOWN, now)
    assert breaker.state == "open"
    return breaker


def test_a_closed_breaker_lets_any_number_begin() -> None:
    breaker = a_breaker()
    assert breaker.state == "closed"
    assert breaker.room(0.0) is None
    assert breaker.opens_in_s(0.0) is None


@pytest.mark.parametrize("failure", [DOWN, UNCLEAR])
def test_it_opens_after_failures_in_a_row(failure: Outcome) -> None:
    breaker = a_breaker(failures=3)
    assert [breaker.learn(breaker.begin(), failure, 5.0) for _ in range(3)] == [False, False, True]
    assert breaker.room(14.9) == 0
    assert breaker.opens_in_s(5.0) == 10.0
    assert breaker.room(15.0) == 1


@pytest.mark.parametrize("answer", [Delivered(), REFUSED])
def test_any_answer_of_the_service_breaks_the_row(answer: Outcome) -> None:
    breaker = a_breaker(failures=2)
    for _ in range(5):
        breaker.learn(breaker.begin(), DOWN, 0.0)
        breaker.learn(breaker.begin(), answer, 0.0)
    assert breaker.state == "closed"


def test_too_fast_is_no_failure_and_no_recovery() -> None:
    breaker = a_breaker(failures=2)
    breaker.learn(breaker.begin(), DOWN, 0.0)
    for _ in range(5):
        assert not breaker.learn(breaker.begin(), TOO_FAST, 0.0)
    assert breaker.state == "closed"
    assert breaker.learn(breaker.begin(), DOWN, 0.0)


def test_a_destination_that_is_gone_opens_it_at_once() -> None:
    breaker = a_breaker(failures=9)
    assert breaker.learn(breaker.begin(), GONE, 0.0)
    assert breaker.state == "open"


def test_one_probe_goes_out_and_no_second_beside_it() -> None:
    breaker = an_open_breaker()
    assert breaker.room(10.0) == 1
    breaker.begin()
    assert breaker.is_probing
    assert breaker.room(1_000.0) == 0
    assert breaker.opens_in_s(1_000.0) is None


def test_a_probe_that_arrives_closes_it() -> None:
    breaker = an_open_breaker()
    assert breaker.learn(breaker.begin(), Delivered(), 10.0)
    assert breaker.state == "closed"
    assert breaker.room(10.0) is None


def test_pauses_double_with_each_failed_probe_up_to_twenty_times_the_first() -> None:
    breaker = an_open_breaker()
    now, pauses = 0.0, []
    for _ in range(7):
        pause_s = breaker.opens_in_s(now)
        assert pause_s is not None
        pauses.append(pause_s)
        now += pause_s
        breaker.learn(breaker.begin(), DOWN, now)
    assert pauses == [10.0, 20.0, 40.0, 80.0, 160.0, 200.0, 200.0]


def test_pauses_begin_anew_after_it_closed() -> None:
    breaker = an_open_breaker()
    breaker.learn(breaker.begin(), DOWN, 10.0)
    breaker.learn(breaker.begin(), Delivered(), 30.0)
    for _ in range(3):
        breaker.learn(breaker.begin(), DOWN, 100.0)
    assert breaker.opens_in_s(100.0) == 10.0


def test_tries_already_under_way_when_it_opens_leave_its_pause_alone() -> None:
    breaker = a_breaker(failures=3)
    under_way = [breaker.begin() for _ in range(32)]
    for ticket in under_way:
        breaker.learn(ticket, DOWN, 0.0)
    assert breaker.opens_in_s(0.0) == 10.0
    for _ in range(2):
        breaker.learn(breaker.begin(), GONE, 10.0)
    assert breaker.opens_in_s(10.0) == 40.0


def test_a_try_of_before_that_ends_does_not_make_room_for_a_second_probe() -> None:
    breaker = a_breaker(failures=1)
    old = [breaker.begin() for _ in range(4)]
    breaker.learn(old[0], DOWN, 0.0)
    breaker.begin()
    breaker.learn(old[1], DOWN, 11.0)
    breaker.learn(old[2], TOO_FAST, 11.0)
    breaker.abandon(old[3])
    assert breaker.is_probing
    assert breaker.room(1_000.0) == 0


def test_an_abandoned_probe_makes_room_for_another_without_a_longer_pause() -> None:
    breaker = an_open_breaker()
    breaker.abandon(breaker.begin())
    assert breaker.room(10.0) == 1
    assert breaker.opens_in_s(10.0) == 0.0


def test_a_probe_told_too_fast_makes_room_for_another_and_it_stays_open() -> None:
    breaker = an_open_breaker()
    assert not breaker.learn(breaker.begin(), TOO_FAST, 10.0)
    assert breaker.state == "open"
    assert breaker.room(10.0) == 1


def test_a_try_of_before_that_arrives_closes_it_and_the_probe_becomes_an_ordinary_try() -> None:
    breaker = a_breaker(failures=2)
    old = breaker.begin()
    for _ in range(2):
        breaker.learn(breaker.begin(), DOWN, 0.0)
    probe = breaker.begin()
    assert breaker.learn(old, Delivered(), 10.0)
    assert not breaker.learn(probe, DOWN, 11.0)
    assert breaker.state == "closed"
    assert breaker.learn(breaker.begin(), DOWN, 11.0)
    assert breaker.opens_in_s(11.0) == 10.0
