"""Posts as people will see them: Markdown to safe HTML, with the emoji names alerts use."""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

_EMOJI: Final = {
    "red_circle": "🔴",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "large_green_circle": "🟢",
    "large_blue_circle": "🔵",
    "white_circle": "⚪",
    "black_circle": "⚫",
    "white_check_mark": "✅",
    "warning": "⚠️",
    "x": "❌",
    "rotating_light": "🚨",
    "fire": "🔥",
    "bell": "🔔",
    "no_bell": "🔕",
    "information_source": "ℹ️",
    "question": "❓",
    "wrench": "🔧",
    "hammer_and_wrench": "🛠️",
    "construction": "🚧",
    "mute": "🔇",
    "hourglass": "⌛",
    "repeat": "🔁",
    "link": "🔗",
    "memo": "📝",
    "package": "📦",
    "rocket": "🚀",
    "bug": "🐛",
    "star": "⭐",
    "heavy_check_mark": "✔️",
    "purple_circle": "🟣",
    "large_brown_circle": "🟤",
    "grey_question": "❔",
    "zzz": "💤",
}
_EMOJI_NAME: Final = re.compile(r":([a-z0-9_+-]+):")

# Raw HTML stays text, and links are limited to what markdown-it's own validator lets through (no javascript:).
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False, "breaks": True, "linkify": True}).enable(
    ["table", "strikethrough", "linkify"]
)


def to_html(text: str) -> Markup:
    """A post's Markdown as HTML that is safe to put into a page."""
    return Markup(_MARKDOWN.render(with_emoji(text)))  # noqa: S704 - rendered with raw HTML switched off


def with_emoji(text: str) -> str:
    """The text with known ``:emoji_names:`` as characters; unknown names stay as they are."""
    return _EMOJI_NAME.sub(lambda named: _EMOJI.get(named.group(1), named.group(0)), text)
