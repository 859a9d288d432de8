"""The poison guard: two deaths at the same message set it aside, and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.core.poison import REASON, PoisonGuard, message_name, timer_name
from bridge.core.poison_notes import NotesUnusable, PoisonNotes, note_name, read_notes
from broker.clock import ManualClock
from tests.fakes.deaths import Deaths, a_guard
from tests.fakes.routing import UIDS, T

UID = UIDS[T]
DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def deaths(tmp_path: Path) -> Deaths:
    (tmp_path / "state").mkdir()
    return Deaths(tmp_path / "state")


async def test_one_death_condemns_nothing_and_two_do(deaths: Deaths) -> None:
    await deaths.die_at(message_name(UID, 7))
    assert a_guard(deaths).explain_set_aside(message_name(UID, 7)) == ""
    await deaths.die_at(message_name(UID, 7))
    guard = a_guard(deaths)
    assert guard.explain_set_aside(message_name(UID, 7)) == REASON
    assert guard.explain_set_aside(message_name(UID, 6)) == guard.explain_set_aside(message_name("other", 7)) == ""


async def test_kills_from_outside_that_fall_on_the_same_message_condemn_it_late(deaths: Deaths) -> None:
    for _ in range(4):
        await deaths.die_at(message_name(UID, 7), trace="")
        guard = a_guard(deaths)
        assert guard.explain_set_aside(message_name(UID, 7)) == ""
        guard.close()
    await deaths.die_at(message_name(UID, 7), trace="")
    assert a_guard(deaths).explain_set_aside(message_name(UID, 7)) == REASON


async def test_a_suspect_that_took_long_and_ended_leaves_no_trace(deaths: Deaths) -> None:
    await deaths.die_at(message_name(UID, 7))
    guard = a_guard(deaths)
    trace = deaths.folder / "deciding.trace"
    traces = []

    def decide() -> None:
        while "in decide" not in (text := trace.read_text()):
            pass
        traces.append(text)

    await guard.open_desk("decide").run(message_name(UID, 7), decide)
    assert traces[0].startswith("Timeout")
    assert trace.read_text() == ""
    guard.close()


DYING = """
import asyncio, ctypes, os, pathlib, re, sys
from bridge.core.poison import PoisonGuard
from broker.clock import SystemClock
steps = {
    "crash": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "hang": lambda: re.match("(x+x+)+y", "x" * 80),
    "killed": lambda: os.kill(os.getpid(), 9),
}
guard = PoisonGuard(SystemClock(), pathlib.Path(sys.argv[2]))
asyncio.run(guard.open_desk("decide").run("m/uid/7", steps[sys.argv[1]]))
"""


@pytest.mark.parametrize(("end", "is_condemned"), [("crash", True), ("abort", True), ("hang", True), ("killed", False)])
def test_what_stops_the_process_by_itself_leaves_a_trace_and_a_kill_does_not(
    deaths: Deaths, end: str, is_condemned: bool
) -> None:
    trace = deaths.folder / "deciding.trace"
    for deaths_before in range(2):
        process = subprocess.Popen([sys.executable, "-c", DYING, end, str(deaths.folder)], stdout=-3, stderr=-3)
        if end == "hang":
            while not read_notes(deaths.folder / "deciding.notes")[1] or (deaths_before and not trace.read_text()):
                assert process.poll() is None
            process.kill()
        assert process.wait(30) < 0
        assert bool(trace.read_text()) is (is_condemned and deaths_before == 1)  # only a suspect is watched
    guard = a_guard(deaths)
    assert bool(guard.explain_set_aside("m/uid/7")) is is_condemned


async def test_a_death_counts_once_however_often_the_daemon_then_dies_at_its_start(deaths: Deaths) -> None:
    await deaths.die_at(message_name(UID, 7))
    notes = deaths.folder / "deciding.notes"
    left_behind = notes.read_bytes()
    for _ in range(5):
        a_guard(deaths).close()
        notes.write_bytes(left_behind)  # the new run did not come as far as clearing the notes
    assert a_guard(deaths).explain_set_aside(message_name(UID, 7)) == ""


async def test_what_was_decided_after_a_death_is_no_suspect_any_more(deaths: Deaths) -> None:
    await deaths.die_at(message_name(UID, 7))
    guard = a_guard(deaths)
    assert guard.is_watching
    guard.settle_messages(T, UID, 8)
    assert not guard.is_watching
    guard.close()
    await deaths.die_at(message_name(UID, 7))
    assert a_guard(deaths).explain_set_aside(message_name(UID, 7)) == ""


async def test_deaths_at_different_messages_condemn_none(deaths: Deaths) -> None:
    for offset in range(20):
        await deaths.die_at(message_name(UID, offset))
    guard = a_guard(deaths)
    assert not any(guard.explain_set_aside(message_name(UID, offset)) for offset in range(20))


async def test_an_end_in_good_order_is_no_death(deaths: Deaths) -> None:
    for _ in range(3):
        guard = a_guard(deaths)
        desk = guard.open_desk("decide")
        await desk.run(message_name(UID, 7), lambda: None)
        desk.close()
        guard.close()
    assert read_notes(deaths.folder / "deciding.notes")[1] == []


async def test_what_raised_is_under_decision_no_more(deaths: Deaths) -> None:
    desk = a_guard(deaths).open_desk("decide")
    with pytest.raises(ZeroDivisionError):
        await desk.run(message_name(UID, 7), lambda: 1 // 0)
    assert read_notes(deaths.folder / "deciding.notes")[1] == []


async def test_while_there_is_a_suspect_one_thing_is_decided_at_a_time(deaths: Deaths) -> None:
    await deaths.die_at(message_name(UID, 7), message_name("other", 3))
    guard = a_guard(deaths)
    at_once: list[int] = []

    def look() -> None:
        at_once.append(len(read_notes(deaths.folder / "deciding.notes")[1]))

    desks = [guard.open_desk(f"decide:{n}") for n in range(4)]
    names = [message_name(UID, 7), message_name("other", 3), message_name("third", 0), message_name("fourth", 0)]
    await asyncio.gather(*(desk.run(name, look, large=True) for desk, name in zip(desks, names, strict=True)))
    assert at_once == [1, 1, 1, 1]


async def test_a_suspect_that_does_not_end_and_does_not_stop_the_daemon_keeps_nobody_waiting_for_long(
    deaths: Deaths,
) -> None:
    await deaths.die_at(message_name(UID, 7))
    clock = ManualClock()
    guard, gone = a_guard(deaths, clock), threading.Event()
    slow = asyncio.create_task(guard.open_desk("slow").run(message_name(UID, 7), gone.wait, large=True))
    await clock.advance(0)
    other = asyncio.create_task(guard.open_desk("other").run(message_name("other", 0), lambda: "decided"))
    await clock.advance(5)
    assert not other.done()
    await clock.advance(6)
    assert await other == "decided"
    gone.set()
    await slow


async def test_a_suspect_that_never_comes_again_is_forgotten_after_a_day(deaths: Deaths) -> None:
    await deaths.die_at(message_name("deleted", 7))
    assert a_guard(deaths).is_watching
    clock = ManualClock()
    await clock.advance(DAY_S * 2)
    assert not a_guard(deaths, clock).is_watching


async def test_without_a_folder_nothing_is_noted(deaths: Deaths) -> None:
    guard = PoisonGuard(ManualClock())
    assert await guard.open_desk("decide").run("m/x/1", lambda: 3) == 3
    assert guard.explain_set_aside("m/x/1") == ""


async def test_a_folder_that_cannot_be_used_is_told_and_stops_nothing(tmp_path: Path, logs: list[Any]) -> None:
    guard = PoisonGuard(ManualClock(), tmp_path / "not there")
    assert await guard.open_desk("decide").run("m/x/1", lambda: 3) == 3
    assert [entry["event"] for entry in logs] == ["what is decided cannot be noted"]


@pytest.mark.parametrize("content", [b"", b"x" * 5_000, b"AMSBNOTE", b"AMSBNOTE" + b"\xff" * 5_000])
def test_notes_that_are_none_name_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "deciding.notes").write_bytes(content)
    assert read_notes(tmp_path / "deciding.notes")[1] == []
    assert not PoisonGuard(ManualClock(), tmp_path).is_watching


def test_a_note_that_was_cut_off_names_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    notes = PoisonNotes(path, b"run")
    slot = notes.take_slot()
    notes.note(slot, "m/uid/12345")
    notes.close()
    content = bytearray(path.read_bytes())
    content[slot + 14] ^= 1
    path.write_bytes(content)
    assert read_notes(path) == (b"run".ljust(16, b"\0"), [])


def test_there_are_as_many_slots_as_workers(tmp_path: Path) -> None:
    notes = PoisonNotes(tmp_path / "notes", b"run")
    for n in range(1_000):
        notes.note(notes.take_slot(), f"m/uid/{n}")
    assert read_notes(tmp_path / "notes")[1] == [f"m/uid/{n}" for n in range(1_000)]


def test_names_too_long_for_a_note_stay_apart(tmp_path: Path) -> None:
    names = {note_name(timer_name(UID, "k" * 1_000 + end, "v1")) for end in "abc"}
    assert len(names) == 3
    assert max(map(len, names)) < 200


def test_a_folder_in_place_of_the_notes_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(NotesUnusable):
        PoisonNotes(tmp_path / "notes", b"run")
    with pytest.raises(NotesUnusable):
        read_notes(tmp_path / "notes")
