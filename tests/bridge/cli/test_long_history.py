"""Rules over a long history: memory that does not grow with it, and a daemon that is not held up."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.cli.command_context import Context
from bridge.cli.history import Wanted, open_history
from bridge.cli.setup import settings_of_context
from broker.clock import ManualClock
from broker.engines import open_store
from broker.model import NewMessage
from tests.fakes.command_line import write
from tests.line.stage import a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.status: CRITICAL}
    resolved: {$.status: OK}
    key: "{{ data.host }}"
    text: "{{ data.host }} is {{ data.status }}{% if data.note is defined %}: {{ data.note }}{% endif %}"
    send: board
  - name: warnings
    match: {$.status: WARNING}
    key: "{{ data.host }}"
    dedupe: 4h
    text: "{{ data.host }}"
    send: board
"""
FEW, MANY = 15_000, 60_000
MOST_MIB = 180
MAY_GROW_MIB = 30
_AT_ONCE = 2_000
_STEP_S = 60.0


async def _filled(folder: Path, messages: int) -> Path:
    """A store with so many messages of as many hosts, which a daemon made and left."""
    folder.mkdir(exist_ok=True)
    async with a_stage(folder, RULES, "  board: {type: inbox}\n") as stage:
        await stage.publish({"status": "NONE"})
        (uid,) = await stage.daemon.store.log.topics()
        now_us = stage.clock.wall_us()
    clock = ManualClock(now_us)
    store = await open_store(f"sqlite://{folder / 'state' / 'bridge.db'}", clock)
    try:
        for first in range(0, messages, _AT_ONCE):
            await store.log.append(uid, [_message(n) for n in range(first, min(first + _AT_ONCE, messages))])
            await clock.advance(_STEP_S)
    finally:
        await store.close()
    return folder / "bridge.yaml"


def _message(number: int) -> NewMessage:
    event = {"host": f"host-{number}", "status": ("CRITICAL", "WARNING", "OK", "NONE")[number % 4], "pad": "x" * 300}
    return NewMessage(base64.b64encode(json.dumps(event).encode()).decode(), {"vo": "ops"})


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said, and the most memory it took."""

    value: dict[str, object]
    peak_mib: float


# The kernel hands a process the peak of whoever forked it; VmHWM begins anew with the program.
_PROGRAM = """
import atexit, pathlib, re, sys
from bridge.cli.main import main
@atexit.register
def tell():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(sys.argv.pop()).write_text(re.search(r"VmHWM:\\s+(\\d+) kB", status).group(1))
main(sys.argv[1:-1])
"""


def _run(config: Path, *words: str) -> Ran:
    """Run a command in a process of its own."""
    said, peak_kib = config.parent / "said.json", config.parent / "peak"
    call = [sys.executable, "-c", _PROGRAM, "-c", str(config), *words, "--json", str(peak_kib)]
    with said.open("wb") as out:
        subprocess.run(call, stdout=out, check=True)
    return Ran(json.loads(said.read_text()), int(peak_kib.read_text()) / 1024)


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", ["backtest", "coverage"])
def test_memory_does_not_grow_with_the_history(tmp_path: Path, command: str) -> None:
    peaks = {}
    for messages in (FEW, MANY):
        config = asyncio.run(_filled(tmp_path / str(messages), messages))
        write(config.parent, {"rules.d/rules.yaml": RULES.replace("dedupe: 4h", "dedupe: 1h")})
        ran = _run(config, "rules", command, "--since", "36500d")
        assert messages <= int(str(ran.value["messages"])) <= messages + 1
        peaks[messages] = ran.peak_mib
    assert peaks[MANY] < MOST_MIB, peaks
    assert peaks[MANY] - peaks[FEW] < MAY_GROW_MIB, peaks


def test_a_walk_in_the_middle_holds_no_lock(tmp_path: Path) -> None:
    config = asyncio.run(_filled(tmp_path, 6_000))
    context = Context(config=config)
    with open_history(settings_of_context(context)) as history:
        stretches = history.find_stretches(Wanted(3e9), lambda name: name.endswith("/T"))
        with history.walk(context.output, stretches) as walk:
            assert next(walk.stream).offset <= 1
            writer = sqlite3.connect(tmp_path / "state" / "bridge.db", isolation_level=None)
            writer.execute("CREATE TABLE written_meanwhile (n)")
            busy, waiting, moved = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            writer.close()
            assert (busy, waiting, moved) == (0, 0, 0)
            assert sum(1 for _ in walk.stream) >= 5_999
