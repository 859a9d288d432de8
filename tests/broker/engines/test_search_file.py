"""The index of words beside a store in SQLite: a file of its own, which may be lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines import open_reader, open_store
from broker.engines.sqlite.search.index import search_path
from broker.errors import StoreError, StoreUnavailable
from broker.search import SearchQuery, phrases_of
from tests.contracts.builders import TOPIC, messages
from tests.contracts.test_search import DOCUMENTS


async def test_no_file_is_made_until_somebody_asks(tmp_path: Path) -> None:
    store = await open_store(f"sqlite://{tmp_path / 'bridge.db'}", ManualClock())
    await store.log.append(TOPIC, messages(3))
    assert not search_path(tmp_path / "bridge.db").exists()
    await store.search.add(DOCUMENTS, {TOPIC: 3})
    assert search_path(tmp_path / "bridge.db").exists()
    await store.close()


@pytest.mark.parametrize("damage", ["no database", "another version", "torn"])
async def test_a_damaged_file_is_thrown_away_and_begins_anew(tmp_path: Path, damage: str) -> None:
    url, path = f"sqlite://{tmp_path / 'bridge.db'}", search_path(tmp_path / "bridge.db")
    store = await open_store(url, ManualClock())
    await store.search.add(DOCUMENTS, {TOPIC: 3})
    await store.close()
    if damage == "another version":
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
    elif damage == "torn":
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    else:
        path.write_bytes(b"hello " * 1_000)
    store = await open_store(url, ManualClock())
    for _ in range(2):
        try:
            await store.search.add(DOCUMENTS, {TOPIC: 3})
            break
        except StoreError:
            continue
    assert len(await store.search.search(SearchQuery(phrases=phrases_of("answer")))) == 2
    assert await store.log.topics() == []
    await store.close()


async def test_who_only_looks_at_a_store_makes_no_index(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'bridge.db'}"
    await (await open_store(url, ManualClock())).close()
    store = await open_reader(url, ManualClock())
    with pytest.raises(StoreUnavailable):
        await store.search.search(SearchQuery())
    await store.close()
    assert not search_path(tmp_path / "bridge.db").exists()
