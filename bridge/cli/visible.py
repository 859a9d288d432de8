r"""Shows what a terminal would obey as escapes: ``\x1b``, ``\u202e``. The one place where the command line does that.

Texts of events, posts, services and people come from elsewhere. A control character among them (C0, DEL, C1) could move
the cursor, retitle the window or hide what stands before it; one that turns the direction of writing or ends a line
could make a line say what it does not. ``--json`` is for programs and stays exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ODD: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff]")
_BREAKS: Final = re.compile(r"[\n\t]")
_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def make_visible(text: str) -> str:
    """The text with every character that a terminal would obey as an escape; line ends and tabs stay."""
    if _ODD.search(text) is None:
        return text
    return _ODD.sub(_escape, text.replace("\r\n", "\n"))


def make_visible_line(text: str) -> str:
    """The text on one line: as ``make_visible`` gives it, with line ends and tabs as escapes too."""
    return _BREAKS.sub(_escape, _ODD.sub(_escape, text))


class VisibleText(Text):
    """A styled text in which nothing is left that a terminal would obey."""

    def __init__(self, text: str = "", style: str | Style = "", **options: Any) -> None:
        super().__init__(make_visible(text), style, **options)

    def append(self, text: Text | str, style: str | Style | None = None) -> VisibleText:
        """Add a text, made visible."""
        super().append(make_visible(text) if isinstance(text, str) else text, style)
        return self


class VisibleConsole(Console):
    """A console that obeys nobody's texts but our own styles."""

    def render_str(self, text: str, **options: Any) -> Text:
        """See Console."""
        return super().render_str(make_visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See Console. Texts that others made, such as those of Markdown, are made visible here."""
        return super().render(_make_visible(renderable) if isinstance(renderable, Text) else renderable, options)


def _make_visible(text: Text) -> Text:
    plain = text.plain
    if _ODD.search(plain) is None:
        return text
    made, at = text.blank_copy(), 0
    for match in _ODD.finditer(plain):
        made.append_text(text[at : match.start()])
        made.append(_escape(match))
        at = match.end()
    return made.append_text(text[at:])


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")
