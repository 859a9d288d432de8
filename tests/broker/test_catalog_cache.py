"""The catalog in memory stays right whatever order news comes in."""

import asyncio
import contextlib

import msgspec
import pytest

from broker.catalog_cache import CatalogCache
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from broker.errors import AlreadyExists, NotFound, StoreUnavailable
from broker.model import Put, Remove
from broker.records import Project
from tests.fakes.brokers import a_broker


def a_project(name="P", uid="u1", created_us=1):
    return Project(uid=uid, name=name, created_us=created_us, modified_us=created_us)


async def a_cache(max_staleness_s=None):
    clock = ManualClock()
    store = MemoryStore(clock)
    cache = CatalogCache(store.catalog, clock, max_staleness_s)
    await cache.load()
    return cache, store, clock


@contextlib.asynccontextmanager
async def following(cache):
    following = asyncio.create_task(cache.follow())
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def turns(clock):
    await clock.advance(0, turns=50)


async def test_an_own_write_is_seen_at_once():
    cache, _, _ = await a_cache()
    await cache.create(a_project(), "P")
    assert cache.project("P").uid == "u1"
    assert cache.find_by_uid(Project, "u1").name == "P"


async def test_an_own_removal_is_seen_at_once():
    cache, _, _ = await a_cache()
    project = await cache.create(a_project(), "P")
    await cache.remove(project)
    assert cache.project("P") is None
    assert cache.find_by_uid(Project, "u1") is None


async def test_what_others_write_is_seen_soon():
    cache, store, clock = await a_cache()
    async with following(cache):
        await turns(clock)
        await store.catalog.write([Put("P", a_project(), 0)])
        await turns(clock)
        assert cache.project("P") is not None
        await store.catalog.write([Remove("project", "P", 1)])
        await turns(clock)
        assert cache.project("P") is None


async def test_old_news_never_replaces_what_is_known():
    cache, _, clock = await a_cache()
    project = await cache.create(a_project(), "P")
    await cache.remove(project)
    await cache.create(a_project(uid="u2"), "P")
    async with following(cache):
        await turns(clock)
        assert cache.project("P").uid == "u2"
        assert cache.find_by_uid(Project, "u1") is None


async def test_a_rename_moves_the_name_and_keeps_the_place():
    cache, _, _ = await a_cache()
    first = await cache.create(a_project("A", "u1"), "A")
    await cache.create(a_project("B", "u2"), "B")
    await cache.change(first, lambda p: p.name, lambda p: msgspec.structs.replace(p, name="C"))
    assert cache.project("A") is None
    assert [p.name for p in cache.list_all(Project)] == ["C", "B"]


async def test_a_name_freed_by_a_rename_can_be_taken_again():
    cache, _, clock = await a_cache()
    first = await cache.create(a_project("A", "u1"), "A")
    await cache.change(first, lambda p: p.name, lambda p: msgspec.structs.replace(p, name="C"))
    await cache.create(a_project("A", "u3"), "A")
    async with following(cache):
        await turns(clock)
        assert {p.name: p.uid for p in cache.list_all(Project)} == {"C": "u1", "A": "u3"}


async def test_a_taken_name_is_told():
    cache, _, _ = await a_cache()
    await cache.create(a_project("A", "u1"), "A")
    with pytest.raises(AlreadyExists):
        await cache.create(a_project("A", "u2"), "A")
    other = await cache.create(a_project("B", "u2"), "B")
    with pytest.raises(AlreadyExists):
        await cache.change(other, lambda p: p.name, lambda p: msgspec.structs.replace(p, name="A"))
    assert cache.find_by_uid(Project, "u2").name == "B"


async def test_a_change_is_made_on_top_of_what_somebody_else_did_first():
    cache, store, _ = await a_cache()
    project = await cache.create(a_project(), "P")
    await store.catalog.write([Put("P", msgspec.structs.replace(project, created_by="other"), 1)])
    changed = await cache.change(project, lambda p: p.name, lambda p: msgspec.structs.replace(p, description="new"))
    assert (changed.created_by, changed.description) == ("other", "new")


async def test_changing_what_is_gone_is_not_found():
    cache, store, _ = await a_cache()
    project = await cache.create(a_project(), "P")
    await store.catalog.write([Remove("project", "P", 1)])
    with pytest.raises(NotFound):
        await cache.change(project, lambda p: p.name, lambda p: p)


async def test_removing_what_somebody_changed_or_removed_works():
    cache, store, _ = await a_cache()
    project = await cache.create(a_project(), "P")
    await store.catalog.write([Put("P", project, 1)])
    await cache.remove(project)
    await cache.remove(project)
    assert await store.catalog.read("project", "P") is None


async def test_a_shared_engine_is_fresh_as_long_as_it_can_be_asked():
    cache, store, clock = await a_cache(max_staleness_s=5.0)
    async with following(cache):
        for _ in range(20):
            await clock.advance(1)
        cache.check_fresh()
        store.gate.add(Trouble("catalog.seq", "unavailable", times=None))
        await clock.advance(4)
        cache.check_fresh()
        await clock.advance(3)
        with pytest.raises(StoreUnavailable):
            cache.check_fresh()
        store.gate.heal()
        await clock.advance(2)
        cache.check_fresh()


async def test_an_engine_of_our_own_is_always_fresh():
    cache, _, clock = await a_cache()
    await clock.advance(1000)
    cache.check_fresh()


async def test_following_goes_on_after_the_store_was_away():
    cache, store, clock = await a_cache()
    store.gate.add(Trouble("catalog.changes", "unavailable"))
    async with following(cache):
        await turns(clock)
        await store.catalog.write([Put("P", a_project(), 0)])
        await clock.advance(2)
        assert cache.project("P") is not None


async def test_waiting_for_a_change_ends_with_it():
    cache, _, _ = await a_cache()
    waiting = asyncio.create_task(cache.wait_change(await_revision := 0))
    await cache.create(a_project(), "P")
    assert await waiting > await_revision


async def test_a_token_is_found_by_its_digest_until_it_is_replaced():
    broker = await a_broker()
    user = await broker.users.create("u", token="one")
    assert broker.users.find_by_token("one").name == "u"
    await broker.users.set_token(user, "two")
    assert broker.users.find_by_token("one") is None
    assert broker.users.find_by_token("two").name == "u"
    await broker.users.delete(user)
    assert broker.users.find_by_token("two") is None
