"""A step that was overtaken is taken again, so often and no oftener, and other errors pass."""

import ast

import pytest

from broker.conflicts import ATTEMPTS, retry_on_conflict
from broker.errors import ConflictsPersist, CursorMoved, NotFound, StateMoved, StoreUnavailable
from tests.house.reading import sources


class Overtaken:
    """A step that is overtaken ``times`` times before it holds."""

    def __init__(self, times, conflict=None):
        self.times = times
        self.conflict = conflict or StateMoved(["k/r/x"])
        self.taken = 0

    async def __call__(self):
        self.taken += 1
        if self.taken <= self.times:
            raise self.conflict
        return self.taken


async def test_a_step_that_holds_is_taken_once():
    step = Overtaken(0)
    assert await retry_on_conflict(step, what="the row") == 1
    assert step.taken == 1


async def test_a_step_that_is_overtaken_is_taken_until_it_holds():
    assert await retry_on_conflict(Overtaken(ATTEMPTS - 1), what="the row") == ATTEMPTS


async def test_after_so_many_conflicts_the_error_says_what_never_held_still_and_how_often_it_was_tried():
    step = Overtaken(100)
    with pytest.raises(ConflictsPersist, match="the row is changed by others without a pause") as caught:
        await retry_on_conflict(step, what="the row", attempts=3)
    assert (caught.value.what, caught.value.attempts, step.taken) == ("the row", 3, 3)
    assert isinstance(caught.value, StoreUnavailable)
    assert caught.value.__cause__ is step.conflict


async def test_only_the_named_kind_of_conflict_is_tried_again():
    step = Overtaken(1, StateMoved(["k/r/x"]))
    with pytest.raises(StateMoved):
        await retry_on_conflict(step, what="the cursor", on=CursorMoved)
    assert step.taken == 1


@pytest.mark.parametrize("error", [NotFound("silence", "x"), StoreUnavailable("the disk is full"), ValueError("bug")])
async def test_what_is_no_conflict_passes_at_once(error):
    step = Overtaken(1, error)
    with pytest.raises(type(error)) as caught:
        await retry_on_conflict(step, what="the row")
    assert (caught.value, step.taken) == (error, 1)


ENDLESS = {
    "bridge/routing/router.py": "a topic's router never gives up, and decides anew with what stands then",
    "broker/retention.py": "goes on with the next topic; the one that is read just now is looked at in the next pass",
}
"""Where a conflict is met by going round in a loop of its own, and why."""


def goes_round(handler):
    """Whether an ``except ...Moved`` does nothing but begin its loop again."""
    kinds = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else set()
    return any(kind.endswith("Moved") for kind in kinds) and isinstance(handler.body[-1], ast.Continue)


def test_no_other_place_has_a_loop_of_its_own_for_conflicts():
    found = {
        source.name
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and goes_round(node)
    }
    assert found == set(ENDLESS)
