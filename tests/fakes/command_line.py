"""The command line inside a test: what it prints and the code it exits with."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from click.testing import CliRunner

from bridge.cli.main import main
from tests.fakes.control import meanwhile
from tests.line.stage import TOKEN, Stage


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Standard output with all runs of blanks as one, so that column widths do not matter."""
        return " ".join(self.out.split())


def command(*words: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Said:
    """Run a command in this process."""
    surroundings = {"AMS_BRIDGE_CONFIG": None, "AMS_BRIDGE_TOKEN": None, "COLUMNS": "200"} | dict(env or {})
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))  # a daemon here logs too
    answer = CliRunner().invoke(main, list(words), input=stdin, env=surroundings, prog_name="ams-bridge")
    gc.enable()  # ``run`` lets it rest until the daemon is ready, and one that refuses to start never is
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return Said(answer.exit_code, answer.stdout, answer.stderr)


async def ask(stage: Stage, *words: str, stdin: str | None = None) -> Said:
    """Run a command that speaks to the daemon of ``stage``, while time goes on there."""
    url = str(stage.http.base_url)
    waiting = asyncio.to_thread(command, *words, "--url", url, "--token", TOKEN, stdin=stdin)
    return await meanwhile(stage, waiting)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files into a folder; gives the path of its bridge.yaml."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "bridge.yaml"
