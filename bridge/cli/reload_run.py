"""``reload``: asked over the daemon's API, or by the signal and the report that the daemon leaves of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge.cli.command_context import Context
from bridge.cli.connection import connect_client
from bridge.cli.output import Failed
from bridge.core.reload_report import ReloadReport, read_report
from bridge.core.systemd import runtime_folder
from broker.clock import SystemClock

_LOOK_EVERY_S: Final = 0.05
_PATIENCE_S: Final = 240.0


def ask_for_reload(context: Context, *, confirmed: bool) -> None:
    """Ask the daemon that the options or the settings name. Raises Failed when it refuses."""
    with connect_client(context) as client:
        answer = client.post("/api/reload?confirmed=1" if confirmed else "/api/reload")
    _tell(context, answer["version"], answer["warnings"])


def signal_for_reload(context: Context, pid: int) -> None:
    """Send SIGHUP to the daemon, and wait for its report. Raises Failed when it refuses, ends, or says nothing."""
    folder = runtime_folder(os.environ)
    if folder is None:
        raise Failed("--pid needs the folder in which the daemon reports: $RUNTIME_DIRECTORY, as the unit has it")
    try:
        report = asyncio.run(_signal_and_wait(pid, folder))
    except ProcessLookupError as error:
        raise Failed(f"process {pid} does not run") from error
    except TimeoutError as error:
        raise Failed(f"process {pid} said nothing of a reload within {_PATIENCE_S:.0f} s; its log may") from error
    except (OSError, ValueError) as error:
        raise Failed(f"the reload's report in {folder} cannot be read: {error}") from error
    if report.problems:
        raise Failed(f"the reload was refused, everything stays as it was:\n{report.problems}")
    _tell(context, report.version, report.warnings)


async def _signal_and_wait(pid: int, folder: Path) -> ReloadReport:
    """The report of the reload that the signal begins; one that was under way before began too early to be it."""
    clock = SystemClock()
    asked_s = clock.monotonic()
    os.kill(pid, signal.SIGHUP)
    async with clock.timeout(_PATIENCE_S):
        while True:
            report = read_report(folder)
            if report is not None and report.begun_s >= asked_s:
                return report
            await clock.sleep(_LOOK_EVERY_S)
            os.kill(pid, 0)  # it may have ended


def _tell(context: Context, version: str, warnings: Sequence[str]) -> None:
    for warning in warnings:
        context.output.warn(warning)
    context.output.confirm(
        f"reloaded, rule set {version} is in force", {"version": version, "warnings": list(warnings)}
    )
