"""Files of JSON lines, on a real disk."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.destinations.base import Delivered, Later
from bridge.destinations.file import File, FileConfig
from rules.model import Field
from tests.bridge.destinations.parcels import a_parcel


@asynccontextmanager
async def a_file(path: Path, **config: Any) -> AsyncIterator[File]:
    file = File("log", FileConfig(path=path, **config))
    try:
        yield file
    finally:
        await file.close()


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_post_is_a_line_with_its_id_and_time(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    async with a_file(path) as file:
        assert await file.deliver(a_parcel(title="T\n", fields=(Field("a", "b"),))) == Delivered()
    assert lines(path) == [
        {
            "id": a_parcel().id,
            "time": "2026-01-01T00:00:00.000Z",
            "text": "disk full",
            "title": "T\n",
            "fields": [{"title": "a", "value": "b"}],
            "rule": "disks",
            "key": "web1",
            "phase": "message",
        }
    ]


async def test_a_body_is_the_line(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f") as file:
        await file.deliver(a_parcel(body={"b": [1, None, "ä\n"], "a": 2}))
    assert (tmp_path / "f").read_text() == '{"b":[1,null,"ä\\n"],"a":2}\n'


async def test_what_a_power_cut_left_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"n":1}\n{"n":')
    async with a_file(tmp_path / "f") as file:
        assert await file.deliver(a_parcel(body={"n": 2})) == Delivered()
        assert await file.deliver(a_parcel(body={"n": 3})) == Delivered()
    assert (tmp_path / "f").read_text() == '{"n":1}\n{"n":\n{"n":2}\n{"n":3}\n'


async def test_a_rotation_that_was_cut_off_halfway_loses_nothing(tmp_path: Path) -> None:
    """The daemon died between two renames: FILE.1 is free, FILE.2 and the file itself are there."""
    (tmp_path / "f.2").write_text("old\n")
    (tmp_path / "f").write_text("new\n")
    async with a_file(tmp_path / "f", max_size=8, keep=3) as file:
        assert await file.deliver(a_parcel(body="next")) == Delivered()
    found = {one.name: one.read_text() for one in tmp_path.iterdir()}
    assert found == {"f": '"next"\n', "f.1": "new\n", "f.3": "old\n"}


async def test_many_at_once_are_whole_lines(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f", sync=False) as file:
        await asyncio.gather(*(file.deliver(a_parcel(body={"n": n, "x": "y" * 5_000})) for n in range(50)))
    assert sorted(line["n"] for line in lines(tmp_path / "f")) == list(range(50))


async def test_a_large_file_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f", max_size=100, keep=2) as file:
        for n in range(8):
            await file.deliver(a_parcel(body=f"{n}" * 40))
    kept = {path.name: [line[0] for line in lines(path)] for path in tmp_path.iterdir()}
    assert kept == {"f": ["6", "7"], "f.1": ["4", "5"], "f.2": ["2", "3"]}


async def test_with_nothing_to_keep_the_file_begins_anew(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f", max_size=100, keep=0) as file:
        for n in range(3):
            await file.deliver(a_parcel(body=f"{n}" * 40))
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert len(lines(tmp_path / "f")) == 1


async def test_a_line_longer_than_the_limit_is_written_all_the_same(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f", max_size=10) as file:
        assert await file.deliver(a_parcel(body="x" * 100)) == Delivered()


async def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f") as file:
        await file.deliver(a_parcel(body=1))
        (tmp_path / "f").rename(tmp_path / "old")
        await file.deliver(a_parcel(body=2))
    assert (lines(tmp_path / "old"), lines(tmp_path / "f")) == ([1], [2])


@pytest.mark.parametrize("there", ["missing folder", "folder"])
async def test_what_cannot_be_written_is_for_later(tmp_path: Path, there: str) -> None:
    path = tmp_path / "no" / "f" if there == "missing folder" else tmp_path
    async with a_file(path) as file:
        outcome = await file.deliver(a_parcel())
        assert isinstance(outcome, Later)
        assert not outcome.unclear
        assert isinstance(await file.probe(), Later)


@contextmanager
def a_disk_that_ends_at(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond a size: what a full disk looks like from here."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


async def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f") as file:
        await file.deliver(a_parcel(body="x" * 50))
        with a_disk_that_ends_at(80):
            outcome = await file.deliver(a_parcel(body="y" * 50))
        assert isinstance(outcome, Later)
        assert not outcome.unclear
        assert await file.deliver(a_parcel(body="z")) == Delivered()
    assert lines(tmp_path / "f") == ["x" * 50, "z"]


async def test_a_probe_makes_nothing(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f") as file:
        assert await file.probe() == Delivered()
    assert list(tmp_path.iterdir()) == []


async def test_a_preview_is_the_line(tmp_path: Path) -> None:
    async with a_file(tmp_path / "f") as file:
        preview = file.preview(a_parcel())
        await file.deliver(a_parcel())
    assert lines(tmp_path / "f") == [preview.body]


async def test_a_folder_that_is_not_there_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "a.jsonl", tmp_path):
        async with a_file(path) as file:
            outcome = await file.deliver(a_parcel())
        assert isinstance(outcome, Later)
        assert outcome.misconfigured
        assert not outcome.unclear
