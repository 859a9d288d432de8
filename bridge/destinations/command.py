"""A program on this machine: it gets the post as JSON on its standard input, and its exit code is the answer.

What an event says reaches the program on standard input only: never as an argument, never through a shell. The program
runs in a process group of its own with a clean environment, and at the timeout the whole group is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, Self

import msgspec
from pydantic import Field, field_validator

from bridge.core.quantities import FilePath
from bridge.core.secret import Secret
from bridge.core.system_errors import is_fault_of_settings
from bridge.core.tracing import CURRENT, trace_headers
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.config import DestinationConfig
from bridge.destinations.kit.payload import record_of
from bridge.destinations.kit.redact import Redactor
from broker.clock import Clock
from rules.model import DestinationFacts

_SHOWN_RUNES: Final = 300
_KEPT_BYTES: Final = 16 * 1024
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandConfig(DestinationConfig):
    """Settings of a program."""

    type: Literal["command"] = "command"
    enabled: bool = Field(
        description="true: yes, run a program on this machine. There is no default: nobody runs one by accident"
    )
    command: tuple[str, ...] = Field(min_length=1, description="The program's full path and its arguments, as a list")
    environment: dict[str, Secret] = Field(
        default_factory=dict,
        description="Variables it gets beside PATH, LANG and AMS_BRIDGE_DELIVERY (and TRACEPARENT within a trace)",
    )
    folder: FilePath = Field(Path("/"), description="Where it runs")

    @field_validator("enabled")
    @classmethod
    def _is_meant(cls, enabled: bool) -> bool:
        if not enabled:
            raise ValueError("a command that is not enabled delivers nothing: say enabled: true, or remove it")
        return enabled

    @field_validator("command")
    @classmethod
    def _is_a_full_path(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not Path(command[0]).is_absolute():
            raise ValueError(f'"{command[0]}" is not a full path; it is not looked for in PATH')
        if any("\0" in word for word in command):
            raise ValueError("an argument cannot hold a NUL character")
        return command


class Command:
    """Runs a program for each delivery."""

    def __init__(self, name: str, config: CommandConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._redact = Redactor(config.environment.values())
        self.facts = DestinationFacts(name=name, kind="command", takes_body=True)

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        config = self._config
        with _input_file(msgspec.json.encode(record_of(parcel))) as given, _Hearing() as hearing:
            try:
                process = await create_subprocess_exec(
                    *config.command,
                    stdin=given,
                    stdout=DEVNULL,
                    stderr=hearing.its_end,
                    cwd=config.folder,
                    env=self._environment(parcel),
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                return Later(f"cannot run {config.command[0]}: {why}", misconfigured=is_fault_of_settings(error))
            try:
                async with self._clock.timeout(config.timeout):
                    code = await process.wait()
            except TimeoutError:
                return Later(f"not done within {config.timeout:g} s, and ended", unclear=True)
            finally:
                await _end(process)
            return self._read(code, hearing.collect())

    async def probe(self) -> Outcome:
        """Look whether the program and its folder are there. It is not run."""
        return self._look()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        environment = self._environment(parcel) | dict.fromkeys(self._config.environment, "***")
        return Preview(self._redact(" ".join(self._config.command)), environment, record_of(parcel))

    async def close(self) -> None:
        """See Destination. A program under way is ended by its own try."""

    def _look(self) -> Outcome:
        program, folder = Path(self._config.command[0]), self._config.folder
        if not (program.is_file() and os.access(program, os.X_OK)):
            return Later(f"{program} is no program that may be run")
        return Delivered() if folder.is_dir() else Later(f"{folder} is no folder")

    def _environment(self, parcel: Parcel) -> dict[str, str]:
        own = {name: value.reveal() for name, value in self._config.environment.items()}
        trace = {name.upper(): value for name, value in trace_headers(CURRENT.get()).items()}
        return {"PATH": _PATH, "LANG": "C.UTF-8", **own, **trace, "AMS_BRIDGE_DELIVERY": parcel.id}

    def _read(self, code: int, body: bytes) -> Outcome:
        if code == 0:
            return Delivered()
        words = " ".join(self._redact(body.decode("utf-8", "replace")).split())
        if code < 0:
            return Later(_reason(f"ended by signal {-code} ({signal.strsignal(-code)})", words), unclear=True)
        if code == os.EX_TEMPFAIL:
            return Later(_reason(f"exit code {code} (try again later)", words))
        return Refused(_reason(f"exit code {code}", words))


@contextlib.contextmanager
def _input_file(payload: bytes) -> Iterator[int]:
    """A file in memory that holds the program's input: it need not read it, and we need not wait for that."""
    handle = os.memfd_create("post")
    try:
        rest = memoryview(payload)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


class _Hearing:
    """Keeps the last of what the program says on standard error.

    A pipe of our own: what the program leaves in the background may hold on to its end, so nobody waits for that.
    """

    def __init__(self) -> None:
        self._heard = bytearray()

    def __enter__(self) -> Self:
        self._our_end, self.its_end = os.pipe()
        os.set_blocking(self._our_end, False)
        asyncio.get_running_loop().add_reader(self._our_end, self._hear)
        return self

    def __exit__(self, *ended: object) -> None:
        asyncio.get_running_loop().remove_reader(self._our_end)
        os.close(self._our_end)
        os.close(self.its_end)

    def collect(self) -> bytes:
        """The last of it, what stands in the pipe included."""
        self._hear()
        return bytes(self._heard)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._our_end, _KEPT_BYTES):
                self._heard += chunk
                del self._heard[:-_KEPT_BYTES]


async def _end(process: Process) -> None:
    """End the program and everything it began, if it is not done."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _reason(what: str, words: str) -> str:
    """What happened, and the last words."""
    room = _SHOWN_RUNES - len(what) - 3
    return f"{what}: {words if len(words) <= room else '…' + words[-room:]}" if words else what
