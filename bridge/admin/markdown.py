"""Posts as people will see them: Markdown to safe HTML."""

from __future__ import annotations

from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from bridge.emoji import with_emoji

# Raw HTML stays text, and links are limited to what markdown-it's own validator lets through (no javascript:).
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False, "breaks": True, "linkify": True}).enable(
    ["table", "strikethrough", "linkify"]
)


def to_html(text: str) -> Markup:
    """A post's Markdown as HTML that is safe to put into a page."""
    return Markup(_MARKDOWN.render(with_emoji(text)))  # noqa: S704 - rendered with raw HTML switched off
