"""``doctor``: a look at everything, a sentence for each thing, and exit code 1 when something is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bridge.app.certificate import make_self_signed
from broker.clock import ManualClock, SystemClock
from broker.engines.sqlite import open_sqlite
from broker.model import Commit, NewMessage
from tests.contracts.builders import a_delivery
from tests.fakes.command_line import Said, command

SETTINGS = """\
server: {listen: "127.0.0.1:0", tls: off}
store: sqlite:state/bridge.db
auth: {service_token: secret}
destinations:
  ops: {type: inbox}
  hook: {type: webhook, url: "https://hooks.example.org/x"}
"""
YEAR_2100_US = 4_102_444_800_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with settings and a store that are fine."""
    (tmp_path / "bridge.yaml").write_text(SETTINGS)
    (tmp_path / "state").mkdir()
    asyncio.run(fill(tmp_path / "state" / "bridge.db", SystemClock().wall_us()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def fill(store: Path, now_us: int, *, destination: str = "", due_us: int | None = None) -> None:
    opened = await open_sqlite(store, ManualClock(now_us))
    await opened.log.append("t", [NewMessage("x" * 20_000, {})])
    if destination:
        new = a_delivery("d1", destination=destination, due_us=now_us if due_us is None else due_us)
        await opened.commit(Commit(deliveries=[new]))
    await opened.close()


def findings(said: Said) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in said.value["findings"]:
        found.setdefault(one["check"], []).append(one)
    return found


def wrong(said: Said) -> dict[str, str]:
    return {one["check"]: one["text"] for one in said.value["findings"] if one["state"] == "wrong"}


def test_what_is_well_is_said_so(folder: Path) -> None:
    said = command("doctor")
    assert said.code == 0, said.out
    for check in ("settings", "descriptors", "disk", "files", "pages", "clock", "waiting"):
        assert check in said.out
    assert command("doctor", "--json").value["ok"] is True


def test_a_stray_log_is_found(folder: Path) -> None:
    from tests.broker.engines.test_companions import crash, wal

    store = folder / "state" / "bridge.db"
    asyncio.run(copy(store, folder / "copy.db"))
    crash(folder / "other.db")
    shutil.copyfile(folder / "copy.db", store)
    wal(folder / "other.db").rename(wal(store))
    said = command("doctor", "--json")
    assert said.code == 1
    assert "bridge.db-wal" in wrong(said)["files"]


async def copy(store: Path, target: Path) -> None:
    opened = await open_sqlite(store, SystemClock())
    await opened.backup(target)
    await opened.close()


def test_damage_is_found(folder: Path) -> None:
    store = folder / "state" / "bridge.db"
    content = store.read_bytes()
    store.write_bytes(content[: 8_192 * 3] + b"\xee" * (len(content) - 8_192 * 3))
    said = command("doctor", "--json")
    assert said.code == 1
    assert "restore a backup" in wrong(said)["pages"]


def test_a_file_that_is_no_store_is_found(folder: Path) -> None:
    (folder / "state" / "bridge.db").write_text("no database" * 100)
    said = command("doctor", "--json")
    assert said.code == 1
    assert "it is not an SQLite database" in wrong(said)["pages"]


def test_a_clock_behind_the_newest_message_is_found(folder: Path) -> None:
    asyncio.run(fill(folder / "state" / "bridge.db", YEAR_2100_US))
    said = command("doctor", "--json")
    assert said.code == 1
    assert "the clock is" in wrong(said)["clock"]
    assert "2100-01-01" in wrong(said)["clock"]


def test_what_waits_is_told_and_what_cannot_be_due_is_found(folder: Path) -> None:
    now_us = SystemClock().wall_us()
    asyncio.run(fill(folder / "state" / "bridge.db", now_us, destination="ops", due_us=YEAR_2100_US))
    said = command("doctor", "--json")
    assert said.code == 1
    assert findings(said)["waiting"][0]["text"].startswith("ops: 1 delivery waits")
    assert "ops: 1 wait until 2100-01-01" in wrong(said)["due"]


def test_what_waits_for_nothing_that_is_there_is_found(folder: Path) -> None:
    now_us = SystemClock().wall_us()
    asyncio.run(fill(folder / "state" / "bridge.db", now_us, destination="gone"))
    assert "no such destination" in wrong(command("doctor", "--json"))["waiting"]


def test_a_proxy_is_named_without_its_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:very-secret@proxy.example.org:3128")
    said = command("doctor", "--json")
    assert findings(said)["proxy"][0]["text"] == "hook is asked through proxy.example.org:3128"
    assert "very-secret" not in said.out


def test_a_certificate_that_expired_is_found(folder: Path) -> None:
    certificate, key = make_self_signed(folder / "tls", [], ManualClock(1_000_000_000_000_000).wall_us())
    tls = f"tls: {{certificate: {certificate}, key: {key}}}"
    (folder / "bridge.yaml").write_text(SETTINGS.replace("tls: off", tls))
    said = command("doctor", "--json")
    assert said.code == 1
    assert "expired on" in wrong(said)["certificate"]


def test_a_secret_that_cannot_be_read_is_found(folder: Path) -> None:
    (folder / "bridge.yaml").write_text(SETTINGS.replace("service_token: secret", 'service_token: "${env:NOT_SET}"'))
    said = command("doctor", "--json", env={"NOT_SET": ""} if "NOT_SET" not in os.environ else {})
    assert said.code == 1
    assert "NOT_SET" in wrong(said)["settings"]


def test_a_store_that_is_not_there_yet_is_no_fault(folder: Path) -> None:
    shutil.rmtree(folder / "state")
    said = command("doctor")
    assert (said.code, "the first start makes it" in said.out) == (0, True)
