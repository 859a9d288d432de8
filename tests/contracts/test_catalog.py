"""The Catalog: versions, names, the order of creation, and the feed of changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from broker.errors import VersionMoved
from broker.model import Changed, Put, Remove
from broker.records import KINDS, Membership, PushConfig, Subscription, User
from broker.store import Store
from tests.contracts.builders import NOW_US, a_project, a_topic, in_time
from tests.contracts.engines import Engine


@dataclass
class Feed:
    """What a follower of the catalog has seen."""

    seen: list[Changed]

    async def follow(self, store: Store, since_seq: int, until: int) -> None:
        async for change in store.catalog.changes(since_seq):
            self.seen.append(change)
            if len(self.seen) >= until:
                return


async def test_a_record_is_read_as_it_was_written(engine: Engine) -> None:
    async with engine.open() as store:
        user = User(
            uid="u1",
            created_us=NOW_US,
            modified_us=NOW_US,
            name="ζ",
            token_digest="d",
            token_sealed=b"\x00\xff",
            memberships=(Membership("p", ("consumer", "publisher")),),
        )
        subscription = Subscription(
            uid="s1",
            created_us=1,
            modified_us=2,
            project_uid="p",
            name="s",
            topic_name="t",
            push=PushConfig(type="http_endpoint", endpoint="https://x.example", max_messages=3),
        )
        first, second = await store.catalog.write([Put("ζ", user, 0), Put("p/s", subscription, 0)])
        assert await store.catalog.read("user", "ζ") == first
        assert (first.record, first.version, first.seq) == (user, 1, 1)
        assert (second.record, second.version, second.seq) == (subscription, 1, 2)


async def test_a_record_that_is_not_there_is_none(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.catalog.read("project", "EGI") is None


async def test_kinds_share_no_keys(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("x", a_project("x"), 0), Put("x", a_topic("x"), 0)])
        assert [len(await store.catalog.list(kind)) for kind in KINDS] == [1, 0, 1] + [0] * (len(KINDS) - 3)


async def test_a_put_with_the_standing_version_replaces(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("EGI", a_project(), 0)])
        (stored,) = await store.catalog.write([Put("EGI", a_project(description="new"), 1)])
        assert (stored.version, stored.record) == (2, a_project(description="new"))


@pytest.mark.parametrize("version", [0, 2])
async def test_a_put_with_another_version_is_refused(engine: Engine, version: int) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("EGI", a_project(), 0)])
        with pytest.raises(VersionMoved) as moved:
            await store.catalog.write([Put("EGI", a_project(description="new"), version)])
        assert (moved.value.kind, moved.value.key) == ("project", "EGI")


async def test_a_put_of_a_version_that_never_was_is_refused(engine: Engine) -> None:
    async with engine.open() as store:
        with pytest.raises(VersionMoved):
            await store.catalog.write([Put("EGI", a_project(), 1)])


async def test_one_refused_change_leaves_all_of_them_undone(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("EGI", a_project(), 0)])
        changes = [Put("new", a_project("new"), 0), Remove("project", "EGI", 1), Put("other", a_project("other"), 7)]
        with pytest.raises(VersionMoved):
            await store.catalog.write(changes)
        assert [one.key for one in await store.catalog.list("project")] == ["EGI"]
        assert await store.catalog.seq() == 1


async def test_one_refused_write_leaves_the_others_of_its_group_alone(engine: Engine) -> None:
    async with engine.open() as store:
        writes = [store.catalog.write([Put(f"p{number % 4}", a_project(f"p{number}"), 0)]) for number in range(8)]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert sum(isinstance(answer, VersionMoved) for answer in answers) == 4
        assert len(await store.catalog.list("project")) == 4


async def test_a_removed_record_is_gone_and_its_key_free(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("EGI", a_project(), 0)])
        assert await store.catalog.write([Remove("project", "EGI", 1)]) == []
        assert await store.catalog.read("project", "EGI") is None
        (stored,) = await store.catalog.write([Put("EGI", a_project(), 0)])
        assert stored.version == 1


@pytest.mark.parametrize("version", [0, 2])
async def test_a_removal_with_another_version_is_refused(engine: Engine, version: int) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("EGI", a_project(), 0)])
        with pytest.raises(VersionMoved):
            await store.catalog.write([Remove("project", "EGI", version)])
        with pytest.raises(VersionMoved):
            await store.catalog.write([Remove("project", "none", version)])


async def test_records_are_listed_in_the_order_of_their_creation(engine: Engine) -> None:
    async with engine.open() as store:
        for name in ("c", "a", "b"):
            await store.catalog.write([Put(name, a_project(name), 0)])
        await store.catalog.write([Put("c", a_project("c", description="changed"), 1)])
        assert [one.key for one in await store.catalog.list("project")] == ["c", "a", "b"]


async def test_a_prefix_narrows_the_list(engine: Engine) -> None:
    async with engine.open() as store:
        for key in ("p2/a", "p1/b", "p1/a", "p10/a", "p1"):
            await store.catalog.write([Put(key, a_topic(key), 0)])
        assert [one.key for one in await store.catalog.list("topic", "p1/")] == ["p1/b", "p1/a"]


async def test_a_rename_keeps_the_place_and_counts_the_version(engine: Engine) -> None:
    async with engine.open() as store:
        for name in ("a", "b"):
            await store.catalog.write([Put(name, a_project(name), 0)])
        (stored,) = await store.catalog.write([Put("z", a_project("z"), 1, old_key="a")])
        assert stored.version == 2
        assert [one.key for one in await store.catalog.list("project")] == ["z", "b"]
        assert await store.catalog.read("project", "a") is None


async def test_a_rename_onto_another_record_is_refused(engine: Engine) -> None:
    async with engine.open() as store:
        for name in ("a", "b"):
            await store.catalog.write([Put(name, a_project(name), 0)])
        with pytest.raises(VersionMoved) as moved:
            await store.catalog.write([Put("b", a_project("b"), 1, old_key="a")])
        assert moved.value.key == "b"
        assert [one.key for one in await store.catalog.list("project")] == ["a", "b"]


async def test_a_rename_of_nothing_is_refused(engine: Engine) -> None:
    async with engine.open() as store:
        with pytest.raises(VersionMoved):
            await store.catalog.write([Put("b", a_project("b"), 0, old_key="a")])


async def test_a_rename_to_its_own_name_is_a_change_like_any(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("a", a_project("a"), 0)])
        (stored,) = await store.catalog.write([Put("a", a_project("a"), 1, old_key="a")])
        assert (stored.version, await store.catalog.seq()) == (2, 2)


async def test_two_names_can_be_swapped_through_a_third_in_one_write(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("a", a_project("a"), 0), Put("b", a_project("b"), 0)])
        await store.catalog.write(
            [
                Put("tmp", a_project("a"), 1, old_key="a"),
                Put("a", a_project("b"), 1, old_key="b"),
                Put("b", a_project("a"), 2, old_key="tmp"),
            ]
        )
        assert [(one.key, one.record.name) for one in await store.catalog.list("project")] == [("b", "a"), ("a", "b")]


async def test_the_feed_tells_every_change_since_a_number_in_order(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("a", a_project("a"), 0), Put("b", a_project("b"), 0)])
        await store.catalog.write([Put("c", a_project("c"), 1, old_key="a"), Remove("project", "b", 1)])
        feed = Feed([])
        await in_time(feed.follow(store, 0, until=3))
        assert [(change.key, change.stored is not None) for change in feed.seen] == [
            ("a", False),
            ("c", True),
            ("b", False),
        ]
        assert [change.seq for change in feed.seen] == [3, 4, 5]
        assert await store.catalog.seq() == 5


async def test_the_feed_goes_on_with_what_comes(engine: Engine) -> None:
    async with engine.open() as store:
        feed = Feed([])
        follower = asyncio.ensure_future(feed.follow(store, await store.catalog.seq(), until=3))
        for number in range(3):
            await store.catalog.write([Put(f"p{number}", a_project(f"p{number}"), 0)])
        await in_time(follower)
        assert [change.key for change in feed.seen] == ["p0", "p1", "p2"]


async def test_a_follower_who_is_slow_misses_no_last_state(engine: Engine) -> None:
    async with engine.open() as store:
        await store.catalog.write([Put("a", a_project("a"), 0)])
        last: dict[str, int | None] = {}
        async for change in store.catalog.changes(0):
            last[change.key] = change.stored.version if change.stored else None
            if change.seq == 1:
                for version in range(1, 30):
                    await store.catalog.write([Put("a", a_project("a", description=str(version)), version)])
                await store.catalog.write([Remove("project", "a", 30), Put("b", a_project("b"), 0)])
            if change.key == "b":
                break
        assert last == {"a": None, "b": 1}


async def test_the_feed_ends_when_the_store_closes(engine: Engine) -> None:
    async with engine.open() as store:
        follower = asyncio.ensure_future(Feed([]).follow(store, 0, until=1))
        await store.catalog.seq()
        await store.close()
        await in_time(asyncio.wait([follower]))
        assert follower.exception() is None
