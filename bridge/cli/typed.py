"""Values as people type them on the command line."""

from __future__ import annotations

from collections.abc import Sequence

import click

from rules.source.words import duration_s


def duration(text: str) -> float:
    """Seconds of a duration such as ``10m`` or ``7d``: the ``type`` of an option. Raises BadParameter."""
    try:
        return duration_s(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def parse_named_values(given: Sequence[str], option: str) -> dict[str, str]:
    """What ``NAME=VALUE`` options say. Raises BadParameter."""
    named: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
        named[name] = value
    return named


def show_time(time: str | None) -> str:
    """A time of the API for people: whole seconds, with a blank in the middle."""
    return "" if time is None else f"{time[:10]} {time[11:19]}Z"
