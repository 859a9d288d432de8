"""Says what is wrong with a JSONPath, and where in its text."""

from __future__ import annotations

import re
from typing import Final

_AT: Final = re.compile(r"(?:at|line) 1[:,](?: col)? ?(\d+)")


class PathProblem(ValueError):
    """A JSONPath that cannot be used; ``column`` (from 1) is where in its text."""

    def __init__(self, text: str, column: int = 1) -> None:
        super().__init__(text)
        self.column = column


def problem_of(text: str, given: str) -> PathProblem:
    """What jsonpath-ng says of a path that it cannot read, in our words."""
    match = _AT.search(given)
    column = int(match[1]) + 1 if match else len(text) + 1
    if "EOF in string" in given:
        return PathProblem(f'the path "{text}" has a quote that is never closed', column)
    if match is None and "end of string" not in given:
        return PathProblem(f'the path "{text}" cannot be read: {given}')
    if column > len(text):
        return PathProblem(f'the path "{text}" ends too early; is a bracket not closed?', column)
    if "named operator" in given:
        column = text.rfind("`", 0, column - 1) + 1
        return PathProblem(f'the path "{text}" has an unknown operator between backquotes', column)
    near = text[column - 1 : column + 9]
    hint = _advice(text) or "a name with other characters than letters, digits, _ and - needs quotes: $['a name']"
    return PathProblem(f'the path "{text}" cannot be read from "{near}" on; {hint}', column)


def _advice(text: str) -> str:
    """What to write for a path with a function, a pipe or a comparison, as other languages have them; or ""."""
    compared = re.fullmatch(r"(\$[\w.\[\]*'\"-]*)\s*(?:==|=)\s*(.+)", text)
    if compared is not None:
        return f"what must hold stands behind the colon: {compared[1]}: {compared[2]}"
    if re.search(r"(?:length|count|size)\s*\(", text):
        return 'to count write when: "data.alerts | length > 1"'
    if "|" in text or re.search(r"\w\(", text):
        return "a path has no functions; write when: with an expression such as data.alerts | length > 1"
    return ""
