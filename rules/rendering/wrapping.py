"""Lines of a width, as Python's ``textwrap`` makes them, in time that grows with the text and no faster.

``textwrap`` copies the rest of a long word, or of a run of blanks, for every line that it takes off. A megabyte of
blanks then takes minutes. Here a long piece is cut where it stands, and every line is charged for.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import TextWrapper
from typing import Final

from rules.rendering.budget import METER, weight

_LINE_STEPS: Final = 4


def wrap_lines(text: str, width: int) -> str:
    """Each line of ``text`` in lines of at most ``width`` characters; long words are cut, blanks at cuts go."""
    meter = METER.get()
    meter.charge(weight(text) * 8)
    lines: list[str] = []
    for paragraph in text.splitlines():
        before = len(lines)
        lines.extend(_lines_of(paragraph, width))
        if len(lines) == before:
            meter.charge(1)
            lines.append("")
    meter.charge_runes(len(text) + len(lines))
    return "\n".join(lines)


def _lines_of(paragraph: str, width: int) -> Iterator[str]:
    """The lines of one paragraph, the first of its pieces last in ``pieces``."""
    meter = METER.get()
    pieces = [piece for piece in TextWrapper.wordsep_re.split(paragraph) if piece]
    pieces.reverse()
    start, is_first = 0, True  # where the next piece begins; blanks at the first line's beginning stay
    while pieces:
        meter.charge(_LINE_STEPS)
        if pieces[-1].isspace():
            if not is_first:
                pieces.pop()
                start = 0
            else:
                start = (len(pieces[-1]) - 1) // width * width  # full lines of blanks would go
        line: list[str] = []
        room = width
        while pieces and len(pieces[-1]) - start <= room:
            line.append(pieces.pop()[start:])
            room -= len(line[-1])
            start = 0
        if pieces and len(pieces[-1]) - start > width:
            end = _cut_of(pieces[-1], start, room)
            line.append(pieces[-1][start:end])
            start = end
        if line and not line[-1].strip():
            line.pop()
        if line:
            is_first = False
            yield "".join(line)


def _cut_of(word: str, start: int, room: int) -> int:
    """Where a word that is too long for any line is cut: behind a hyphen if there is one, else where the room ends."""
    end = start + room
    hyphen = word.rfind("-", start, end)
    if hyphen > start and word[start:hyphen].strip("-"):
        return hyphen + 1
    return end
