"""What an outcome means for a delivery: settled, again at a time, or dead. Pure; semantics.md items 8 and 10.

A failure of the *destination* is recorded as a try and uses up no attempt; only ``give_up_after`` ends it. A failure
of the *message* (a try that may have arrived, a refusal with a plainer form left) uses one up.
"""

from __future__ import annotations

import math
import random
from typing import assert_never

from bridge.core.pauses import grow_pauses, pause_s
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.config import DestinationConfig, RetrySettings
from broker.clock import us
from broker.model import Attempt, Delivery, SettleAgain, SettleDead, SettleDelivered, Settlement


def verdict(
    delivery: Delivery,
    outcome: Outcome,
    config: DestinationConfig,
    *,
    started_us: int,
    now_us: int,
    rng: random.Random,
) -> tuple[Settlement, Attempt]:
    """How to settle a delivery after one try that began at ``started_us`` and ended ``now_us``, and what to record."""
    took_us = now_us - started_us
    match outcome:
        case Delivered():
            return SettleDelivered(outcome.receipt), Attempt(
                started_us, took_us, "delivered", "", counted=False, form=delivery.form
            )
        case Later():
            attempt = Attempt(
                started_us,
                took_us,
                "later",
                outcome.reason,
                counted=outcome.unclear,
                unclear=outcome.unclear,
                form=delivery.form,
            )
            return _later(delivery, outcome, config, attempt, now_us, rng), attempt
        case Refused():
            attempt = Attempt(started_us, took_us, "refused", outcome.reason, counted=True, form=delivery.form)
            if outcome.plainer is not None and not delivery.form:
                return SettleAgain(now_us, outcome.plainer), attempt
            return SettleDead(outcome.reason), attempt
        case _:
            assert_never(outcome)


def cut_off(
    delivery: Delivery, config: DestinationConfig, *, started_us: int, now_us: int
) -> tuple[Settlement, Attempt]:
    """How to settle a delivery whose try we cut off ourselves, and what to record.

    It may have arrived. That it did not end is not the message's fault, so it uses up no attempt.
    """
    reason = "stopped under way"
    attempt = Attempt(started_us, now_us - started_us, "later", reason, counted=False, unclear=True, form=delivery.form)
    if config.when_unclear == "dead":
        return SettleDead(_not_twice(reason)), attempt
    return SettleAgain(now_us, delivery.form), attempt


def backoff_s(retry: RetrySettings, tries: int, rng: random.Random) -> float:
    """The pause after the ``tries``-th failed try: exponential from ``base`` up to ``max``, with full jitter."""
    return rng.uniform(0.0, pause_s(grow_pauses(retry.base, retry.max), tries))


def _later(
    delivery: Delivery,
    outcome: Later,
    config: DestinationConfig,
    attempt: Attempt,
    now_us: int,
    rng: random.Random,
) -> Settlement:
    retry = config.retry
    if outcome.unclear and config.when_unclear == "dead":
        return SettleDead(_not_twice(outcome.reason))
    if attempt.counted and delivery.attempts + 1 >= retry.attempts:
        return SettleDead(f"{retry.attempts} attempts used up: {outcome.reason}")
    if now_us - (delivery.first_tried_us or attempt.at_us) >= us(retry.give_up_after):
        return SettleDead(f"given up after {delivery.tries + 1} tries: {outcome.reason}")
    asked_s = outcome.after_s
    if asked_s is None or math.isnan(asked_s):
        asked_s = backoff_s(retry, delivery.tries + 1, rng)
    return SettleAgain(now_us + us(max(0.0, min(asked_s, retry.max))), delivery.form)


def _not_twice(reason: str) -> str:
    return f"may have arrived, and is not sent twice: {reason}"
