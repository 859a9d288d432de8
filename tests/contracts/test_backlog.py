"""What waits for a destination: how much of it, and page by page."""

from __future__ import annotations

import pytest

from broker.model import Backlog, Delivery, LinePlace, SettleAgain, SettleDead, SettleDelivered, WaitingCounts
from broker.store import Store
from tests.contracts.builders import NOW_US, a_delivery, an_attempt, lease_all, put_in
from tests.contracts.engines import Engine

_S = 1_000_000


async def _pages(store: Store, limit: int) -> list[Backlog]:
    pages: list[Backlog] = []
    after: LinePlace | None = None
    while not pages or after is not None:
        pages.append(await store.outbox.backlog("ops", after, limit))
        after = pages[-1].next
    return pages


def _names(page: Backlog) -> list[str]:
    return [one.id for one in page.deliveries]


async def _put_lines(store: Store, **lines: int) -> None:
    """Deliveries a1, a2 ... of the order key a, and so on, the lines woven together."""
    names = [(key, n) for n in range(1, max(lines.values()) + 1) for key, count in lines.items() if n <= count]
    await put_in(store, *(a_delivery(f"{key}{n}", order_key=key) for key, n in names))


async def test_nothing_waits_for_a_destination_that_nobody_wrote_to(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.outbox.measure_waiting("ops", 10) == WaitingCounts(0, None)
        assert await store.outbox.backlog("ops", None, 10) == Backlog()


async def test_what_is_due_is_counted_up_to_a_limit(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(f"d{n}", created_us=NOW_US + n) for n in range(5)))
        await put_in(store, a_delivery("other", destination="mail"))
        assert await store.outbox.measure_waiting("ops", 10) == WaitingCounts(5, NOW_US)
        assert await store.outbox.measure_waiting("ops", 3) == WaitingCounts(3, NOW_US)


async def test_what_is_leased_or_due_later_is_not_counted_as_due(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name, order_key=name) for name in ("leased", "later", "delivered", "due")))
        leased = await lease_all(store)
        again = SettleAgain(NOW_US + 60 * _S)
        await store.outbox.settle(leased["later"].token, again, an_attempt(outcome="later"))
        await store.outbox.settle(leased["delivered"].token, SettleDelivered(), an_attempt())
        await store.outbox.give_back([leased["due"].token])
        assert (await store.outbox.measure_waiting("ops", 10)).due == 1
        await engine.clock.advance(60)
        assert (await store.outbox.measure_waiting("ops", 10)).due == 3


async def test_the_oldest_is_the_first_in_place_of_all_that_wait(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(f"d{n}", order_key=f"{9 - n}", created_us=NOW_US + n) for n in range(3)))
        leased = await lease_all(store)
        await store.outbox.settle(leased["d0"].token, SettleDead("404"), an_attempt())
        assert (await store.outbox.measure_waiting("ops", 1)).oldest_us == NOW_US + 1
        await store.outbox.replay(["d0"])
        assert (await store.outbox.measure_waiting("ops", 1)).oldest_us == NOW_US + 1


@pytest.mark.parametrize("limit", [3, 4, 5, 6])
async def test_a_page_has_whole_lines_each_in_its_order(engine: Engine, limit: int) -> None:
    async with engine.open() as store:
        await _put_lines(store, b=2, a=3, c=1)
        pages = await _pages(store, limit)
        assert not any(page.is_piece for page in pages)
        assert [name for page in pages for name in _names(page)] == ["a1", "a2", "a3", "b1", "b2", "c1"]
        for page in pages:
            assert len(page.deliveries) <= limit
            for key, count in (("a", 3), ("b", 2), ("c", 1)):
                assert sum(name.startswith(key) for name in _names(page)) in (0, count)


async def test_a_line_longer_than_a_page_comes_in_pieces(engine: Engine) -> None:
    async with engine.open() as store:
        await _put_lines(store, a=1, b=5, c=2)
        pages = await _pages(store, 2)
        assert [(_names(page), page.is_piece) for page in pages] == [
            (["a1"], False),
            (["b1", "b2"], True),
            (["b3", "b4"], True),
            (["b5"], True),
            (["c1", "c2"], False),
        ]


async def test_a_page_names_the_receipts_of_its_order_keys(engine: Engine) -> None:
    async with engine.open() as store:
        await _put_lines(store, a=2, b=2, c=1)
        leased = await lease_all(store)
        await store.outbox.settle(leased["a1"].token, SettleDelivered("post-1"), an_attempt())
        await store.outbox.settle(leased["c1"].token, SettleDelivered("post-2"), an_attempt())
        await put_in(store, a_delivery("m1", destination="mail", order_key="b"))
        (mail,) = (await lease_all(store, "mail")).values()
        await store.outbox.settle(mail.token, SettleDelivered("post-3"), an_attempt())
        page = await store.outbox.backlog("ops", None, 10)
        assert (_names(page), page.receipts) == (["a2", "b1", "b2"], {"a": "post-1"})


async def test_what_is_leased_is_on_the_page_and_says_so(engine: Engine) -> None:
    async with engine.open() as store:
        await _put_lines(store, a=2)
        await lease_all(store)
        page = await store.outbox.backlog("ops", None, 10)
        assert [one.leased for one in page.deliveries] == [True, False]


async def test_a_delivery_whose_lease_ended_unsettled_is_seen_to_be_unclear(engine: Engine) -> None:
    async def seen(store: Store) -> Delivery:
        (one,) = (await store.outbox.backlog("ops", None, 10)).deliveries
        return one

    async with engine.open() as store:
        await put_in(store, a_delivery())
        await lease_all(store, lease_s=5)
        assert not (await seen(store)).unclear
        await engine.clock.advance(5)
        assert ((await seen(store)).leased, (await seen(store)).unclear) == (False, True)
        leased = await lease_all(store)
        assert leased["d1"].delivery.unclear
