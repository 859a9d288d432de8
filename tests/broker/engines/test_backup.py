"""Backup and restore."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines.sqlite import open_sqlite
from broker.engines.sqlite.restore import restore
from broker.errors import StoreCorrupt, StoreUnavailable
from broker.model import Commit, Cursor, CursorMove, SweepPolicy
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import NOW_US, OTHER_TOPIC, TOPIC, a_delivery, a_move, messages, put_in

_DAY_US = 86_400 * 1_000_000


async def test_a_backup_is_a_store_in_one_file(tmp_path: Path, opened: Opening) -> None:
    copy = tmp_path / "copy.db"
    async with opened() as store:
        await store.log.append(TOPIC, messages(3))
        await store.backup(copy)
        await store.log.append(TOPIC, messages(1))
    assert [file.name for file in tmp_path.glob("copy*")] == ["copy.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    copied = await open_sqlite(copy, ManualClock())
    assert (await copied.log.bounds(TOPIC)).end == 3
    await copied.close()


async def test_a_backup_made_under_load_is_one_moment(tmp_path: Path, opened: Opening) -> None:
    copy = tmp_path / "copy.db"
    async with opened() as store:
        rev = 0
        backing_up = asyncio.ensure_future(store.backup(copy))
        while not backing_up.done():
            await store.commit(
                Commit(
                    cursors=[a_move(rev + 1, rev)],
                    deliveries=[a_delivery(f"d{rev}", post=b"x" * 4_000)],
                    counters={(TOPIC, "n"): 1},
                )
            )
            rev += 1
        await backing_up
    copied = await open_sqlite(copy, ManualClock())
    cursor = await copied.cursors.get(f"r/{TOPIC}")
    moves = cursor.rev if cursor else 0
    assert await copied.counters() == ({(TOPIC, "n"): moves} if moves else {})
    assert sum(balance.deliveries for balance in await copied.outbox.balances()) == moves
    await copied.close()


async def test_a_backup_overwrites_nothing(tmp_path: Path, opened: Opening) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    async with opened() as store:
        with pytest.raises(StoreUnavailable, match="exists; name a new file"):
            await store.backup(target)
    assert target.read_text() == "mine"


async def test_a_backup_into_no_folder_is_refused(tmp_path: Path, opened: Opening) -> None:
    async with opened() as store:
        with pytest.raises(StoreUnavailable, match="does not exist; create it"):
            await store.backup(tmp_path / "none" / "copy.db")


async def _backed_up(tmp_path: Path, opened: Opening) -> Path:
    copy = tmp_path / "copy.db"
    async with opened() as store:
        await store.log.append(TOPIC, messages(3))
        await store.log.reserve(OTHER_TOPIC, 5)
        await store.cursors.put(Cursor("s/x", 2))
        await put_in(store, a_delivery())
        await store.backup(copy)
    return copy


async def test_restoring_raises_every_next_offset_past_a_reserve(tmp_path: Path, path: Path, opened: Opening) -> None:
    copy = await _backed_up(tmp_path, opened)
    path.unlink()
    restored = restore(copy, path, NOW_US + 1)
    assert restored.backed_up_us == NOW_US
    assert restored.next_offsets == {TOPIC: (3, 1_000_003), OTHER_TOPIC: (5, 1_000_005)}
    assert restored.replaced is None
    async with opened() as store:
        assert (await store.log.append(TOPIC, messages(1))).first == 1_000_003
        assert [message.offset for message in await store.log.read(TOPIC, 0, 10, 10**6)] == [0, 1, 2, 1_000_003]
        bounds = await store.log.bounds(OTHER_TOPIC)
        assert (bounds.first, bounds.end) == (1_000_005, 1_000_005)


async def test_the_reserve_grows_with_a_topics_rate_and_the_backups_age(
    tmp_path: Path, path: Path, opened: Opening, clock: ManualClock
) -> None:
    copy = tmp_path / "copy.db"
    async with opened() as store:
        await store.log.append(TOPIC, messages(500))
        await clock.advance(1)
        await store.log.append(TOPIC, messages(500))
        await store.backup(copy)
    (before, after) = restore(copy, path, NOW_US + _DAY_US).next_offsets[TOPIC]
    assert before == 1_000
    assert after == pytest.approx(10 * 1_000 * 86_400, rel=0.01)


async def test_a_restored_store_passes_over_what_the_replaced_one_gave(
    tmp_path: Path, path: Path, opened: Opening
) -> None:
    copy = await _backed_up(tmp_path, opened)
    async with opened() as store:
        await store.log.reserve(TOPIC, 7_000_000)
    restored = restore(copy, path, NOW_US + 1)
    assert restored.next_offsets[TOPIC] == (3, 7_000_000)
    assert restored.replaced is not None
    assert restored.replaced.is_file()
    assert restored.replaced.parent == path.parent


async def test_what_only_the_write_ahead_log_of_the_replaced_store_holds_counts_too(
    tmp_path: Path, path: Path, opened: Opening
) -> None:
    copy = await _backed_up(tmp_path, opened)
    crashed = tmp_path / "crashed.db"
    async with opened() as store:
        await store.log.reserve(TOPIC, 7_000_000)
        for suffix in ("", "-wal"):
            crashed.with_name(crashed.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    restored = restore(copy, crashed, NOW_US + 1)
    assert restored.next_offsets[TOPIC] == (3, 7_000_000)
    assert not list(tmp_path.glob("*-wal*"))


async def test_a_damaged_store_is_replaced_and_kept(tmp_path: Path, path: Path, opened: Opening) -> None:
    copy = await _backed_up(tmp_path, opened)
    path.write_bytes(b"damaged" * 10_000)
    restored = restore(copy, path, NOW_US + 1)
    assert restored.replaced is not None
    assert restored.replaced.read_bytes().startswith(b"damaged")
    async with opened() as store:
        assert await store.cursors.get("s/x") == Cursor("s/x", 2, 1)


async def test_what_waited_is_marked_late_and_unclear(tmp_path: Path, path: Path, opened: Opening) -> None:
    copy = await _backed_up(tmp_path, opened)
    restore(copy, path, NOW_US + 1)
    async with opened() as store:
        found = await store.outbox.read("d1")
        assert found is not None
        assert (found[0].new.late, found[0].unclear, found[0].state) == (True, True, "waiting")


async def test_a_store_in_use_is_not_replaced(tmp_path: Path, path: Path, opened: Opening) -> None:
    copy = await _backed_up(tmp_path, opened)
    async with opened() as store:
        with pytest.raises(StoreUnavailable, match="stop that daemon first"):
            restore(copy, path, NOW_US)
        await store.commit(Commit(cursors=[CursorMove(Cursor("s/y", 1))]))


@pytest.mark.parametrize("bad", ["missing", "text", "other program", "cut"])
async def test_a_bad_backup_replaces_nothing(tmp_path: Path, path: Path, opened: Opening, bad: str) -> None:
    copy = await _backed_up(tmp_path, opened)
    before = path.read_bytes()
    if bad == "missing":
        copy.unlink()
    elif bad == "text":
        copy.write_text("not a database" * 1_000)
    elif bad == "cut":
        os.truncate(copy, copy.stat().st_size // 2)
    else:
        copy.unlink()
        import sqlite3

        other = sqlite3.connect(copy)
        other.execute("CREATE TABLE theirs (x)")
        other.close()
    with pytest.raises((StoreCorrupt, StoreUnavailable)):
        restore(copy, path, NOW_US)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.partial*"))


async def test_a_dropped_topic_stays_dropped_and_its_remains_are_swept(opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(3))
        await store.log.drop(TOPIC)
        (log_id,) = await store._writer.run(
            lambda transaction: transaction.db.execute("SELECT id FROM logs WHERE gone = 1").fetchone()
        )
        left_behind = "INSERT INTO messages (id, at_us, upto, attributes, data) VALUES ((? << 44) + 9, 1, 1, '', 'x')"
        await store._writer.run(lambda transaction: transaction.db.execute(left_behind, (log_id,)).rowcount)
        await store.sweep(SweepPolicy(NOW_US, 0, 0))
        left = await store._readers.read_on_thread(lambda db: db.execute("SELECT count(*) FROM messages").fetchone()[0])
        assert left == 0
