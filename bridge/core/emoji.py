"""Emoji by name, as chat services write them: the few that alerts use."""

from __future__ import annotations

import re
from typing import Final

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


def replace_emoji_names(text: str) -> str:
    """The text with known ``:emoji_names:`` as characters; unknown names stay as they are."""
    return _EMOJI_NAME.sub(lambda named: _EMOJI.get(named.group(1), named.group(0)), text)
