"""``backup`` and ``restore``: a copy of a store in use, and its way back."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.fakes.command_line import command
from tests.fakes.control import RULES, chat
from tests.line.stage import a_stage

BOARD = "  board: {type: inbox}\n"


async def test_a_backup_is_made_beside_the_daemon_and_restored_past_what_may_have_come_since(tmp_path: Path) -> None:
    config = ["-c", str(tmp_path / "bridge.yaml")]
    copy = tmp_path / "copy.db"
    async with a_stage(tmp_path, RULES, chat() + BOARD) as stage:
        await stage.publish({"note": "hi"})
        await stage.settled(1)
        made = await asyncio.to_thread(command, *config, "backup", str(copy))
        assert made.code == 0
        assert made.out.startswith(f"✓ {copy} written, ")
        again = await asyncio.to_thread(command, *config, "backup", str(copy))
        assert (again.code, again.err) == (
            1,
            f"error  {copy} exists; name a new file\n",
        )
        busy = await asyncio.to_thread(command, *config, "restore", str(copy))
        assert busy.code == 1
        assert "error" in busy.err
    restored = await asyncio.to_thread(command, *config, "restore", str(copy))
    assert restored.code == 0
    assert f"✓ {tmp_path}/state/bridge.db restored from {copy}" in restored.out
    assert "the store that stood there is kept as" in restored.out
    assert "projects/P/topics/T: had 1 messages, continues at offset 1000001" in restored.out
    async with a_stage(tmp_path, RULES, chat() + BOARD) as stage:
        assert int((await stage.publish({"note": "after"}))[0]) >= 1_000_001
        await stage.settled(2)
        await stage.check_books()
        (book,) = [one for one in await stage.daemon.books() if one.topic.endswith("/T")]
        assert (book.messages.received, book.messages.expired, book.messages.unrouted) == (2, 0, 0)
        assert 'fate="expired",topic="projects/P/topics/T"} 0.0' in (await stage.http.get("/metrics")).text
        shown = (await stage.http.get("/v1/projects/P/topics/T:metrics")).json()["metrics"]
        messages = [one["timeseries"][0]["value"] for one in shown if one["metric"] == "topic.number_of_messages"]
        assert messages == [2]
        recent = (await stage.http.get("/api/ledger", params={"since_s": 10_000})).json()["recent"]
        assert {one["topic"]: one["received"] for one in recent}["projects/P/topics/T"] == 2


def test_a_store_that_is_no_file_has_other_tools(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("store: memory\n")
    said = command("-c", str(tmp_path / "bridge.yaml"), "backup", str(tmp_path / "copy.db"))
    assert said.code == 1
    assert "works on sqlite stores" in said.err


def test_a_backup_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("store: sqlite:state/bridge.db\n")
    (tmp_path / "copy.db").write_text("this is not a database")
    said = command("-c", str(tmp_path / "bridge.yaml"), "restore", str(tmp_path / "copy.db"))
    assert said.code == 1
    assert "copy.db" in said.err
    assert not (tmp_path / "state" / "bridge.db").exists()


async def test_a_folder_gets_dated_copies_of_which_the_newest_are_kept(tmp_path: Path) -> None:
    config, folder = ["-c", str(tmp_path / "bridge.yaml")], tmp_path / "copies"
    folder.mkdir()
    for name in ("ams-bridge-20200101T000000Z.db", "ams-bridge-20200102T000000Z.db", "mine.db", "ams-bridge-old.db"):
        (folder / name).write_text("old")
    async with a_stage(tmp_path, RULES, chat() + BOARD):
        made = await asyncio.to_thread(command, *config, "backup", str(folder), "--keep", "2")
    assert made.code == 0
    assert "ams-bridge-20200101T000000Z.db removed" in made.out
    left = sorted(file.name for file in folder.iterdir())
    assert left[0] == "ams-bridge-20200102T000000Z.db"
    assert re.fullmatch(r"ams-bridge-20\d{6}T\d{6}Z\.db", left[1])
    assert left[2:] == ["ams-bridge-old.db", "mine.db"]
    restored = await asyncio.to_thread(command, *config, "restore", str(folder / left[1]))
    assert restored.code == 0


def test_keeping_some_needs_a_folder_and_a_failed_copy_removes_none(tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("store: sqlite:state/bridge.db\n")
    config = ["-c", str(tmp_path / "bridge.yaml")]
    said = command(*config, "backup", str(tmp_path / "copy.db"), "--keep", "1")
    assert (said.code, "--keep needs a folder" in said.err) == (1, True)
    for name in ("ams-bridge-20200101T000000Z.db", "ams-bridge-20200102T000000Z.db"):
        (tmp_path / name).write_text("old")
    assert command(*config, "backup", str(tmp_path), "--keep", "1").code == 1
    assert len(list(tmp_path.glob("ams-bridge-2020*.db"))) == 2
