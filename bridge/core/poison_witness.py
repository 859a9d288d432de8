"""The witness of a suspect's second try: whether the daemon stopped at it, or was only killed while it was in hand.

A kill from outside may fall on anything, and twice on the same: the first delivery after a start, say. What stops the
daemon by itself leaves a trace that a kill does not: it crashes, or it holds the interpreter until somebody gives up on
it. ``faulthandler`` writes both down without the interpreter's help, into a file that outlives the process. Only
suspects are watched, so this costs nothing on ordinary days.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from pathlib import Path
from typing import Final

_LONG_S: Final = 0.25
"""A step that takes so long is written down; an ordinary one takes a fraction of a millisecond."""
_TRACE_BYTES: Final = 4_000


class WitnessUnusable(Exception):
    """The file of the trace cannot be read or made; the text says why."""


def read_trace(path: Path) -> str:
    """Where the last run stopped at a suspect, as ``faulthandler`` writes it; "" where it did not.

    Raises WitnessUnusable when the file is there and cannot be read.
    """
    try:
        return path.read_bytes()[:_TRACE_BYTES].decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise WitnessUnusable(str(error)) from error


class Witness:
    """Writes down where the process is when a watched step crashes it, or takes long."""

    def __init__(self, path: Path) -> None:
        """Begin anew, with no trace in the file. Raises WitnessUnusable."""
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise WitnessUnusable(str(error)) from error
        self.is_watching = False
        self._is_enabled_elsewhere = False

    def watch(self) -> None:
        """Watch the step that begins now."""
        self.is_watching = True
        self._is_enabled_elsewhere = faulthandler.is_enabled()
        faulthandler.enable(self._descriptor)
        faulthandler.dump_traceback_later(_LONG_S, file=self._descriptor)

    def release(self) -> None:
        """Watch no more: the step has ended, and whatever was written of it means nothing."""
        self.is_watching = False
        faulthandler.cancel_dump_traceback_later()
        if self._is_enabled_elsewhere and sys.__stderr__ is not None:
            faulthandler.enable(sys.__stderr__)
        else:
            faulthandler.disable()
        os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """Watch nothing any more."""
        if self.is_watching:
            self.release()
        os.close(self._descriptor)
