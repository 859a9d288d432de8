"""What others say, as one line that is safe to show: in a terminal, a log, a page or a post."""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(
    r"""
      (?:\x1b\[|\x9b) [0-?]* [ -/]* [@-~]?                  # a control sequence: colours, cursor
    | (?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]) [^\x07\x1b\x9c]* (?:\x07|\x1b\\|\x9c|\Z)?   # a title, a link
    | \x1b [ -/]* [0-~]?
    """,
    re.VERBOSE,
)
_ODD: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_BLANKS: Final = re.compile("[ \t\r\n\x0b\x0c\x1c-\x1f\x85\u2028\u2029]+")


def plain_reason(text: str) -> str:
    """The text in one line, without escape sequences, control characters and what turns the direction of letters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return _BLANKS.sub(" ", _ODD.sub("", _ESCAPE.sub("", text))).strip()


def is_harmless(text: str) -> bool:
    """Whether nothing in the text is more than a letter, a blank or the end of a line."""
    return _ODD.search(text) is None
