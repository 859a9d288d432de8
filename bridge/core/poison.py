"""The poison guard: what the daemon died of twice is set aside, so that it cannot die of it again and again.

Before a message is matched or decided, a timer fired or a post made ready to be sent, its name is noted
(``poison_notes.py``). A note left behind when the process ends is a death with that name in hand. After the first death
it is a suspect: it is done again, and while there are suspects only one thing is done at a time, so that a second death
has one name. A kill from outside may fall on anything, so a second death counts when a trace shows that the daemon
stopped at it (``poison_witness.py``). Then it is done no more: a message or a delivery becomes a dead letter, a timer
rests until other rules are in force.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Generator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec
import structlog

from bridge.core.offload import Offload
from bridge.core.poison_deaths import (
    DEATHS_ALLOWED,
    Deaths,
    Suspect,
    count_death,
    is_forgotten,
    read_deaths,
    write_deaths,
)
from bridge.core.poison_notes import NotesUnusable, PoisonNotes, note_name, read_notes
from bridge.core.poison_witness import Witness, WitnessUnusable, read_trace
from broker.clock import Clock, us

REASON: Final = "the daemon stopped twice while deciding it"
_NOTES_FILE: Final = "deciding.notes"
_DEATHS_FILE: Final = "deciding.deaths.json"
_TRACE_FILE: Final = "deciding.trace"
_TOLD_FOR_S: Final = 86_400.0
_LONGEST_TURN_S: Final = 10.0  # a suspect that takes longer, and does not stop the daemon, keeps nobody waiting

Result = TypeVar("Result")

log = structlog.get_logger("poison")


class PoisonGuard:
    """Knows what the daemon died of, and gives each worker that decides a ``Desk``; notes nothing without a folder."""

    def __init__(self, clock: Clock, folder: Path | None = None) -> None:
        """Count what the last run left behind, and begin a new one. A folder that cannot be used is logged."""
        self.clock = clock
        self._turn = asyncio.Lock()
        self._suspects: dict[str, Suspect] = {}
        self._path: Path | None = None
        self._run = ""
        self.notes: PoisonNotes | None = None
        self._witness: Witness | None = None
        self.is_watching = False
        if folder is None:
            return
        run = os.urandom(16)
        try:
            self._count_deaths(folder)
            self.notes = PoisonNotes(folder / _NOTES_FILE, run)
            self._witness = Witness(folder / _TRACE_FILE)
        except (NotesUnusable, WitnessUnusable, OSError) as error:
            log.warning("what is decided cannot be noted", folder=str(folder), reason=str(error))
        self._watch()

    def open_desk(self, name: str) -> Desk:
        """A desk for one worker; ``name`` names its thread."""
        return Desk(self, name)

    def explain_set_aside(self, name: str) -> str:
        """Why something is decided no more; "" for nearly everything."""
        if not self._suspects:
            return ""
        suspect = self._suspects.get(note_name(name))
        return REASON if suspect is not None and suspect.deaths >= DEATHS_ALLOWED else ""

    async def take_turn(self) -> bool:
        """Wait until nothing else is under decision; False when that takes too long, and it goes on beside it."""
        try:
            async with self.clock.timeout(_LONGEST_TURN_S):
                await self._turn.acquire()
        except TimeoutError:
            return False
        return True

    def end_turn(self) -> None:
        """Let the next one be decided."""
        self._turn.release()

    def settle_messages(self, topic: str, topic_uid: str, before: int) -> None:
        """Note that all messages of a topic before this offset are in the store, decided or set aside."""
        if not self._suspects:
            return
        passed = [name for name in self._suspects if message_name(topic_uid, _offset(name)) == name]
        for name in [name for name in passed if _offset(name) < before]:
            self._settle(name, f"{topic}:{_offset(name)}")

    def settle_timers(self, topic: str, names: Mapping[str, str]) -> None:
        """Note that these timers of a topic (key to ``timer_name``) are fired or put off, and that is in the store."""
        if not self._suspects:
            return
        for key, name in names.items():
            self._settle(note_name(name), f"a timer of {topic} ({key[:100]})")

    def settle_delivery(self, name: str, about: str) -> None:
        """Note that a try of a delivery has ended, or was not begun: no suspect any more, or set aside."""
        if self._suspects:
            self._settle(name, about)

    async def run_noted(self, name: str, work: Coroutine[Any, Any, Result]) -> Result:
        """Run ``work``, noted under ``name`` whenever it computes, and never while it waits."""
        slot = self._free_slot()
        if slot is None:
            return await work
        try:
            return await _Noted(self, slot, note_name(name), work)
        finally:
            if self.notes is not None:
                self.notes.give_back(slot)

    def begin(self, notes: PoisonNotes, slot: int, name: str) -> None:
        """Note that a step begins for ``name`` (see ``note_name``); a suspect's step is watched."""
        notes.note(slot, name)
        if self.is_watching and self._witness is not None and name in self._suspects:
            self._witness.watch()

    def end(self, notes: PoisonNotes, slot: int) -> None:
        """Note that the step has ended."""
        if self._witness is not None and self._witness.is_watching:
            self._witness.release()
        notes.clear(slot)

    def _free_slot(self) -> int | None:
        if self.notes is None:
            return None
        try:
            return self.notes.take_slot()
        except NotesUnusable as error:
            log.warning("what is sent cannot be noted", reason=str(error))
            return None

    def is_told(self, name: str) -> bool:
        """Whether something was set aside, and told."""
        suspect = self._suspects.get(note_name(name))
        return suspect is not None and suspect.set_aside_us > 0

    def list_set_aside(self) -> list[str]:
        """What was set aside in the last day, in words."""
        since_us = self.clock.wall_us() - us(_TOLD_FOR_S)
        return [suspect.about for suspect in self._suspects.values() if suspect.set_aside_us > since_us]

    def describe_degraded(self) -> str:
        """What was set aside lately, as a line for /readyz; "" when nothing was."""
        about = self.list_set_aside()
        if not about:
            return ""
        return f"set aside undecided, for {REASON}: {', '.join(about[:10])}{', ...' if len(about) > 10 else ''}"

    def close(self) -> None:
        """Note that the daemon ends in good order."""
        if self.notes is not None:
            self.notes.close()
            self.notes = None
        if self._witness is not None:
            self._witness.close()
            self._witness = None

    def _settle(self, name: str, about: str) -> None:
        """What became of a suspect, as named in a note: decided after all, or set aside and told, once."""
        suspect = self._suspects.get(name)
        if suspect is None or suspect.set_aside_us:
            return
        if suspect.deaths < DEATHS_ALLOWED:
            del self._suspects[name]
            log.info("decided after all", about=about)
        else:
            now_us = self.clock.wall_us()
            self._suspects[name] = msgspec.structs.replace(suspect, about=about, set_aside_us=now_us)
            log.error("set aside undecided: the daemon stopped at it", about=about, deaths=suspect.deaths)
        self._watch()
        self._keep()

    def _watch(self) -> None:
        self.is_watching = any(suspect.deaths < DEATHS_ALLOWED for suspect in self._suspects.values())

    def _count_deaths(self, folder: Path) -> None:
        """Take what the last run left under decision into the file of deaths; lasting before its notes are cleared."""
        self._path = folder / _DEATHS_FILE
        known = read_deaths(self._path)
        now_us = self.clock.wall_us()
        run, names = read_notes(folder / _NOTES_FILE)
        self._run = known.counted
        self._suspects = {
            name: suspect for name, suspect in known.suspects.items() if not is_forgotten(suspect, now_us)
        }
        if not names or run.hex() == known.counted:
            return
        self._run = run.hex()
        trace = read_trace(folder / _TRACE_FILE)
        for name in names:
            suspect = count_death(self._suspects.get(name), trace, now_us)
            self._suspects[name] = suspect
            log.error("the daemon stopped while deciding", name=name, deaths=suspect.deaths, where=trace)
        self._keep()

    def _keep(self) -> None:
        """Write the file of deaths, lasting when it returns; what cannot be written is logged, and known in memory."""
        if self._path is None:
            return
        try:
            write_deaths(self._path, Deaths(self._run, self._suspects))
        except OSError as error:
            log.error("what the daemon died of cannot be kept", path=str(self._path), reason=str(error))


class Desk:
    """Where one worker decides: one thing at a time, noted while it is under way, beside the loop where it is slow."""

    def __init__(self, guard: PoisonGuard, name: str) -> None:
        self._guard = guard
        self._offload = Offload(guard.clock, name)
        self._slot: int | None = None

    @property
    def under_way(self) -> bool:
        """Whether something is decided beside the event loop."""
        return self._offload.under_way

    async def run(self, name: str, step: Callable[[], Result], *, large: bool = False) -> Result:
        """Run a step for something named, the same name after a restart, and give its result. See ``Offload.run``."""
        if not self._guard.is_watching:
            return await self._run_noted(name, step, large=large)
        has_turn = await self._guard.take_turn()
        try:
            return await self._run_noted(name, step, large=large)
        finally:
            if has_turn:
                self._guard.end_turn()

    def close(self) -> None:
        """Give the desk back: its worker rests, or is gone."""
        self._offload.close()
        if self._slot is not None and self._guard.notes is not None:
            self._guard.notes.give_back(self._slot)
        self._slot = None

    async def _run_noted(self, name: str, step: Callable[[], Result], *, large: bool) -> Result:
        notes = self._guard.notes
        if notes is None:
            return await self._offload.run(step, large=large)
        if self._slot is None:
            try:
                self._slot = notes.take_slot()
            except NotesUnusable as error:
                log.warning("what is decided cannot be noted", reason=str(error))
                return await self._offload.run(step, large=large)
        self._guard.begin(notes, self._slot, note_name(name))
        try:
            return await self._offload.run(step, large=large)
        finally:
            self._guard.end(notes, self._slot)


class _Noted(Generic[Result]):
    """Drives a coroutine step by step, each noted as long as it runs; while there are suspects, each in its turn."""

    def __init__(self, guard: PoisonGuard, slot: int, name: str, work: Coroutine[Any, Any, Result]) -> None:
        self._guard = guard
        self._slot = slot
        self._name = name
        self._work = work

    def __await__(self) -> Generator[Any, Any, Result]:
        step: Callable[[Any], Any] = self._work.send
        given: Any = None
        while True:
            has_turn = False
            if self._guard.is_watching:
                try:
                    has_turn = yield from self._guard.take_turn().__await__()
                except BaseException as error:  # it is cancelled: the work is to know
                    step, given = self._work.throw, error
            try:
                awaited = self._step(step, given)
            except StopIteration as ended:
                result: Result = ended.value
                return result
            finally:
                if has_turn:
                    self._guard.end_turn()
            try:
                given = yield awaited
                step = self._work.send
            except BaseException as error:  # whatever it waited for ended with: the work is to know
                step, given = self._work.throw, error

    def _step(self, step: Callable[[Any], Any], given: Any) -> Any:
        notes = self._guard.notes
        if notes is None:
            return step(given)
        self._guard.begin(notes, self._slot, self._name)
        try:
            return step(given)
        finally:
            self._guard.end(notes, self._slot)


def message_name(topic_uid: str, offset: int) -> str:
    """The name under which a message is decided."""
    return f"m/{topic_uid}/{offset}"


def delivery_name(delivery_id: str) -> str:
    """The name under which a delivery is tried."""
    return f"d/{delivery_id}"


def timer_name(topic_uid: str, key: str, version: str) -> str:
    """The name under which a timer is fired by the rules of this version: other rules are another try."""
    return f"t/{topic_uid}/{version}/{key}"


def _offset(name: str) -> int:
    last = name.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) < 20 else -1
