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


def advise_lines(lines: Sequence[str], first: int, last: int, text: str) -> LineAdvice | None:
    """What is wrong in the lines from ``first`` to ``last`` (from 0), where the reader of YAML says ``text``."""
    if lines and re.fullmatch(r"\[[^\]]*\]\s*", lines[0]):
        return LineAdvice(1, 1, "this is no YAML; a rule file begins with topic: or rules:")
    for number in range(max(0, last - 2), min(last, len(lines))):
        for judge in (_dash, _comment, _slashes):
            advice = judge(_without_quotes(lines[number]), lines[number])
            if advice is not None:
                return LineAdvice(number + 1, advice[0] + 1, advice[1])
    for number in range(max(0, min(first, last)), min(last, len(lines) - 1) + 1):
        line = lines[number]
        bare = _without_quotes(line)
        if bare.lstrip().startswith("#"):
            continue
        for judge in (_unseen, _slashes, _dash, _no_blank, _equals, _find_join_word, _comment, _bigger):
            advice = judge(bare, line)
            if advice is not None:
                return LineAdvice(number + 1, advice[0] + 1, advice[1])
    return _of_the_end(lines, last, text)


def _of_the_end(lines: Sequence[str], last: int, text: str) -> LineAdvice | None:
    line = lines[last] if last < len(lines) else ""
    if "mapping values are not allowed" in text:
        return _colon(lines, last, line)
    if "document start" in text:
        ended = next((n for n in range(last, -1, -1) if n < len(lines) and lines[n].rstrip() == "..."), None)
        if ended is not None:
            return LineAdvice(ended + 1, 1, '"..." ends the file; remove it')
    return None


def _colon(lines: Sequence[str], last: int, line: str) -> LineAdvice | None:
    """A colon in a value, or a line that stands too far to the right to be a key."""
    above = next((line for line in reversed(lines[:last]) if line.strip() and not line.strip().startswith("#")), "")
    match = _INNER_COLON.fullmatch(line.rstrip())
    own = re.match(r" *(?:- )?", line)
    other = re.match(r" *(?:- )?", above)
    if own and other and own.end() > other.end() and not above.rstrip().endswith(":") and ": " in above:
        text = f"this line stands further to the right than the one above; begin it in column {other.end() + 1}"
        return LineAdvice(last + 1, own.end() + 1, text)
    if match is not None:
        value = match[2].partition(" #")[0].rstrip()
        shown = f": {match[1]}: {json.dumps(value, ensure_ascii=False)}" if _may_show(match[1]) else ""
        advice = f'no ": " can stand here; put the value in quotes{shown}'
        return LineAdvice(last + 1, match.start(2) + max(value.find(": "), 0) + 1, advice)
    return None


def _unseen(bare: str, line: str) -> tuple[int, str] | None:
    match = _UNSEEN.search(bare)
    if match is None:
        return None
    kind = "a blank that is none to YAML" if match[0] in "\u00a0\u2007\u202f" else "not seen"
    return match.start(), f"the character U+{ord(match[0]):04X} stands here, {kind}; type an ordinary blank"


def _slashes(bare: str, line: str) -> tuple[int, str] | None:
    return (bare.index("//"), "a comment begins with #, not with //") if bare.lstrip().startswith("//") else None


def _dash(bare: str, line: str) -> tuple[int, str] | None:
    match = _DASHES.fullmatch(bare)
    if match is None:
        return None
    shown = f": write - {match[2]}" if _may_show(match[2].partition(":")[0]) else ""
    return match.end(1), f'a member of a list begins with "-"{shown}'


def _no_blank(bare: str, line: str) -> tuple[int, str] | None:
    match = _NO_BLANK.fullmatch(line.rstrip()) if ": " not in bare else None
    if match is None or "://" in bare:
        return None
    shown = f": write {match[2]}: {match[3]}" if _may_show(match[2]) else ""
    return match.start(3), f"a blank is missing behind the colon{shown}"


def _equals(bare: str, line: str) -> tuple[int, str] | None:
    match = _EQUALS.fullmatch(line.rstrip()) if ":" not in bare else None
    if match is None:
        return None
    return match.start(2), f"write {match[2]}: {match[3] if _may_show(match[2]) else '...'}"


def _find_join_word(bare: str, line: str) -> tuple[int, str] | None:
    match = _WORDS.search(bare)
    if match is None:
        return None
    text = "part conditions by a comma; all of them must hold" if match[1] == "and" else "write any: [{...}, {...}]"
    return match.start(1), f'"{match[1]}" is no word here; {text}'


def _comment(bare: str, line: str) -> tuple[int, str] | None:
    match = _COMMENT.search(bare)
    if match is None or not re.search(r"[{\[]", bare[: match.start() + 1]):
        return None
    before = re.search(r"([\w-]+):\s*$", bare[: match.end(1)])
    shown = f': "#{match[2].strip()}"' if before is not None and _may_show(before[1]) else ""
    return match.end(1), f'"#" begins a comment here; put the text in quotes{shown}'


def _bigger(bare: str, line: str) -> tuple[int, str] | None:
    match = _BIGGER.fullmatch(bare)
    if match is None or "$" not in match[1]:
        return None
    word = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}[match[2]]
    return match.start(2), f"write {{{word}: {match[3]}}}"


def _may_show(key: str) -> bool:
    """Whether the value of a key may stand in a message."""
    return key in _SHOWN or key.startswith("$.")


def _without_quotes(line: str) -> str:
    """The line with blanks for what stands in quotes, as long as before."""
    return re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'", lambda match: "_" * len(match[0]), line)
