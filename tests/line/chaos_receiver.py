"""The receiver of the chaos proof: a process of its own that notes what arrives before it answers, and misbehaves.

Its file is the proof's witness, so it knows nothing of the daemon: a line is when (monotonic seconds of the machine),
key, number, the delivery's id, and how the receiver went on.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from broker.clock import SystemClock
from tests.line.process import ROOT, a_free_port

WAYS: Final = {"taken": 84, "500": 5, "429": 3, "503": 2, "cut": 3, "hang": 2, "late": 1}
"""How it goes on after it wrote a line, and how often: ``taken`` is a plain 200, ``cut`` is none, ``hang`` too late."""

CLEARLY_NOT: Final = frozenset({"500", "429", "503"})
"""After these the daemon knows that it has to come again."""

_LATE_S: Final = 0.4
_HANG_S: Final = 3.0  # longer than the daemon waits
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that reached the receiver."""

    at_s: float
    key: str
    n: int
    delivery_id: str
    way: str


class ReceiverProcess:
    """Starts and ends the receiver, always on the same port and with the same file."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.url = f"http://127.0.0.1:{(port := a_free_port())}/"
        self._file = folder / "arrivals.txt"
        self._words = [sys.executable, "-c", "from tests.line.chaos_receiver import main; main()", str(port)]
        self._seed = seed
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, calm: bool = False) -> None:
        """Return once it listens; ``calm`` is without misbehaving."""
        self._seed += 1
        words = [*self._words, str(self._file), str(self._seed), "calm" if calm else ""]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"listening\n"

    def kill(self) -> None:
        """Nobody listens any more; what is in flight is cut."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def arrivals(self) -> list[Arrival]:
        """What it wrote down so far, over all its lives; a line that a kill cut short is none."""
        fields = [line.split() for line in self._file.read_text().splitlines()]
        return [Arrival(float(line[0]), line[1], int(line[2]), *line[3:]) for line in fields if len(line) == 5]


def main() -> None:
    """Listen, until killed: the words are the port, the file, the seed, and "calm" or nothing."""
    port, file, seed, calm = sys.argv[1:]
    asyncio.run(_listen(int(port), _Receiver(Path(file), random.Random(int(seed)), calm == "calm")))  # noqa: S311


async def _listen(port: int, receiver: _Receiver) -> None:
    app = web.Application()
    app.router.add_post("/", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().create_future()


class _Receiver:
    def __init__(self, file: Path, rng: random.Random, calm: bool) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._rng = rng
        self._calm = calm

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Write down what came, in one call so that a kill leaves no half line, and go on as the draw says."""
        key, n = (await request.json())["text"].split()
        way = "taken" if self._calm else self._rng.choices(list(WAYS), list(WAYS.values()))[0]
        line = f"{_CLOCK.monotonic():.6f} {key} {n} {request.headers['idempotency-key']} {way}\n"
        os.write(self._file, line.encode())
        if way in CLEARLY_NOT:
            return web.Response(status=int(way), headers={"retry-after": "0.05"} if way == "429" else {})
        if way == "cut":
            assert request.transport is not None
            request.transport.abort()
        elif way == "hang":
            await _CLOCK.sleep(_HANG_S)
        elif way == "late":
            await _CLOCK.sleep(_LATE_S)
        return web.Response()
