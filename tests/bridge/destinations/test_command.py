"""Programs as destinations, with real processes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.command import Command, CommandConfig
from broker.clock import SystemClock
from tests.bridge.destinations.parcels import a_parcel

SH = "/bin/sh"


@asynccontextmanager
async def a_command(*command: str, **config: Any) -> AsyncIterator[Command]:
    one = Command("run", CommandConfig(enabled=True, command=command, **{"timeout": 5.0} | config), SystemClock())
    yield one
    await one.close()


async def outcome_of(script: str, **config: Any) -> Outcome:
    async with a_command(SH, "-c", script, **config) as command:
        return await command.deliver(a_parcel())


async def test_the_post_is_on_standard_input_as_json(tmp_path: Path) -> None:
    async with a_command(SH, "-c", 'cat > "$0"', str(tmp_path / "given")) as command:
        assert await command.deliver(a_parcel(title="T")) == Delivered()
        assert json.loads((tmp_path / "given").read_text()) == command.preview(a_parcel(title="T")).body


async def test_a_body_is_given_exactly(tmp_path: Path) -> None:
    async with a_command(SH, "-c", 'cat > "$0"', str(tmp_path / "given")) as command:
        await command.deliver(a_parcel(body={"b": 1, "a": "ä" * 200_000}))
    assert (tmp_path / "given").read_text() == json.dumps(
        {"b": 1, "a": "ä" * 200_000}, ensure_ascii=False, separators=(",", ":")
    )


async def test_arguments_pass_through_no_shell(tmp_path: Path) -> None:
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(repr(sys.argv[2:]))"
    words = ("$(touch x); `id`", "a b", "*", "")
    async with a_command(sys.executable, "-c", script, str(tmp_path / "said"), *words) as command:
        await command.deliver(a_parcel())
    assert (tmp_path / "said").read_text() == repr(list(words))


async def test_nothing_an_event_says_is_an_argument_or_a_variable(tmp_path: Path) -> None:
    script = 'tr "\\0" "\\n" < /proc/$$/cmdline > "$0"; env >> "$0"'
    async with a_command(SH, "-c", script, str(tmp_path / "said")) as command:
        await command.deliver(a_parcel(text="evil-text", title="evil-title", overrides={"args": "evil-argument"}))
    assert "evil" not in (tmp_path / "said").read_text()


async def test_the_environment_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "not for programs")
    script = "import os, json, sys; open(sys.argv[1], 'w').write(json.dumps(dict(os.environ)))"
    async with a_command(
        sys.executable, "-c", script, str(tmp_path / "env"), environment={"API_KEY": Secret("k-123")}
    ) as command:
        await command.deliver(a_parcel())
    environment = json.loads((tmp_path / "env").read_text())
    assert (environment["API_KEY"], environment["AMS_BRIDGE_DELIVERY"]) == ("k-123", a_parcel().id)
    assert "SERVICE_TOKEN" not in environment


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, Delivered()),
        (75, Later("exit code 75 (try again later): why it was")),
        (1, Refused("exit code 1: why it was")),
        (64, Refused("exit code 64: why it was")),
        (127, Refused("exit code 127: why it was")),
    ],
)
async def test_the_exit_code_is_the_answer(code: int, expected: Outcome) -> None:
    assert await outcome_of(f"echo why it was >&2; exit {code}") == expected


async def test_a_program_that_is_killed_may_have_done_its_work() -> None:
    outcome = await outcome_of("kill -9 $$")
    assert outcome == Later("ended by signal 9 (Killed)", unclear=True)


async def test_the_last_of_what_it_says_is_told() -> None:
    outcome = await outcome_of("seq 1 30000 >&2; exit 1")
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith("exit code 1: …")
    assert outcome.reason.endswith("29999 30000")
    assert len(outcome.reason) <= 300


async def test_a_secret_it_says_is_not_told() -> None:
    outcome = await outcome_of('echo "key $KEY" >&2; exit 1', environment={"KEY": Secret("s3cret-key-value")})
    assert outcome == Refused("exit code 1: key ***")


async def test_a_program_need_not_read_its_input() -> None:
    async with a_command("/bin/true") as command:
        assert await command.deliver(a_parcel(text="x" * 1_000_000)) == Delivered()


async def test_the_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    script = 'sleep 60 & echo $! > "$0"; sleep 60'
    async with a_command(SH, "-c", script, str(tmp_path / "pid"), timeout=0.5) as command:
        outcome = await command.deliver(a_parcel())
    assert isinstance(outcome, Later)
    assert outcome.unclear
    child = int((tmp_path / "pid").read_text())
    assert await is_gone(child)


async def test_being_cut_off_ends_the_whole_group(tmp_path: Path) -> None:
    script = 'sleep 60 & echo $! > "$0.new"; mv "$0.new" "$0"; sleep 60'
    async with a_command(SH, "-c", script, str(tmp_path / "pid")) as command:
        trying = asyncio.create_task(command.deliver(a_parcel()))
        while not (tmp_path / "pid").exists():
            await SystemClock().sleep(0.01)
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying
    assert await is_gone(int((tmp_path / "pid").read_text()))


async def is_gone(process: int) -> bool:
    """Whether a process that was killed ends; who takes its exit code does so a little later."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        await SystemClock().sleep(0.01)
    return False


async def test_what_it_leaves_in_the_background_is_not_waited_for() -> None:
    clock = SystemClock()
    began = clock.monotonic()
    assert await outcome_of("sleep 3 & exit 0") == Delivered()
    assert clock.monotonic() - began < 2.5


async def test_a_program_that_is_not_there_is_for_later() -> None:
    async with a_command("/no/such/program") as command:
        outcome = await command.deliver(a_parcel())
        assert isinstance(outcome, Later)
        assert not outcome.unclear
        assert isinstance(await command.probe(), Later)


async def test_a_probe_looks_and_does_not_run(tmp_path: Path) -> None:
    async with a_command(SH, "-c", 'touch "$0"', str(tmp_path / "ran")) as command:
        assert await command.probe() == Delivered()
    async with a_command(SH, folder=tmp_path / "none") as command:
        assert isinstance(await command.probe(), Later)
    assert not (tmp_path / "ran").exists()


async def test_a_preview_hides_secrets() -> None:
    async with a_command(SH, "-c", "x", environment={"KEY": Secret("s3cret-key-value")}) as command:
        preview = command.preview(a_parcel())
    assert preview.target == "/bin/sh -c x"
    assert preview.headers["KEY"] == "***"


async def test_no_handles_are_left_open() -> None:
    async with a_command("/bin/true") as command:
        await command.deliver(a_parcel())
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            await command.deliver(a_parcel())
        assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, "enabled"),
        ({"enabled": False}, "say enabled: true"),
        ({"enabled": True, "command": ("sh",)}, "not a full path"),
        ({"enabled": True, "command": ()}, "at least 1"),
        ({"enabled": True, "command": ("/bin/x", "a\0b")}, "NUL"),
    ],
)
def test_a_command_that_is_not_meant_is_refused_at_load(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        CommandConfig(**{"command": ("/bin/true",)} | changed)


@pytest.mark.parametrize(
    "config",
    [
        {"command": ("/nowhere/program",)},
        {"command": ("/etc/passwd",)},
        {"command": (SH, "-c", "true"), "folder": Path("/nowhere")},
        {"command": (SH, "-c", "true"), "environment": {"A": Secret("b\x00c")}},
    ],
)
async def test_a_program_that_cannot_be_run_is_a_fault_of_the_settings(config: dict[str, Any]) -> None:
    one = Command("run", CommandConfig(enabled=True, timeout=5.0, **config), SystemClock())
    outcome = await one.deliver(a_parcel())
    await one.close()
    assert isinstance(outcome, Later)
    assert outcome.misconfigured
    assert not outcome.unclear
