"""A way to a database that a test cuts when it wants: before a COMMIT arrives, or before its answer is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

Cut = Literal["", "before", "after"]


class CuttingProxy:
    """Passes bytes on, until it is told to ``cut`` at the next COMMIT. ``refuses`` new connections when told so."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self.cut: Cut = ""
        self.cuts = 0
        self.refuses = False
        self.url = ""
        self._running: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[CuttingProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        name, _, _ = self._parts.netloc.rpartition("@")
        self.url = urlunsplit(self._parts._replace(netloc=f"{name}@127.0.0.1:{port}"))
        try:
            yield self
        finally:
            server.close()
            for running in list(self._running):
                running.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running = asyncio.current_task()
        assert running is not None
        self._running.add(running)
        try:
            if not self.refuses:
                await self._pass(reader, writer)
        finally:
            writer.close()
            self._running.discard(running)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._parts.port)
        answers = asyncio.ensure_future(self._answer(there, writer))
        try:
            while data := await reader.read(65_536):
                if self.cut and b"COMMIT" in data:
                    when, self.cut = self.cut, ""
                    self.cuts += 1
                    if when == "after":
                        answers.cancel()
                        back.write(data)
                        await there.read(1)  # it has answered, and nobody hears it
                    return
                back.write(data)
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            back.close()

    @staticmethod
    async def _answer(there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await there.read(65_536):
                writer.write(data)
        writer.close()
