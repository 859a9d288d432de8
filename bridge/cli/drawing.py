"""Posts and books drawn for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from bridge.cli.fitting_tables import Column
from bridge.cli.output import Output
from bridge.cli.visible import VisibleText, make_visible
from bridge.core.emoji import replace_emoji_names

TOPIC = Column("Topic", lambda row: short_topic(row["topic"]))
_WIDEST = 100  # columns; longer lines are hard to read
_COLORS = {"critical": "red", "error": "red", "warning": "yellow", "info": "blue", "ok": "green"}


def post_panel(post: Mapping[str, Any], heading: str, *, footer: str = "") -> Panel:
    """A post as people will see it; ``post`` has the parts of ``rules.model.Post``, as plain values."""
    parts: list[RenderableType] = []
    if post.get("title"):
        parts.append(VisibleText(replace_emoji_names(post["title"]), style="bold"))
    if post.get("text"):
        from rich.markdown import Markdown  # with a parser of Markdown: most tables have no post

        parts.append(Markdown(replace_emoji_names(make_visible(post["text"])).replace("\n", "  \n")))
    if post.get("body") is not None:
        parts.append(VisibleText(str(post["body"])))
    if post.get("fields"):
        parts.append(_fields(post["fields"]))
    if post.get("footer"):
        parts.append(VisibleText(replace_emoji_names(post["footer"]), style="dim"))
    return Panel(
        Group(*parts),
        title=VisibleText(heading, style="bold"),
        subtitle=VisibleText(footer, style="dim") if footer else None,
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


def short_topic(name: str) -> str:
    """``P/T`` of ``projects/P/topics/T``."""
    parts = name.split("/")
    return f"{parts[1]}/{parts[3]}" if len(parts) == 4 else name


def _fields(fields: Sequence[Mapping[str, Any]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for field in fields:
        grid.add_row(VisibleText(field["title"]), VisibleText(replace_emoji_names(field["value"])))
    return grid


def message_book(rows: Sequence[Any]) -> list[Column]:
    """The first book, one row per topic: what became of the messages. Fates that no topic has are left out."""
    return [
        TOPIC,
        *_counts(
            rows, "messages", ("received", "decided", "unmatched"), ("dropped", "unrouted", "expired", "undecided")
        ),
        Column(
            "Balance",
            lambda row: "✓" if row["balanced"] else "does not balance",
            style=lambda row: "green" if row["balanced"] else "bold red",
        ),
    ]


def send_book(rows: Sequence[Any]) -> list[Column]:
    """The second book, one row per topic: what became of the decided sends. Places that hold nothing are left out."""
    seldom = ("held", "suppressed", "folded", "cancelled", "dropped", "shadow", "updated", "dead")
    return [TOPIC, *_counts(rows, "sends", ("decided", "delivered", "waiting"), seldom)]


def _counts(rows: Sequence[Any], book: str, always: Sequence[str], seldom: Sequence[str]) -> list[Column]:
    names = [*always, *(name for name in seldom if any(row[book][name] for row in rows))]
    return [_count(book, name) for name in names]


def _count(book: str, name: str) -> Column:
    def color(row: Any) -> str:
        return "bold red" if name == "dead" and row[book][name] else ""

    return Column(name.capitalize(), lambda row: row[book][name], number=True, style=color)
