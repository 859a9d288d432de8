"""What people and reloads do to deliveries: replay, drop, withdraw, fold, move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.errors import DuplicateDelivery, LeaseLost, LineMoved, Moved
from broker.model import Commit, Delivery, DeliveryQuery, NewDelivery, SettleAgain, SettleDead, SettleDelivered
from broker.store import Store
from tests.contracts.builders import NOW_US, a_delivery, an_attempt, lease_all, lease_names, put_in
from tests.contracts.engines import Engine


async def _standing(store: Store, name: str) -> Delivery:
    found = await store.outbox.read(name)
    assert found is not None
    return found[0]


async def _kill(store: Store, *names: str) -> None:
    for name in names:
        leased = await lease_all(store)
        await store.outbox.settle(leased[name].token, SettleDead("404"), an_attempt(outcome="refused"))
        await store.outbox.give_back([one.token for one in leased.values()])


async def test_a_replayed_dead_letter_waits_again_late_with_its_attempts_at_0(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        await _kill(store, "d1")
        await engine.clock.advance(3)
        assert await store.outbox.replay(["d1", "d1", "nobody"]) == 1
        delivery = await _standing(store, "d1")
        assert (delivery.state, delivery.by, delivery.settled_us) == ("waiting", "", 0)
        assert (delivery.attempts, delivery.tries, delivery.first_tried_us) == (0, 1, 0)
        assert delivery.due_us == NOW_US + 3_000_000
        assert delivery.new == a_delivery(late=True)


async def test_a_replayed_dead_letter_joins_the_end_of_its_order_key(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("d3"))
        await _kill(store, "d1")
        await store.outbox.replay(["d1"])
        order = []
        while leased := await store.outbox.lease("ops", 10, 30):
            order.append(leased[0].delivery.id)
            await store.outbox.settle(leased[0].token, SettleDelivered(), an_attempt())
        assert order == ["d2", "d3", "d1"]


async def test_only_dead_ones_are_replayed(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", order_key="b"))
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleDelivered(), an_attempt())
        assert await store.outbox.replay(["d1", "d2"]) == 0


async def test_a_replayed_one_keeps_its_record_of_tries(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        await _kill(store, "d1")
        await store.outbox.replay(["d1"])
        await _kill(store, "d1")
        found = await store.outbox.read("d1")
        assert found is not None
        assert (found[0].attempts, found[0].tries, len(found[1])) == (1, 2, 2)


async def test_dropping_settles_waiting_and_dead_ones_and_passes_over_leased_ones(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name, order_key=name) for name in ("dead", "leased", "waiting", "delivered")))
        leased = await lease_all(store)
        await store.outbox.settle(leased["dead"].token, SettleDead("404"), an_attempt())
        await store.outbox.settle(leased["delivered"].token, SettleDelivered(), an_attempt())
        await store.outbox.give_back([leased["waiting"].token])
        assert await store.outbox.drop(["dead", "leased", "waiting", "delivered", "nobody"], "sam") == 2
        dropped = await _standing(store, "waiting")
        assert (dropped.state, dropped.by, dropped.settled_us) == ("dropped", "sam", NOW_US)
        assert (await _standing(store, "dead")).state == "dropped"
        assert (await _standing(store, "leased")).state == "waiting"
        assert (await _standing(store, "delivered")).state == "delivered"


async def test_dropping_the_head_frees_the_next(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("d3"))
        assert await store.outbox.drop(["d2", "d1"], "sam") == 2
        assert await lease_names(store) == ["d3"]


async def test_a_withdrawn_one_is_suppressed_by_name_and_frees_its_key(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        await store.commit(Commit(withdraw={"d1": "silence:7", "nobody": "silence:7"}))
        delivery = await _standing(store, "d1")
        assert (delivery.state, delivery.by, delivery.settled_us) == ("suppressed", "silence:7", NOW_US)
        assert await lease_names(store) == ["d2"]


async def test_withdrawing_passes_over_leased_and_settled_ones(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("leased", order_key="a"), a_delivery("delivered", order_key="b"))
        leased = await lease_all(store)
        await store.outbox.settle(leased["delivered"].token, SettleDelivered(), an_attempt())
        await store.commit(Commit(withdraw={"leased": "s", "delivered": "s"}))
        assert (await _standing(store, "delivered")).state == "delivered"
        assert (await store.outbox.settle(leased["leased"].token, SettleDelivered(), an_attempt())).state == "delivered"


async def test_a_delivery_whose_lease_ended_can_be_withdrawn(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        await lease_all(store, lease_s=5)
        await engine.clock.advance(5)
        await store.commit(Commit(withdraw={"d1": "s"}))
        assert (await _standing(store, "d1")).state == "suppressed"


async def test_one_that_waits_for_another_try_can_be_withdrawn(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleAgain(NOW_US + 10**9), an_attempt(outcome="later"))
        await store.commit(Commit(withdraw={"d1": "s"}))
        assert (await _standing(store, "d1")).state == "suppressed"


def _digest(**changed: Any) -> NewDelivery:
    return a_delivery("digest", **({"origin": "f/x", "order_key": "(digest)", "stands_for": 0} | changed))


async def test_folding_settles_all_into_one_digest(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("d3", order_key="b", stands_for=2))
        leased = await lease_all(store)
        assert await store.outbox.fold([leased["d1"].token, leased["d3"].token], ["d2"], _digest()) == 3
        for name, stands_for in (("d1", 1), ("d2", 1), ("d3", 2)):
            folded = await _standing(store, name)
            assert (folded.state, folded.by, folded.new.stands_for) == ("folded", "digest", stands_for)
            assert (folded.settled_us, folded.leased) == (NOW_US, False)
        assert await lease_names(store) == ["digest"]


async def test_those_named_as_cancelled_are_cancelled_with_the_digest(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("d3", order_key="b"))
        assert await store.outbox.fold([], ["d1", "d2", "d3"], _digest(), cancelled=["d1", "d2", "nobody"]) == 3
        standing = {name: await _standing(store, name) for name in ("d1", "d2", "d3")}
        assert {name: (one.state, one.by) for name, one in standing.items()} == {
            "d1": ("cancelled", "digest"),
            "d2": ("cancelled", "digest"),
            "d3": ("folded", "digest"),
        }
        assert await lease_names(store) == ["digest"]


async def test_what_a_digest_stands_for_is_found_by_it(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name, order_key=name) for name in ("d1", "d2", "d3", "d4")))
        await store.outbox.fold([], ["d1", "d2", "d3"], _digest(), cancelled=["d2"])
        await store.outbox.drop(["d4"], "digest")
        assert [one.id for one in await store.outbox.find(DeliveryQuery(into="digest"))] == ["d3", "d2", "d1"]
        assert [one.id for one in await store.outbox.find(DeliveryQuery(into="digest", limit=2))] == ["d3", "d2"]
        assert [one.id for one in await store.outbox.find(DeliveryQuery(into="digest", state="cancelled"))] == ["d2"]
        assert await store.outbox.find(DeliveryQuery(into="d1")) == []


async def test_a_key_of_which_another_delivery_waits_is_not_folded(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        leased = await lease_all(store)
        with pytest.raises(LineMoved) as raised:
            await store.outbox.fold([leased["d1"].token], [], _digest())
        assert raised.value.order_key == "host-1"
        assert (await _standing(store, "d1")).leased
        assert await store.outbox.read("digest") is None


async def test_folding_with_a_lost_lease_changes_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", order_key="b"))
        leased = await lease_all(store)
        with pytest.raises(LeaseLost):
            await store.outbox.fold([leased["d1"].token, "2.9"], [], _digest())
        assert (await _standing(store, "d1")).state == "waiting"


@pytest.mark.parametrize("named", ["leased", "delivered", "nobody"])
async def test_folding_by_name_one_that_no_longer_waits_changes_nothing(engine: Engine, named: str) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name, order_key=name) for name in ("waiting", "leased", "delivered")))
        leased = await lease_all(store)
        await store.outbox.settle(leased["delivered"].token, SettleDelivered(), an_attempt())
        await store.outbox.give_back([leased["waiting"].token])
        with pytest.raises(LineMoved) as raised:
            await store.outbox.fold([], ["waiting", named], _digest())
        assert raised.value.order_key == ("" if named == "nobody" else named)
        assert (await _standing(store, "waiting")).state == "waiting"


async def test_a_digest_that_exists_already_folds_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", order_key="b"))
        with pytest.raises(DuplicateDelivery):
            await store.outbox.fold([], ["d1"], _digest(origin=a_delivery("d2").origin))
        assert (await _standing(store, "d1")).state == "waiting"


async def _order(store: Store) -> list[str]:
    """The names in the order in which they are leased."""
    order = []
    while leased := await store.outbox.lease("ops", 10, 30):
        order += [one.delivery.id for one in leased]
        for one in leased:
            await store.outbox.settle(one.token, SettleDelivered(), an_attempt())
    return order


@pytest.mark.parametrize(
    ("folded", "order"),
    [
        (["d1", "d2"], ["digest", "d3", "d4"]),
        (["d2", "d3"], ["d1", "digest", "d4"]),
        (["d3", "d2"], ["d1", "digest", "d4"]),
        (["d3", "d4"], ["d1", "d2", "digest"]),
        (["d1", "d2", "d3", "d4"], ["digest"]),
    ],
)
async def test_a_digest_of_the_same_order_key_takes_the_place_of_the_first(
    engine: Engine, folded: list[str], order: list[str]
) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name) for name in ("d1", "d2", "d3", "d4")))
        assert await store.outbox.fold([], folded, _digest(order_key="host-1")) == len(folded)
        assert await _order(store) == order


async def test_behind_one_that_is_tried_others_of_its_key_can_be_folded_in_their_place(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name) for name in ("d1", "d2", "d3", "d4")))
        leased = await lease_all(store)
        await store.outbox.fold([], ["d2", "d3"], _digest(order_key="host-1"))
        assert await lease_names(store) == []
        await store.outbox.settle(leased["d1"].token, SettleDelivered(), an_attempt())
        assert await _order(store) == ["digest", "d4"]


async def test_with_one_between_them_that_is_not_named_none_takes_the_place_of_others(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name) for name in ("d1", "d2", "d3")))
        with pytest.raises(LineMoved):
            await store.outbox.fold([], ["d1", "d3"], _digest(order_key="host-1"))
        assert await _order(store) == ["d1", "d2", "d3"]


async def test_the_same_order_key_at_another_destination_is_another_line(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        with pytest.raises(LineMoved):
            await store.outbox.fold([], ["d1"], _digest(order_key="host-1", destination="mail"))


async def test_a_digest_that_waits_is_folded_with_whole_lines_into_the_next_one_in_its_place(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(name, order_key=name) for name in ("d1", "d2")))
        await store.outbox.fold([], ["d1"], _digest())
        await put_in(store, a_delivery("d3", order_key="(digest)"))
        await store.outbox.fold([], ["digest", "d2"], replace(_digest(origin="f/y"), id="next"))
        assert await lease_names(store) == ["next"]
        assert (await _standing(store, "digest")).by == "next"


async def test_moved_deliveries_go_to_the_other_destination_in_their_order(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", destination="mail"), a_delivery("d3"))
        assert await store.outbox.move("ops", "mail") == 2
        assert await lease_names(store) == []
        order = []
        while leased := await store.outbox.lease("mail", 10, 30):
            (one,) = leased
            order.append((one.delivery.id, one.delivery.new.destination))
            await store.outbox.settle(one.token, SettleDelivered(), an_attempt())
        assert order == [("d1", "mail"), ("d2", "mail"), ("d3", "mail")]


async def test_moving_leaves_settled_ones_and_a_courier_may_still_settle_what_it_holds(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("d3", order_key="b"))
        leased = await lease_all(store)
        await store.outbox.settle(leased["d3"].token, SettleDead("404"), an_attempt())
        assert await store.outbox.move("ops", "mail") == 2
        assert await lease_names(store, destination="mail") == []
        assert (await store.outbox.settle(leased["d1"].token, SettleDelivered(), an_attempt())).state == "delivered"
        assert await lease_names(store, destination="mail") == ["d2"]
        assert (await _standing(store, "d3")).new.destination == "ops"


async def test_moving_to_the_same_destination_changes_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        assert await store.outbox.move("ops", "ops") == 2
        assert await lease_names(store) == ["d1"]


async def test_a_batch_that_takes_a_delivery_to_be_waiting_fails_when_it_was_leased_meanwhile(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", order_key="b"))
        await store.commit(Commit(withdraw={"d1": "silence:1"}, waiting=["d1"]))
        assert (await _standing(store, "d1")).state == "suppressed"
        await lease_all(store)
        for named in (["d2"], ["d1"], ["nobody"]):
            with pytest.raises(Moved):
                await store.commit(Commit(counters={("t", "n"): 1}, waiting=named))
        assert await store.counters() == {}
