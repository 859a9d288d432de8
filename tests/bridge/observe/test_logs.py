"""Logs tell where something broke, and never what stood in variables there."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import pytest
import structlog

from bridge.core.systemd import is_journal
from bridge.observe.logs import configure_logs
from bridge.settings.model import LogSettings


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_names_the_line_and_shows_no_local_variable(form: str) -> None:
    before = logging.getLogger().handlers[:]
    stream = io.StringIO()
    configure_logs(LogSettings(level="info", format=form), stream)
    try:
        token = "tok" + "en-of-somebody"
        try:
            raise ValueError(len(token))
        except ValueError:
            structlog.get_logger("test").exception("it broke")
    finally:
        logging.getLogger().handlers[:] = before
        structlog.reset_defaults()
    assert "test_logs.py" in stream.getvalue()
    assert "token-of-somebody" not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_each_line_for_the_journal_begins_with_its_priority(form: str) -> None:
    before = logging.getLogger().handlers[:]
    stream = io.StringIO()
    configure_logs(LogSettings(level="debug", format=form), stream, to_journal=True)
    try:
        log = structlog.get_logger("test")
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(log, level)(f"this is {level}")
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("it broke")
    finally:
        logging.getLogger().handlers[:] = before
        structlog.reset_defaults()
    lines = stream.getvalue().splitlines()
    assert [line[:3] for line in lines[:5]] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert {line[:3] for line in lines[5:]} == {"<3>"}


def test_the_journal_is_known_by_the_file_that_systemd_names(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        here = f"{found.st_dev}:{found.st_ino}"
        assert is_journal({"JOURNAL_STREAM": here}, stream)
        assert not is_journal({"JOURNAL_STREAM": f"{here}1"}, stream)
        assert not is_journal({}, stream)
    assert not is_journal({"JOURNAL_STREAM": here}, io.StringIO())
