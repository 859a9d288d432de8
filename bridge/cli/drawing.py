"""Posts and books drawn for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.cli.output import Column, Output
from bridge.emoji import with_emoji

_WIDEST = 100  # columns; longer lines are hard to read
_COLORS = {"critical": "red", "error": "red", "warning": "yellow", "info": "blue", "ok": "green"}


def post_panel(post: Mapping[str, Any], heading: str, *, footer: str = "") -> Panel:
    """A post as people will see it; ``post`` has the parts of ``rules.model.Post``, as plain values."""
    parts: list[RenderableType] = []
    if post.get("title"):
        parts.append(Text(with_emoji(post["title"]), style="bold"))
    if post.get("text"):
        parts.append(Markdown(with_emoji(post["text"]).replace("\n", "  \n")))
    if post.get("body") is not None:
        parts.append(Text(str(post["body"])))
    if post.get("fields"):
        parts.append(_fields(post["fields"]))
    if post.get("footer"):
        parts.append(Text(with_emoji(post["footer"]), style="dim"))
    return Panel(
        Group(*parts),
        title=Text(heading, style="bold"),
        subtitle=Text(footer, style="dim") if footer else None,
        title_align="left",
        subtitle_align="right",
        border_style=_COLORS.get(post.get("severity", ""), "bright_black"),
        box=box.ROUNDED,
    )


def print_post(output: Output, post: Mapping[str, Any], heading: str, *, footer: str = "") -> None:
    """Print a post for people; nothing under ``--json`` or ``--quiet``."""
    if not (output.as_json or output.quiet):
        panel = post_panel(post, heading, footer=footer)
        output.console.print(panel, width=min(output.console.width, _WIDEST))


def _fields(fields: Sequence[Mapping[str, Any]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for one in fields:
        grid.add_row(Text(one["title"]), Text(with_emoji(one["value"])))
    return grid


def _count(book: str, name: str, *, bad: bool = False) -> Column:
    head = name.capitalize()
    style = (lambda row: "bold red" if row[book][name] else "dim") if bad else None
    return Column(head, lambda row: row[book][name], number=True, style=style)


MESSAGE_BOOK = [
    Column("Topic", lambda row: row["topic"]),
    *(_count("messages", name) for name in ("received", "decided", "unmatched", "dropped", "unrouted", "expired")),
    _count("messages", "undecided"),
    Column(
        "Balance",
        lambda row: "✓" if row["balanced"] else "does not balance",
        style=lambda row: "green" if row["balanced"] else "bold red",
    ),
]
"""The first book, one row per topic: what became of the messages."""

SEND_BOOK = [
    Column("Topic", lambda row: row["topic"]),
    *(_count("sends", name) for name in ("decided", "delivered", "waiting", "held", "suppressed", "folded")),
    *(_count("sends", name) for name in ("cancelled", "dropped", "shadow", "updated")),
    _count("sends", "dead", bad=True),
]
"""The second book, one row per topic: what became of the decided sends."""
