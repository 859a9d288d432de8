"""What a person meant by lines that are no YAML: a corrected line where one can be written, else what is in the way."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_UNSEEN: Final = re.compile("[\u00a0\u00ad\u2007\u202f\u200b-\u200f\u2060\ufeff]")
_COMMENT: Final = re.compile(r"([:,\[{]\s*)#(\S[^,\]}]*)")
_NO_BLANK: Final = re.compile(r"(\s*(?:- )?)([A-Za-z_][\w-]*):([^\s/\\].*)")
_EQUALS: Final = re.compile(r"(\s*(?:- )?)([A-Za-z_][\w-]*)\s*=\s*(.*)")
_INNER_COLON: Final = re.compile(r"\s*(?:- )?([A-Za-z_$][\w.$-]*): ([^\"'{\[|>&*!].*?: .*|[^\"'{\[|>&*!].*\{\{.*)")
_WORDS: Final = re.compile(r"[{,]\s*\S+: [^,{}]* (and|or) \S+: ")
_DASHES: Final = re.compile(r"(\s*)[\u2013\u2014\u2012\u2212] ?(.*)")
_BIGGER: Final = re.compile(r"(\s*(?:- )?[^\s:]+): (>=?|<=?) ?(-?\d[\d.]*)\s*$")


_SHOWN: Final = frozenset(
    (
        "text",
        "title",
        "about",
        "name",
        "footer",
        "mention",
        "send",
        "to",
        "channel",
        "template",
        "topic",
        "severity",
        "when",
    )
)
"""Keys whose values may be shown again; others may hold secrets, for bridge.yaml is read by the same reader."""


@dataclass(frozen=True, slots=True)
class LineAdvice:
    """Where to look (counted from 1), and what to say."""

    line: int
    column: int
    text: str


def advise_lines(lines: Sequence[str], first: int, last: int, said: str) -> LineAdvice | None:
    """What is wrong in the lines from ``first`` to ``last`` (from 0), where the reader of YAML said ``said``."""
    if lines and re.fullmatch(r"\[[^\]]*\]\s*", lines[0]):
        return LineAdvice(1, 1, "this is no YAML; a rule file begins with topic: or rules:")
    for number in range(max(0, last - 2), min(last, len(lines))):
        for judge in (_dash, _comment, _slashes):
            found = judge(_without_quotes(lines[number]), lines[number])
            if found is not None:
                return LineAdvice(number + 1, found[0] + 1, found[1])
    for number in range(max(0, min(first, last)), min(last, len(lines) - 1) + 1):
        line = lines[number]
        bare = _without_quotes(line)
        if bare.lstrip().startswith("#"):
            continue
        for judge in (_unseen, _slashes, _dash, _no_blank, _equals, _joined, _comment, _bigger):
            found = judge(bare, line)
            if found is not None:
                return LineAdvice(number + 1, found[0] + 1, found[1])
    return _of_the_end(lines, last, said)


def _of_the_end(lines: Sequence[str], last: int, said: str) -> LineAdvice | None:
    line = lines[last] if last < len(lines) else ""
    if "mapping values are not allowed" in said:
        return _colon(lines, last, line)
    if "document start" in said:
        ended = next((n for n in range(last, -1, -1) if n < len(lines) and lines[n].rstrip() == "..."), None)
        if ended is not None:
            return LineAdvice(ended + 1, 1, '"..." ends the file; remove it')
    return None


def _colon(lines: Sequence[str], last: int, line: str) -> LineAdvice | None:
    """A colon in a value, or a line that stands too far to the right to be a key."""
    above = next((one for one in reversed(lines[:last]) if one.strip() and not one.strip().startswith("#")), "")
    found = _INNER_COLON.fullmatch(line.rstrip())
    own = re.match(r" *(?:- )?", line)
    other = re.match(r" *(?:- )?", above)
    if own and other and own.end() > other.end() and not above.rstrip().endswith(":") and ": " in above:
        text = f"this line stands further to the right than the one above; begin it in column {other.end() + 1}"
        return LineAdvice(last + 1, own.end() + 1, text)
    if found is not None:
        value = found[2].partition(" #")[0].rstrip()
        shown = f": {found[1]}: {json.dumps(value, ensure_ascii=False)}" if _may_show(found[1]) else ""
        told = f'no ": " can stand here; put the value in quotes{shown}'
        return LineAdvice(last + 1, found.start(2) + max(value.find(": "), 0) + 1, told)
    return None


def _unseen(bare: str, line: str) -> tuple[int, str] | None:
    found = _UNSEEN.search(bare)
    if found is None:
        return None
    kind = "a blank that is none to YAML" if found[0] in "\u00a0\u2007\u202f" else "not seen"
    return found.start(), f"the character U+{ord(found[0]):04X} stands here, {kind}; type an ordinary blank"


def _slashes(bare: str, line: str) -> tuple[int, str] | None:
    return (bare.index("//"), "a comment begins with #, not with //") if bare.lstrip().startswith("//") else None


def _dash(bare: str, line: str) -> tuple[int, str] | None:
    found = _DASHES.fullmatch(bare)
    if found is None:
        return None
    shown = f": write - {found[2]}" if _may_show(found[2].partition(":")[0]) else ""
    return found.end(1), f'a member of a list begins with "-"{shown}'


def _no_blank(bare: str, line: str) -> tuple[int, str] | None:
    found = _NO_BLANK.fullmatch(line.rstrip()) if ": " not in bare else None
    if found is None or "://" in bare:
        return None
    shown = f": write {found[2]}: {found[3]}" if _may_show(found[2]) else ""
    return found.start(3), f"a blank is missing behind the colon{shown}"


def _equals(bare: str, line: str) -> tuple[int, str] | None:
    found = _EQUALS.fullmatch(line.rstrip()) if ":" not in bare else None
    if found is None:
        return None
    return found.start(2), f"write {found[2]}: {found[3] if _may_show(found[2]) else '...'}"


def _joined(bare: str, line: str) -> tuple[int, str] | None:
    found = _WORDS.search(bare)
    if found is None:
        return None
    told = "part conditions by a comma; all of them must hold" if found[1] == "and" else "write any: [{...}, {...}]"
    return found.start(1), f'"{found[1]}" is no word here; {told}'


def _comment(bare: str, line: str) -> tuple[int, str] | None:
    found = _COMMENT.search(bare)
    if found is None or not re.search(r"[{\[]", bare[: found.start() + 1]):
        return None
    before = re.search(r"([\w-]+):\s*$", bare[: found.end(1)])
    shown = f': "#{found[2].strip()}"' if before is not None and _may_show(before[1]) else ""
    return found.end(1), f'"#" begins a comment here; put the text in quotes{shown}'


def _bigger(bare: str, line: str) -> tuple[int, str] | None:
    found = _BIGGER.fullmatch(bare)
    if found is None or "$" not in found[1]:
        return None
    word = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}[found[2]]
    return found.start(2), f"write {{{word}: {found[3]}}}"


def _may_show(key: str) -> bool:
    """Whether the value of a key may stand in a message."""
    return key in _SHOWN or key.startswith("$.")


def _without_quotes(line: str) -> str:
    """The line with blanks for what stands in quotes, as long as before."""
    return re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'", lambda found: "_" * len(found[0]), line)
