"""A disk that fails, files that are damaged, and processes that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines.sqlite import open_sqlite
from broker.engines.sqlite.opening import PAGE_BYTES, connect
from broker.errors import StoreCorrupt
from broker.model import NewMessage
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import TOPIC, a_delivery, lease_names, put_in

_ROOT = Path(__file__).parents[3]
_SCRIPTS = Path(__file__).parent / "scripts"


def start_script(script: str, path: Path, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    return subprocess.Popen(
        [sys.executable, str(_SCRIPTS / script), str(path), *more], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_disk_that_fails_during_commit_leaves_the_outcome_unknown_until_it_is_found_out(path: Path) -> None:
    with start_script("failing_disk.py", path) as child:
        told = child.communicate(timeout=50)[0].splitlines()
    ends = [line for line in told if line.startswith("end ")]
    known = [int(line.removeprefix("end ")) for line in ends if line != "end unknown"]
    assert known == sorted(known)
    assert "refused OutcomeUnknown StoreUnavailable" in told
    assert told[-3:] == ["writable False", "writable True", "goes on True"]


async def test_a_damaged_page_is_told_to_who_reads_it_and_to_nobody_else(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await put_in(store, a_delivery())
        for _ in range(40):
            await store.log.append(TOPIC, [NewMessage("x" * 5_000, {})])
    db = connect(path)
    pages = db.execute("SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf'").fetchall()
    db.close()
    with path.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * PAGE_BYTES)
            file.write(b"\xee" * PAGE_BYTES)
    async with opened() as store:
        with pytest.raises(StoreCorrupt, match="its pages do not fit together; restore a backup"):
            await store.log.read(TOPIC, 0, 100, 10**9)
        assert await lease_names(store) == ["d1"]


async def test_a_store_too_damaged_to_open_is_let_go_of(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await put_in(store, a_delivery())
    db = connect(path)
    (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'progress_line'").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"\xee" * PAGE_BYTES)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            await open_sqlite(path, ManualClock())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("store-")]


async def test_a_file_cut_short_is_damaged(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, [NewMessage("x" * 50_000, {})])
    os.truncate(path, PAGE_BYTES * 2)
    with pytest.raises(StoreCorrupt):
        await open_sqlite(path, ManualClock())


async def test_an_empty_file_becomes_a_store(path: Path, opened: Opening) -> None:
    path.touch()
    async with opened() as store:
        assert await store.log.topics() == []


class Answers:
    """What a killed process was answered, over all its lives."""

    def __init__(self) -> None:
        self.stored: dict[int, str] = {}
        self.committed = -1
        self.delivered: list[str] = []

    def hear(self, line: str) -> None:
        match line.split():
            case ["stored", first, text]:
                assert int(first) not in self.stored, "an offset was given twice"
                self.stored[int(first)] = text
            case ["committed", number]:
                assert int(number) == self.committed + 1 or int(number) > self.committed
                self.committed = int(number)
            case ["delivered", name]:
                self.delivered.append(name)
            case _:
                assert line in ("", "open\n")


async def test_a_killed_process_loses_nothing_it_was_answered(path: Path, opened: Opening) -> None:
    answers, chance = Answers(), random.Random(7)  # noqa: S311 - how long each life is
    for _ in range(4):
        _run_and_kill(path, answers, lines=chance.randrange(50, 2_500))
    async with opened() as store:
        bounds = await store.log.bounds("t")
        found = await store.log.read("t", 0, 10_000, 10**9)
        assert [message.offset for message in found] == list(range(bounds.first, bounds.end))
        texts = {message.offset: message.data for message in found}
        for first, text in answers.stored.items():
            kept = {first + part: f"{text}.{part}" for part in range(3) if first + part >= bounds.first}
            assert {offset: texts.get(offset) for offset in kept} == kept
        cursor = await store.cursors.get("r/t")
        assert cursor is not None
        assert cursor.offset > answers.committed
        assert await store.counters() == {("t", "decided"): 2 * cursor.offset}
        assert sum(balance.deliveries for balance in await store.outbox.balances()) == 2 * cursor.offset
        assert list(await store.outbox.balances()) == list(await store.outbox.balances(0))
        assert len(set(answers.delivered)) == len(answers.delivered), "a settled delivery was given out again"
        states = [await store.outbox.read(name) for name in answers.delivered]
        assert {found[0].state for found in states if found is not None} == {"delivered"}
        assert None not in states


def _run_and_kill(path: Path, answers: Answers, lines: int) -> None:
    with start_script("busy_store.py", path) as child:
        assert child.stdout is not None
        for _ in range(lines):
            answers.hear(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            if line.endswith("\n"):
                answers.hear(line)
