"""What an outcome means for a delivery: the whole table of outcomes and limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import RetryCallState, Retrying, wait_exponential

from bridge.delivery.retry_policy import backoff_s, cut_off, verdict
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.config import RetrySettings
from broker.clock import us
from broker.model import Attempt, Delivery, SettleAgain, SettleDead, SettleDelivered, Settlement
from tests.fakes.deliveries import HOUR_S, NOW_US, a_config, a_delivery, seeded

STARTED_US = NOW_US - 250_000


def judged(
    outcome: Outcome, delivery: Delivery | None = None, seed: int = 1, **config: object
) -> tuple[Settlement, Attempt]:
    return verdict(
        delivery or a_delivery(),
        outcome,
        a_config(**config),
        started_us=STARTED_US,
        now_us=NOW_US,
        rng=seeded(seed),
    )


def test_delivered_is_settled_with_its_receipt() -> None:
    settlement, attempt = judged(Delivered("post-7"))
    assert settlement == SettleDelivered("post-7")
    assert attempt == Attempt(STARTED_US, 250_000, "delivered", "", counted=False)


def test_a_failure_of_the_destination_is_tried_again_and_uses_up_no_attempt() -> None:
    settlement, attempt = judged(Later("HTTP 503"))
    assert isinstance(settlement, SettleAgain)
    assert attempt == Attempt(STARTED_US, 250_000, "later", "HTTP 503", counted=False)


@pytest.mark.parametrize("attempts", [1, 12])
def test_failures_of_the_destination_never_end_a_delivery_by_number(attempts: int) -> None:
    tired = a_delivery(tries=1_000_000, attempts=11, first_tried_us=NOW_US - us(23 * HOUR_S))
    settlement, _ = judged(Later("HTTP 503"), tired, retry={"attempts": attempts})
    assert isinstance(settlement, SettleAgain)


@pytest.mark.parametrize(("used_up", "is_dead"), [(0, False), (1, False), (2, True), (7, True)])
def test_an_unclear_failure_uses_up_an_attempt_and_the_last_one_ends_it(used_up: int, is_dead: bool) -> None:
    settlement, attempt = judged(Later("no answer", unclear=True), a_delivery(attempts=used_up), retry={"attempts": 3})
    assert attempt.counted
    assert attempt.unclear
    assert isinstance(settlement, SettleDead) == is_dead
    if is_dead:
        assert settlement == SettleDead("3 attempts used up: no answer")


def test_rather_not_twice_makes_an_unclear_one_a_dead_letter() -> None:
    settlement, attempt = judged(Later("no answer", unclear=True), when_unclear="dead")
    assert settlement == SettleDead("may have arrived, and is not sent twice: no answer")
    assert attempt.unclear


def test_rather_not_twice_leaves_clear_failures_alone() -> None:
    settlement, _ = judged(Later("HTTP 503"), when_unclear="dead")
    assert isinstance(settlement, SettleAgain)


@pytest.mark.parametrize(
    ("first_tried_before_s", "is_dead"), [(0.0, False), (HOUR_S - 1, False), (HOUR_S, True), (99 * HOUR_S, True)]
)
@pytest.mark.parametrize("outcome", [Later("HTTP 503"), Later("HTTP 429", throttled=True, after_s=1.0)])
def test_time_ends_it_counted_from_the_first_try(outcome: Later, first_tried_before_s: float, is_dead: bool) -> None:
    delivery = a_delivery(tries=3, first_tried_us=NOW_US - us(first_tried_before_s))
    settlement, _ = judged(outcome, delivery, retry={"give_up_after": HOUR_S})
    assert isinstance(settlement, SettleDead) == is_dead
    if is_dead:
        assert settlement == SettleDead(f"given up after 4 tries: {outcome.reason}")


def test_however_old_a_delivery_is_its_first_try_does_not_end_it() -> None:
    settlement, _ = judged(Later("HTTP 503"), a_delivery(), retry={"give_up_after": 0.1})
    assert isinstance(settlement, SettleDead)  # the try itself took longer
    settlement, _ = judged(Later("HTTP 503"), a_delivery(), retry={"give_up_after": 1.0})
    assert isinstance(settlement, SettleAgain)


def test_refused_without_a_plainer_form_is_dead() -> None:
    settlement, attempt = judged(Refused("HTTP 400"))
    assert settlement == SettleDead("HTTP 400")
    assert attempt == Attempt(STARTED_US, 250_000, "refused", "HTTP 400", counted=True)


def test_refused_with_a_plainer_form_is_tried_in_it_at_once() -> None:
    settlement, attempt = judged(Refused("HTTP 400", plainer="cut"))
    assert settlement == SettleAgain(NOW_US, "cut")
    assert attempt.form == ""


def test_a_plainer_form_that_is_refused_too_is_dead() -> None:
    settlement, attempt = judged(Refused("HTTP 400", plainer="bare"), a_delivery(form="cut"))
    assert settlement == SettleDead("HTTP 400")
    assert attempt.form == "cut"


def test_a_plainer_form_that_has_to_wait_stays_plain() -> None:
    settlement, _ = judged(Later("HTTP 503"), a_delivery(form="cut"))
    assert isinstance(settlement, SettleAgain)
    assert settlement.form == "cut"


@pytest.mark.parametrize(
    ("asked_s", "due_in_s"), [(0.0, 0.0), (7.5, 7.5), (600.0, 600.0), (86_400.0, 600.0), (math.inf, 600.0), (-1.0, 0.0)]
)
def test_retry_after_is_obeyed_up_to_the_longest_pause(asked_s: float, due_in_s: float) -> None:
    settlement, _ = judged(Later("HTTP 503", after_s=asked_s))
    assert settlement == SettleAgain(NOW_US + us(due_in_s))


def test_a_retry_after_that_is_no_number_is_as_if_it_was_not_said() -> None:
    assert judged(Later("HTTP 503", after_s=math.nan)) == judged(Later("HTTP 503"))


@given(st.integers(1, 10_000), st.floats(0.001, 60.0), st.floats(0.001, 3_600.0), st.integers())
def test_pauses_lie_within_tenacitys_exponential(tries: int, base: float, longest: float, seed: int) -> None:
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = tries
    most = wait_exponential(multiplier=base, max=longest)(state)
    assert 0.0 <= backoff_s(RetrySettings(base=base, max=longest), tries, seeded(seed)) <= most <= longest


def test_pauses_grow_to_the_longest_and_spread_over_all_of_it() -> None:
    retry = RetrySettings(base=1.0, max=600.0)
    rng = seeded(3)
    drawn = {tries: [backoff_s(retry, tries, rng) for _ in range(2_000)] for tries in (1, 4, 30)}
    for tries, most in ((1, 1.0), (4, 8.0), (30, 600.0)):
        assert 0.9 * most < max(drawn[tries]) <= most
        assert min(drawn[tries]) < 0.1 * most


def test_the_schedule_is_the_seeds() -> None:
    pauses = [judged(Later("HTTP 503"), a_delivery(tries=n), seed=5)[0] for n in range(6)]
    assert pauses == [judged(Later("HTTP 503"), a_delivery(tries=n), seed=5)[0] for n in range(6)]
    assert pauses != [judged(Later("HTTP 503"), a_delivery(tries=n), seed=6)[0] for n in range(6)]


def test_a_try_we_cut_off_ourselves_is_unclear_due_at_once_and_uses_up_nothing() -> None:
    settlement, attempt = cut_off(a_delivery(form="cut"), a_config(), started_us=STARTED_US, now_us=NOW_US)
    assert settlement == SettleAgain(NOW_US, "cut")
    assert attempt == Attempt(
        STARTED_US, 250_000, "later", "stopped under way", counted=False, unclear=True, form="cut"
    )


def test_a_try_we_cut_off_ourselves_is_not_sent_twice_where_that_is_worse() -> None:
    settlement, _ = cut_off(a_delivery(), a_config(when_unclear="dead"), started_us=STARTED_US, now_us=NOW_US)
    assert settlement == SettleDead("may have arrived, and is not sent twice: stopped under way")
