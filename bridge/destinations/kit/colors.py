"""The colour of a post: what its rule says, else what has become of the incident, else how bad it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from rules.model import Post

_RED, _AMBER, _BLUE, _GREEN = "#d24b4e", "#f2a93b", "#5d89ea", "#3db887"
_NAMED: Final[Mapping[str, str]] = {
    "critical": _RED,
    "error": _RED,
    "danger": _RED,
    "warning": _AMBER,
    "info": _BLUE,
    "ok": _GREEN,
    "good": _GREEN,
}
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")


def own_color(post: Post) -> str:
    """The colour that the rule asks for, as ``#rrggbb``; "" when it asks for none, or for one nobody can draw."""
    text = post.color.strip().lower()
    return _NAMED.get(text) or (text if _HEX.fullmatch(text) else "")


def color_of(post: Post, phase: str) -> str:
    """The colour to draw, as ``#rrggbb``, or ""."""
    return own_color(post) or (_GREEN if phase == "resolved" else _NAMED.get(post.severity, ""))
