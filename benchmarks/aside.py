"""A function in a process of its own that answers questions, so that it costs the other processes no time."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

_JOINS_WITHIN_S = 10.0


class Aside:
    """The other end. ``ask`` blocks until it answers. Raises RuntimeError when it is gone."""

    def __init__(self, pipe: Connection, pid: int) -> None:
        self.pid = pid
        self._pipe = pipe

    def ask(self, question: object, within_s: float = 300.0) -> Any:
        """Its answer. Raises RuntimeError when none comes."""
        self._pipe.send(question)
        return self.hear(within_s)

    def hear(self, within_s: float = 60.0) -> Any:
        """What it says next. Raises RuntimeError when nothing comes."""
        try:
            if self._pipe.poll(within_s):
                return self._pipe.recv()
        except EOFError:
            pass
        raise RuntimeError("a process of the benchmark ended or hangs; its error stands above")


@contextlib.contextmanager
def aside(main: Callable[..., None], *arguments: object) -> Iterator[Aside]:
    """Run ``main(pipe, *arguments)`` until the block ends."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=main, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Aside(ours, process.pid or 0)
    finally:
        process.terminate()
        process.join(_JOINS_WITHIN_S)
        ours.close()
