"""Logs tell where something broke, and never what stood in variables there."""

from __future__ import annotations

import io
import logging

import pytest
import structlog

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
