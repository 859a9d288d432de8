"""Pauses after failures in a row grow to their longest and stay there, however long the trouble lasts."""

from __future__ import annotations

import pytest
from tenacity.wait import wait_base

from bridge.core.pauses import CHAT_SERVER, SETTLING, STORE, WORKER, grow_pauses, pause_s, step_pauses


def test_there_is_a_pause_for_each_failure_and_the_last_one_stays() -> None:
    assert [pause_s(step_pauses(0.1, 0.5, 2.0), failures) for failures in range(1, 6)] == [0.1, 0.5, 2.0, 2.0, 2.0]


def test_a_pause_doubles_up_to_the_longest() -> None:
    assert [pause_s(grow_pauses(2.0, 30.0), failures) for failures in range(1, 7)] == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@pytest.mark.parametrize("policy", [SETTLING, STORE, WORKER, CHAT_SERVER, grow_pauses(5.0, 60.0)])
def test_a_pause_never_shrinks_and_is_there_after_a_million_failures(policy: wait_base) -> None:
    pauses_s = [pause_s(policy, failures) for failures in (*range(1, 20), 1_024, 1_000_000)]
    assert pauses_s == sorted(pauses_s)
    assert 0.0 < pauses_s[-1] <= 60.0
