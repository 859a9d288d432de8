"""The options of commands over stored messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from bridge.cli.naming import resource_name
from bridge.cli.typed import duration

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def add_history_options(since: str | None) -> Callable[[Decorated], Decorated]:
    """The options ``--since``, ``--topic`` and ``--limit`` of commands over stored messages."""

    def decorate(function: Decorated) -> Decorated:
        for option in (
            click.option("--limit", type=click.IntRange(1), help="Only the newest of these messages, so many at most."),
            click.option("--topic", "topics", multiple=True, type=topic_option, help="Only messages of this topic."),
            click.option("--since", type=duration, default=since, show_default=True, help="How far back to begin."),
        ):
            function = option(function)
        return function

    return decorate


def topic_option(text: str) -> str:
    """The full name of ``P/T`` or ``projects/P/topics/T``: the ``type`` of an option. Raises BadParameter."""
    project, name = resource_name(text, "topics")
    return f"projects/{project}/topics/{name}"
