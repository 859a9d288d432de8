"""Logs: one line per event, JSON for machines or console for people. Secrets never come here (secret.py)."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

from bridge.core.systemd import JOURNAL_ERROR, mark_priority
from bridge.settings.model import LogSettings

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: JOURNAL_ERROR, logging.CRITICAL: 2}


class _PriorityFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes each line with the priority by which the journal sorts and colours it."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        return mark_priority(super().format(record), _PRIORITIES.get(record.levelno, 6))


def configure_logs(settings: LogSettings, stream: TextIO | None = None, *, to_journal: bool = False) -> None:
    """Send all logs, ours and the libraries', to ``stream`` (standard error) in the asked form.

    ``to_journal`` says that the journal reads them: then each line begins with its priority.
    """
    stream = stream or sys.stderr
    as_json = settings.format == "json" or (settings.format == "auto" and not stream.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    drawn: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            pad_event_to=28,
            exception_formatter=structlog.dev.plain_traceback,  # the rich one prints local variables: tokens, cookies
        )
    )
    last = [structlog.processors.format_exc_info, drawn] if as_json else [drawn]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    formatter = _PriorityFormatter if to_journal else structlog.stdlib.ProcessorFormatter
    handler.setFormatter(
        formatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[settings.level])
    for noisy in ("httpx", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
