"""Folding under way: when the courier makes one post of many, and what the store holds then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from bridge.core.built_in_rules import DIGEST_RULE
from bridge.core.posts import post_to_bytes
from bridge.delivery.collapse.worker import Collapsed
from bridge.delivery.courier import Courier
from bridge.destinations.base import Delivered, Later, Outcome, Parcel
from bridge.destinations.config import BacklogSettings, CollapseSettings
from broker.engines.memory.trouble import Trouble
from broker.model import Attempt, Backlog, Commit, Delivery, DeliveryQuery, SettleDead, SettleDelivered
from broker.store import Outbox
from rules.source.words import Rate
from tests.bridge.delivery.test_courier import Desk, at_work
from tests.fakes.deliveries import HOUR_S, Scripted, a_new_delivery, put_in, seeded
from tests.fakes.waiting import a_post

DOWN = Later("HTTP 503")
SLOW: dict[str, Any] = {
    "rate": Rate(1, 1.0),
    "burst": 10,
    "collapse": CollapseSettings(after=30.0),
    "backlog": BacklogSettings(),
    "breaker": {"failures": 3, "probe_every": 30.0},
}


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


class Chat(Desk):
    """A courier of a chat channel: one post a second, and what waits may fold."""

    def __init__(self, destination: Scripted, *troubles: Trouble, **config: Any) -> None:
        self.folded: list[Collapsed] = []
        self.beside: Beside | None = None
        super().__init__(destination, *troubles, **(SLOW | config))

    def another_courier(self) -> Courier:
        return Courier(
            self.name,
            self.destination,
            self.config,
            cast(Outbox, self.beside or self.store.outbox),
            self.clock,
            seeded(),
            self.told.append,
            self.folded.append,
        )

    async def put(self, *names: str, severity: str = "warning", text: str = "", **changed: Any) -> None:
        """Deliveries decided now, each of a key of its own unless one is given."""
        now_us = self.clock.wall_us()
        for name in names:
            what: dict[str, Any] = {"severity": severity, "order_key": f"key of {name}"}
            what["post"] = post_to_bytes(a_post(text or name, severity=severity))
            what["due_us"] = what["created_us"] = now_us
            await self.store.commit(Commit(deliveries=[a_new_delivery(name, **(what | changed))]))

    async def ended(self, state: Any) -> list[Delivery]:
        found = await self.store.outbox.find(DeliveryQuery(state=state, limit=10_000))
        return list(reversed(found))

    @property
    def titles(self) -> list[str]:
        return [parcel.post.title or parcel.post.text for parcel in self.destination.parcels]


def many(count: int, prefix: str = "d") -> list[str]:
    return [f"{prefix}{n}" for n in range(count)]


# --- Bursts --------------------------------------------------------------------------------------------


async def test_a_burst_becomes_one_post_that_names_what_it_stands_for() -> None:
    async with at_work(Chat(Scripted())) as chat:
        await chat.put(*many(50))
        await chat.passes(20.0)
        folded = await chat.ended("folded")
        assert chat.titles[-1] == f"{len(folded)} posts in one"
        assert len(folded) + len(chat.destination.parcels) - 1 == 50
        (digest,) = [parcel for parcel in chat.destination.parcels if parcel.phase == "digest"]
        assert [one.id for one in folded] == [f"d{n}" for n in range(50) if f"d{n}" not in chat.destination.delivered]
        assert {one.by for one in folded} == {digest.id}
        assert [one.id for one in await chat.store.outbox.find(DeliveryQuery(into=digest.id))] == [
            one.id for one in reversed(folded)
        ]
        assert [(one.digest, one.folded, one.cancelled) for one in chat.folded] == [(digest.id, len(folded), 0)]


async def test_what_the_rate_lets_through_soon_enough_comes_post_by_post() -> None:
    async with at_work(Chat(Scripted())) as chat:
        await chat.put(*many(40))
        await chat.passes(60.0)
        assert sorted(chat.destination.delivered) == sorted(many(40))
        assert chat.folded == []


async def test_a_destination_at_a_high_rate_does_not_fold() -> None:
    async with at_work(Chat(Scripted(), rate=Rate(20, 1.0), burst=1, concurrency=32)) as chat:
        await chat.put(*many(400))
        await chat.passes(30.0)
        assert len(chat.destination.delivered) == 400
        assert chat.folded == []


@pytest.mark.parametrize("config", [{"collapse": "off"}, {"collapse": None}, {"collapse": None, "rate": None}])
async def test_where_nothing_collapses_each_post_comes_however_many_wait(config: dict[str, Any]) -> None:
    async with at_work(Chat(Scripted(), **config)) as chat:
        await chat.put(*many(100))
        await chat.passes(120.0)
        assert len(chat.destination.delivered) == 100


async def test_severe_posts_come_by_themselves_and_before_the_digest() -> None:
    async with at_work(Chat(Scripted(), burst=1)) as chat:
        await chat.put(*many(60))
        await chat.put(*many(5, "bad"), severity="critical", priority=3)
        await chat.passes(10.0)
        after = chat.titles[chat.titles.index("bad0") :]
        assert after == [*many(5, "bad"), "58 posts in one"] or after == [*many(5, "bad"), "59 posts in one"]


async def test_posts_of_one_key_keep_their_order_around_those_that_do_not_fold() -> None:
    async with at_work(Chat(Scripted(), burst=1)) as chat:
        names = many(60)
        for n, name in enumerate(names):
            await chat.put(name, severity="critical" if n == 30 else "warning", order_key="topic")
        await chat.passes(10.0)
        assert chat.titles[-3:] == ["28 posts in one", "d30", "29 posts in one"]


async def test_a_burst_that_goes_on_makes_a_digest_again_and_again_and_loses_nothing() -> None:
    async with at_work(Chat(Scripted())) as chat:
        for n in range(120):
            await chat.put(*many(4, f"s{n}-"))
            await chat.passes(1.0)
        await chat.passes(120.0)
        delivered = [name for name in chat.destination.delivered if name.startswith("s")]
        folded = await chat.ended("folded")
        assert len(delivered) + len(folded) == 480
        assert await chat.ended("waiting") == []
        assert 5 < len(chat.folded) < 30


async def test_a_digest_that_still_waits_becomes_part_of_the_next() -> None:
    def not_yet(parcel: Parcel) -> Outcome:
        return Later("HTTP 503", after_s=20.0) if chat.clock.monotonic() < 60 else Delivered()

    chat = Chat(Scripted(always=not_yet), breaker={"failures": 10**6}, concurrency=1, burst=1)
    async with at_work(chat):
        for n in range(8):
            await chat.put(*many(20, f"s{n}-"))
            await chat.passes(10.0)
        await chat.passes(600.0)
        digests = [one for one in await chat.ended("folded") if one.new.rule == DIGEST_RULE]
        assert digests != []
        assert await chat.ended("waiting") == []
        everything = await chat.store.outbox.find(DeliveryQuery(limit=10_000))
        assert sum(one.new.stands_for for one in everything) == 160


async def test_more_than_a_page_becomes_one_digest_after_all() -> None:
    async with at_work(Chat(Scripted(), burst=1)) as chat:
        await put_in(
            chat.store,
            *many(1_000),
            severity="warning",
            post=post_to_bytes(a_post("x")),
            due_us=chat.clock.wall_us(),
            created_us=chat.clock.wall_us(),
        )
        await chat.passes(15.0)
        assert [title for title in chat.titles if title != "x"] == [f"{1_000 - chat.titles.count('x')} posts in one"]
        (last,) = [parcel for parcel in chat.destination.parcels if parcel.phase == "digest"]
        inner = await chat.store.outbox.find(DeliveryQuery(into=last.id))
        assert {one.new.rule for one in inner} == {DIGEST_RULE}
        posts = [
            one for digest in inner for one in await chat.store.outbox.find(DeliveryQuery(into=digest.id, limit=999))
        ]
        assert len(posts) == 1_000 - chat.titles.count("x")


async def test_a_long_line_becomes_one_digest_in_its_place() -> None:
    async with at_work(Chat(Scripted(), burst=1)) as chat:
        await chat.put("first", order_key="topic")
        await put_in(
            chat.store,
            *many(1_000),
            order_key="topic",
            severity="warning",
            post=post_to_bytes(a_post("x")),
            due_us=chat.clock.wall_us(),
            created_us=chat.clock.wall_us(),
        )
        await chat.put("last", severity="critical", order_key="topic", priority=3)
        await chat.passes(30.0)
        singles = chat.titles.count("x")
        assert chat.titles == ["first", *["x"] * singles, f"{1_000 - singles} posts in one", "last"]


# --- After an outage -----------------------------------------------------------------------------------


def down_until(chat: Chat, seconds: float) -> Any:
    return lambda parcel: Delivered() if chat.clock.monotonic() >= seconds else DOWN


async def outage(chat: Chat, seconds: float, *, every_s: float = 60.0) -> None:
    """A post every minute while nothing arrives."""
    chat.destination.always = down_until(chat, seconds)
    for n in range(int(seconds / every_s)):
        await chat.put(f"d{n}")
        await chat.passes(every_s)


async def test_through_a_short_outage_every_post_arrives_by_itself() -> None:
    chat = Chat(Scripted(), breaker={"failures": 3, "probe_every": 10.0})
    async with at_work(chat):
        await outage(chat, 600.0)
        await chat.passes(HOUR_S)
        assert sorted(chat.destination.delivered) == sorted(many(10))
        assert chat.folded == []


async def test_after_a_long_outage_what_is_old_is_one_post_and_the_rest_comes_by_itself() -> None:
    chat = Chat(Scripted(), breaker={"failures": 3, "probe_every": 10.0})
    async with at_work(chat):
        await outage(chat, HOUR_S, every_s=180.0)
        await chat.passes(HOUR_S)
        (folded,) = chat.folded
        alone = [name for name in chat.destination.delivered if name != folded.digest]
        assert len(alone) + folded.folded == 20
        assert set(many(20)[-4:]) <= set(alone)
        assert len(alone) <= 8
        assert await chat.ended("waiting") == []


async def test_nothing_folds_while_the_destination_is_down() -> None:
    chat = Chat(Scripted(always=DOWN))
    async with at_work(chat):
        await chat.put(*many(50))
        await chat.passes(2 * HOUR_S)
        assert chat.folded == []


async def test_after_an_outage_of_ours_what_is_old_folds_before_anything_is_tried() -> None:
    chat = Chat(Scripted())
    await chat.put(*many(5))
    await chat.passes(HOUR_S)
    await chat.put("new")
    async with at_work(chat):
        assert sorted(chat.titles) == ["5 posts in one", "new"]


async def test_an_incident_that_came_and_went_is_only_summed_up() -> None:
    chat = Chat(Scripted())
    await chat.put("f", severity="critical", order_key="h", incident="i", phase="firing", text="host-1 is down")
    await chat.passes(HOUR_S)
    await chat.put("r", severity="ok", order_key="h", incident="i", phase="resolved")
    async with at_work(chat):
        assert chat.titles == ["1 alert came and went"]
        assert "**critical** host-1 is down" in chat.destination.parcels[0].post.text
        digest = chat.destination.parcels[0].id
        assert [(one.id, one.by) for one in await chat.ended("cancelled")] == [("f", digest), ("r", digest)]
        assert [(one.folded, one.cancelled) for one in chat.folded] == [(0, 2)]


@pytest.mark.parametrize(
    ("ending", "cancels"),
    [(SettleDelivered(), False), (SettleDead("404"), True)],
)
async def test_one_of_which_somebody_heard_before_is_not_cancelled(ending: Any, cancels: bool) -> None:
    chat = Chat(Scripted())
    incident = {"order_key": "h", "incident": "i", "phase": "firing"}
    await chat.put("before", **incident)
    (leased,) = await chat.store.outbox.lease("ops", 1, 30.0)
    await chat.store.outbox.settle(leased.token, ending, Attempt(0, 0, "delivered", "", counted=False))
    await chat.put("f", severity="error", **incident)
    await chat.passes(HOUR_S)
    await chat.put("r", severity="ok", **(incident | {"phase": "resolved"}))
    async with at_work(chat):
        assert [one.id for one in await chat.ended("cancelled")] == (["f", "r"] if cancels else [])
        await chat.passes(5.0)
        assert cancels or chat.destination.delivered == ["f", "r"]


async def test_one_whose_firing_may_have_arrived_gets_its_end() -> None:
    async def never(parcel: Parcel) -> Outcome:
        return Later("no answer", unclear=True, after_s=HOUR_S)

    chat = Chat(Scripted(never), breaker={"failures": 1, "probe_every": HOUR_S}, retry={"max": HOUR_S})
    async with at_work(chat):
        await chat.put("f", order_key="h", incident="i", phase="firing")
        await chat.passes(HOUR_S / 2)
        await chat.put("r", severity="ok", order_key="h", incident="i", phase="resolved")
        await chat.passes(HOUR_S)
        assert chat.destination.delivered == ["f", "r"]
        assert chat.destination.parcels[-2].maybe_there


async def test_while_the_service_says_when_to_come_back_nothing_folds() -> None:
    chat = Chat(Scripted(Later("HTTP 429", throttled=True, after_s=300.0)), burst=1)
    async with at_work(chat):
        await chat.put(*many(60))
        await chat.passes(250.0)
        assert chat.folded == []
        await chat.passes(60.0)
        assert len(chat.folded) == 1


async def test_a_replayed_dead_letter_comes_by_itself_however_old_it_is() -> None:
    chat = Chat(Scripted())
    await chat.put("dead", "other", "third")
    leased = {one.delivery.id: one for one in await chat.store.outbox.lease("ops", 10, 30.0)}
    await chat.store.outbox.settle(leased["dead"].token, SettleDead("404"), Attempt(0, 0, "refused", "", counted=True))
    await chat.store.outbox.give_back([leased["other"].token, leased["third"].token])
    await chat.passes(HOUR_S)
    await chat.store.outbox.replay(["dead"])
    async with at_work(chat):
        assert sorted(chat.titles) == ["2 posts in one", "dead"]


async def test_a_dead_digest_can_be_replayed() -> None:
    refused: Sequence[Any] = (Later("x", unclear=True),)
    chat = Chat(Scripted(*refused), retry={"attempts": 1})
    await chat.put(*many(5))
    await chat.passes(HOUR_S)
    async with at_work(chat):
        (dead,) = await chat.ended("dead")
        assert dead.new.rule == DIGEST_RULE
        await chat.store.outbox.replay([dead.id])
        await chat.passes(5.0)
        assert chat.destination.delivered == [dead.id]


# --- Trouble -------------------------------------------------------------------------------------------


_TROUBLES = [
    *(Trouble(call, "unavailable") for call in ("outbox.fold", "outbox.backlog", "outbox.waiting", "outbox.find")),
    Trouble("outbox.fold", "stored"),
    Trouble("outbox.fold", "not stored"),
]


@pytest.mark.parametrize("trouble", _TROUBLES, ids=lambda trouble: f"{trouble.call} {trouble.outcome}")
async def test_trouble_of_the_store_while_folding_loses_and_repeats_nothing(trouble: Trouble) -> None:
    chat = Chat(Scripted())
    for n in range(3):
        await chat.put(f"f{n}", order_key=f"h{n}", incident="i", phase="firing")
    await chat.put(*many(3))
    await chat.passes(HOUR_S)
    for n in range(3):
        await chat.put(f"r{n}", severity="ok", order_key=f"h{n}", incident="i", phase="resolved")
    chat.store.gate.add(trouble)
    async with at_work(chat):
        await chat.passes(30.0)
        assert await chat.ended("waiting") == []
        told = [name for name in chat.destination.delivered if len(name) < 4]
        assert len(told) == len(set(told))
        ended = [one.id for state in ("folded", "cancelled") for one in await chat.ended(state)]
        ended = [name for name in ended if len(name) < 4]
        assert sorted([*told, *ended]) == sorted([*many(3), *many(3, "f"), *many(3, "r")])


class Beside:
    """An outbox beside which something happens just before it folds, and whose pages are counted."""

    def __init__(self, outbox: Outbox, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        self._outbox = outbox
        self._meanwhile = meanwhile
        self.pages = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    async def fold(self, *asked: Any) -> int:
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
        return await self._outbox.fold(*asked)

    async def backlog(self, *asked: Any) -> Backlog:
        self.pages += 1
        return await self._outbox.backlog(*asked)


async def test_a_line_that_moved_is_left_out_and_the_rest_folds() -> None:
    async def meanwhile() -> None:
        await chat.store.outbox.drop(["d1"], "sam")
        await chat.put("new", severity="critical", order_key="key of d3")

    chat = Chat(Scripted())
    await chat.put(*many(5))
    await chat.passes(HOUR_S)
    chat.beside = Beside(chat.store.outbox, meanwhile)
    chat.courier = chat.another_courier()
    async with at_work(chat):
        await chat.passes(5.0)
        assert sorted(chat.titles) == ["3 posts in one", "d3", "new"]
        assert chat.destination.delivered.index("d3") < chat.destination.delivered.index("new")


async def test_a_post_that_cannot_be_read_does_not_keep_the_others_from_folding() -> None:
    chat = Chat(Scripted())
    await chat.put(*many(3))
    await chat.put("odd", post=b"not json")
    await chat.passes(HOUR_S)
    async with at_work(chat):
        assert chat.titles == ["3 posts in one"]
        assert [one.id for one in await chat.ended("dead")] == ["odd"]


async def test_a_look_in_vain_is_not_taken_again_at_once() -> None:
    chat = Chat(Scripted(), burst=1)
    chat.beside = Beside(chat.store.outbox)
    chat.courier = chat.another_courier()
    async with at_work(chat):
        await chat.put(*many(100), severity="critical")
        await chat.passes(60.0)
        assert 0 < chat.beside.pages <= 70
        assert chat.folded == []
