"""The books: every message and every decided send stands in exactly one place, and it shows when one does not."""

from __future__ import annotations

from typing import Any

from bridge.routing.ledger import MessageBook, SendBook, all_balanced, books
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.model import (
    Attempt,
    Commit,
    Cursor,
    CursorMove,
    NewMessage,
    SettleAgain,
    SettleDead,
    SettleDelivered,
    SweepPolicy,
)
from broker.names import router_cursor
from tests.fakes.deliveries import NOW_US, a_new_delivery

TOPICS = {"topic": "projects/P/topics/T"}
TRIED = Attempt(NOW_US, 0, "delivered", "", counted=False)


def a_store() -> MemoryStore:
    return MemoryStore(ManualClock(NOW_US))


async def append(store: MemoryStore, count: int) -> None:
    await store.log.append("topic", [NewMessage("x", {})] * count)


async def count(store: MemoryStore, **counters: int) -> None:
    await store.commit(Commit(counters={("topic", name): n for name, n in counters.items()}))


async def sends(store: MemoryStore, **counters: int) -> None:
    named = {name.replace("__", "/"): n for name, n in counters.items()}
    await store.commit(Commit(counters={("topic", f"sends/{name}"): n for name, n in named.items()}))


async def settle(store: MemoryStore, name: str, settlement: Any) -> None:
    leased = {one.delivery.id: one for one in await store.outbox.lease("ops", 100, 30.0)}
    await store.outbox.settle(leased.pop(name).token, settlement, TRIED)
    await store.outbox.give_back([one.token for one in leased.values()])


async def put(store: MemoryStore, *names: str, **changed: Any) -> None:
    new = [a_new_delivery(name, **({"order_key": name} | changed)) for name in names]
    await store.commit(Commit(deliveries=new))


async def test_a_topic_without_anything_balances() -> None:
    (found,) = await books(a_store(), TOPICS)
    assert found.balanced
    assert found.messages == MessageBook(0, 0, 0, 0, 0, 0, 0)
    assert found.sends == SendBook(0)


async def test_what_nobody_routes_is_unrouted() -> None:
    store = a_store()
    await append(store, 3)
    (found,) = await books(store, TOPICS)
    assert (found.messages.received, found.messages.unrouted, found.messages.undecided) == (3, 3, 0)


async def test_what_lies_behind_the_cursor_is_undecided() -> None:
    store = a_store()
    await append(store, 5)
    await store.commit(Commit(cursors=[CursorMove(Cursor(router_cursor("topic"), 2))]))
    await count(store, decided=1, unmatched=1)
    (found,) = await books(store, TOPICS)
    assert found.messages == MessageBook(5, 1, 0, 1, 3, 0, 0)
    assert found.balanced


async def test_messages_that_went_are_still_received() -> None:
    store = a_store()
    await append(store, 5)
    await store.log.trim("topic", 4)
    await store.commit(Commit(cursors=[CursorMove(Cursor(router_cursor("topic"), 5))]))
    await count(store, expired=4, dropped=1)
    (found,) = await books(store, TOPICS)
    assert found.messages == MessageBook(5, 0, 1, 0, 0, 0, 4)
    assert found.balanced


async def test_a_message_that_stands_nowhere_shows() -> None:
    store = a_store()
    await append(store, 2)
    await store.commit(Commit(cursors=[CursorMove(Cursor(router_cursor("topic"), 2))]))
    await count(store, decided=1)
    (found,) = await books(store, TOPICS)
    assert not found.balanced
    assert not all_balanced([found])


async def test_a_message_that_stands_in_two_places_shows() -> None:
    store = a_store()
    await append(store, 1)
    await store.commit(Commit(cursors=[CursorMove(Cursor(router_cursor("topic"), 1))]))
    await count(store, decided=1, unmatched=1)
    (found,) = await books(store, TOPICS)
    assert not found.messages.balanced


async def test_every_end_of_a_delivery_has_its_place() -> None:
    store = a_store()
    await put(store, "waits", "arrives", "dies", "silenced", "dropped", "again")
    await settle(store, "arrives", SettleDelivered())
    await settle(store, "dies", SettleDead("HTTP 400"))
    await settle(store, "again", SettleAgain(NOW_US + 60_000_000))
    await store.outbox.drop(["dropped"], "ann")
    await store.commit(Commit(withdraw={"silenced": "silence:s1"}))
    await sends(store, decided=6)
    (found,) = await books(store, TOPICS)
    assert found.balanced
    assert found.sends == SendBook(
        6, waiting=2, delivered=1, dead=1, dropped=1, suppressed=1, suppressed_by={"silence:s1": 1}
    )


async def test_what_was_never_a_delivery_is_counted_beside() -> None:
    store = a_store()
    await sends(
        store,
        decided=9,
        held=2,
        shadow=1,
        updated=1,
        suppressed__duplicate=3,
        suppressed__hours=1,
        dropped__noise=1,
    )
    (found,) = await books(store, TOPICS)
    assert found.balanced
    assert found.sends == SendBook(
        9, held=2, shadow=1, updated=1, suppressed=4, dropped=1, suppressed_by={"duplicate": 3, "hours": 1}
    )


async def test_a_post_that_stands_for_many_counts_as_many() -> None:
    store = a_store()
    await put(store, "part", part=0, parts=2, stands_for=0)
    await put(store, "whole", part=1, parts=2, stands_for=7)
    await sends(store, decided=7)
    (found,) = await books(store, TOPICS)
    assert found.balanced
    assert found.sends.waiting == 7


async def test_folded_deliveries_and_their_digest_both_stand_in_the_books() -> None:
    store = a_store()
    await put(store, "a", "b")
    digest = a_new_delivery("digest", order_key="digest", stands_for=1)
    await store.outbox.fold([], ["a", "b"], digest)
    await sends(store, decided=3)
    (found,) = await books(store, TOPICS)
    assert found.balanced
    assert (found.sends.folded, found.sends.waiting) == (2, 1)


async def test_what_was_swept_stays_in_the_books() -> None:
    store = a_store()
    await put(store, "a")
    await settle(store, "a", SettleDelivered())
    await sends(store, decided=1)
    await store.sweep(SweepPolicy(NOW_US, NOW_US + 1, NOW_US))
    (found,) = await books(store, TOPICS)
    assert found.balanced
    assert found.sends.delivered == 1


async def test_a_send_that_was_lost_or_made_twice_shows() -> None:
    store = a_store()
    await put(store, "a")
    (found,) = await books(store, TOPICS)
    assert not found.sends.balanced
    await sends(store, decided=2)
    (found,) = await books(store, TOPICS)
    assert not found.balanced


async def test_more_released_than_held_shows() -> None:
    store = a_store()
    await sends(store, decided=0, held=-1, shadow=1)
    (found,) = await books(store, TOPICS)
    assert not all_balanced([found])


async def test_each_topic_has_its_own_books() -> None:
    store = a_store()
    await append(store, 2)
    await put(store, "a", topic_uid="other")
    await store.commit(Commit(counters={("other", "sends/decided"): 1}))
    found = await books(store, TOPICS | {"other": "projects/P/topics/O"})
    assert [(one.uid, one.messages.received, one.sends.waiting) for one in found] == [("topic", 2, 0), ("other", 0, 1)]
    assert all_balanced(found)


class Busy(MemoryStore):
    """A store in which something is decided between two reads of the books, a few times."""

    busy = 3

    async def counters(self, topic_uid: str | None = None) -> Any:
        if self.busy:
            self.busy -= 1
            await sends(self, decided=1)
            found = await super().counters(topic_uid)
            await put(self, f"late-{self.busy}")
            return found
        return await super().counters(topic_uid)


async def test_books_that_moved_while_they_were_read_are_read_again() -> None:
    store = Busy(ManualClock(NOW_US))
    await sends(store, decided=1)
    await put(store, "early")
    (found,) = await books(store, TOPICS)
    assert found.balanced
    assert found.sends.decided >= 2
