"""Alertmanager's time intervals as ``intervals:`` of bridge.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from rules.importing.alertmanager_config import Config
from rules.language.read_intervals import read_interval
from rules.source.places import wrap_unplaced
from rules.source.problems import DocumentPath, Problem

_RANGE: Final = re.compile(r"\s*(-?\w+)\s*(?::\s*(-?\w+)\s*)?", re.ASCII)
_ALWAYS: Final = {"days": ["mon-sun"]}


def read_time_intervals(config: Config) -> dict[str, Any]:
    """The intervals of both sections (``mute_time_intervals`` is the older one), by name."""
    intervals: dict[str, Any] = {}
    for section in ("time_intervals", "mute_time_intervals"):
        for path in config.items((section,)):
            name = config.text((*path, "name"))
            if not name:
                config.report(path, "the time interval has no name")
                continue
            spans = [_check(config, inner, _span(config, inner)) for inner in config.items((*path, "time_intervals"))]
            if not spans:
                config.report(path, f'the time interval "{name}" is empty')
                continue
            intervals[name] = spans[0] if len(spans) == 1 else spans
    return intervals


def _check(config: Config, path: DocumentPath, span: dict[str, Any]) -> dict[str, Any]:
    """The span; what our own reader would not take is a problem there."""
    problems: list[Problem] = []
    read_interval("", span, wrap_unplaced(span, ""), (), problems)
    for problem in problems:
        config.report(path, problem.text)
    return span


def _span(config: Config, path: DocumentPath) -> dict[str, Any]:
    days = _ranges(config, (*path, "weekdays"), lambda name: name[:3])
    times = [_time(config, inner) for inner in config.items((*path, "times"))]
    days_of_month = [text for inner in config.items((*path, "days_of_month")) for text in _days_of_month(config, inner)]
    months = _ranges(config, (*path, "months"), lambda name: name if name.isdecimal() else name[:3])
    years = _ranges(config, (*path, "years"), lambda name: name)
    fields = {"days": days, "times": times, "days_of_month": days_of_month, "months": months, "years": years}
    span: dict[str, Any] = {key: values for key, values in fields.items() if values}
    location = config.text((*path, "location"))
    if location == "Local":
        config.remark(
            (*path, "location"), "the time zone of the machine is not known here; write timezone: (it is UTC now)"
        )
    elif location and location != "UTC":
        span["timezone"] = location
    return span or dict(_ALWAYS)


def _ranges(config: Config, path: DocumentPath, word: Callable[[str], str]) -> list[str]:
    texts: list[str] = []
    for inner in config.items(path):
        match = _RANGE.fullmatch(config.text(inner).lower())
        if match is None:
            config.report(inner, f'"{config.text(inner)}" is no range, such as monday:friday')
        else:
            texts.append("-".join(word(group) for group in match.groups() if group))
    return texts


def _time(config: Config, path: DocumentPath) -> str:
    start, end = (config.text((*path, key)) for key in ("start_time", "end_time"))
    if not start or not end:
        config.report(path, "a span of time needs start_time and end_time")
    return f"{start}-{end}"


def _days_of_month(config: Config, path: DocumentPath) -> list[str]:
    """``1:5`` and ``-3:-1`` have our form; from a day to a day counted from the end has none but for ``:-1``."""
    match = _RANGE.fullmatch(config.text(path))
    if match is None:
        config.report(path, f'"{config.text(path)}" is no range of days, such as 1:5 or -3:-1')
        return []
    first, last = match[1], match[2] or match[1]
    if not first.startswith("-") and last.startswith("-"):
        if last != "-1":
            config.remark(
                path, f"{config.text(path)}: a range to a day before the last cannot be said; it runs to the end"
            )
        return [f"{first}-31"]
    if first == last:
        return [first]
    return [f"{first}:{last}" if first.startswith("-") else f"{first}-{last}"]
