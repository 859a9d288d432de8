"""Whether people have heard of an incident of which a delivery is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.operate.retract import has_heard
from broker.model import Delivery
from tests.fakes.waiting import firing, resolved


def earlier(phase: str, **state: Any) -> Delivery:
    make = firing if phase == "firing" else resolved
    return make("before", state=state).delivery


@pytest.mark.parametrize(
    ("others", "heard"),
    [
        ([], False),
        ([earlier("firing")], True),
        ([earlier("resolved"), earlier("firing")], False),
    ],
)
def test_the_last_one_that_reaches_people_says_whether_it_fires(others: list[Delivery], heard: bool) -> None:
    assert has_heard(firing("f").delivery, others, {"f"}) is heard


@pytest.mark.parametrize("state", ["delivered", "folded"])
def test_what_became_part_of_a_digest_is_told_by_that(state: Any) -> None:
    told = earlier("firing")
    told = Delivery(told.new, told.seq, state, told.due_us)
    assert has_heard(firing("f").delivery, [told], {"f"})
    assert not has_heard(firing("f").delivery, [told], {"f", "before"})
