"""A TCP proxy in a process of its own: what is between a node and its database, and can be cut or held up.

It is told by lines on its standard input: ``pass`` lets everything through, ``hold`` keeps connections open and passes
nothing on (what was sent arrives late, when it passes again), ``cut`` ends all connections and refuses new ones, and
``deafen`` passes on all but notifications, over connections without TLS that are made from then on.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent.parent
Passing = Literal["pass", "hold", "cut", "deafen"]
_HEAD_BYTES = 5


class ProxyProcess:
    """A running proxy: behind each of ``targets`` (ports on this machine) a port of its own, in the same order."""

    def __init__(self, targets: Sequence[int]) -> None:
        command = [sys.executable, "-m", "tests.line.proxy_process", *map(str, targets)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        self.ports = [int(port) for port in self._process.stdout.readline().split()]

    def tell(self, passing: Passing) -> None:
        """Let it pass, hold or cut; it does when this returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{passing}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == passing

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class _Proxy:
    def __init__(self) -> None:
        self._passing = asyncio.Event()
        self._passing.set()
        self._refuses = False
        self._deafens = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self, target: int) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                await self._serve(target, reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def obey(self, passing: str) -> None:
        self._refuses = passing == "cut"
        self._deafens = passing == "deafen"
        if passing == "hold":
            self._passing.clear()
        else:
            self._passing.set()
        if self._refuses:
            for writer in list(self._writers):
                writer.transport.abort()

    async def _serve(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", target)
        self._writers |= {writer, back}
        try:
            answers = self._carry_answers(there, writer) if self._deafens else self._carry(there, writer)
            await asyncio.gather(self._carry(reader, back), answers)
        finally:
            for end in (writer, back):
                end.transport.abort()
                self._writers.discard(end)

    @staticmethod
    async def _carry_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Message by message, each a letter, its length and so many bytes; ``A`` is a notification."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(_HEAD_BYTES)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                if head[:1] != b"A":
                    writer.write(head + body)
        with suppress(OSError):
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        finally:
            with suppress(OSError):
                writer.close()


async def _run(targets: Sequence[int]) -> None:
    proxy, loop = _Proxy(), asyncio.get_running_loop()
    print(*[await proxy.open(target) for target in targets], flush=True)  # noqa: T201 - the parent reads it
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        proxy.obey(line.strip())
        print(line.strip(), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_run([int(word) for word in sys.argv[1:]]))
