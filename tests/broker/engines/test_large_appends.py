"""Rows of a large batch are made beside the event loop, those of a small one where they are asked for."""

from __future__ import annotations

import threading

from broker.beside import LARGE_ITEMS
from broker.model import NewMessage
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import TOPIC
from tests.fakes.noting import NotingPairs


async def test_the_rows_of_a_large_batch_are_made_on_a_thread(opened: Opening) -> None:
    pairs = NotingPairs()
    async with opened() as store:
        await store.log.append(TOPIC, [NewMessage("x", pairs)] * (LARGE_ITEMS + 1))
        assert pairs.threads
        assert threading.get_ident() not in pairs.threads
        assert len(await store.log.read(TOPIC, 0, 2 * LARGE_ITEMS, 10**6)) == LARGE_ITEMS + 1


async def test_the_rows_of_a_small_batch_are_made_on_the_event_loop(opened: Opening) -> None:
    pairs = NotingPairs()
    async with opened() as store:
        await store.log.append(TOPIC, [NewMessage("x", pairs)] * 10)
    assert pairs.threads == {threading.get_ident()}
