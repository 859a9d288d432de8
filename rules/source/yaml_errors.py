"""YAML syntax errors in plain words, at the place where a person has to look."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from rules.source.problems import Place, Problem
from rules.source.yaml_advice import advise_lines

_BRACKET_PATH_IN_FLOW: Final = re.compile(r"[{\[,]\s*(\$[^\s,:{}\[\]\"]*(?:\[[^\[\]\"]*\][\w.*-]*)+)")
_BARE_TEMPLATE: Final = re.compile(r"(?:[:-] +|^\s*)\{[{%]")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

QUOTE_TEMPLATE: Final = 'a value that begins with "{{" must be in quotes: "{{ ... }}"'


def find_forbidden_character(text: str, file: str) -> Problem | None:
    """The first character that no YAML file may hold (NUL and other controls, half a surrogate pair), or None."""
    match = _FORBIDDEN.search(text)
    if match is None:
        return None
    place = place_at(text, match.start(), file)
    return Problem(place, "", f"the character U+{ord(match[0]):04X} cannot stand in a YAML file; remove it")


def place_at(text: str, offset: int, file: str) -> Place:
    """The place of a character of a text, counted from 0."""
    before = text[:offset]
    return Place(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """One problem from what libyaml raised: where to look, what is wrong, what would help."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Problem(Place(file), "", f"not YAML: {' '.join(str(error).split())}")
    context = getattr(error, "context_mark", None) or mark
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    given = str(getattr(error, "problem", "") or "")
    for path in _BRACKET_PATH_IN_FLOW.finditer(line):
        if line.index("[", path.start(1)) <= mark.column:
            words = f'a path with brackets must be in quotes inside {{}} or []: "{path[1]}"'
            return Problem(Place(file, mark.line + 1, path.start(1) + 1), "", words)
    advice = (
        None if "\t" in line[mark.column : mark.column + 1] else advise_lines(lines, context.line, mark.line, given)
    )
    if advice is not None:
        return Problem(Place(file, advice.line, advice.column), "", advice.text)
    opened, words = _words(given, str(getattr(error, "context", "") or ""), line, mark, context, lines)
    if context is not mark and mark.line == context.line and "alphabetic or numeric" in given:
        opened = True
    at = context if opened else mark
    return Problem(Place(file, at.line + 1, at.column + 1), "", words)


def _words(text: str, context: str, line: str, mark: Any, opened: Any, lines: list[str]) -> tuple[bool, str]:
    """The text, and whether it is about where something was opened rather than where the reader stopped."""
    char = line[mark.column : mark.column + 1]
    if char == "\t":
        return False, "a tab cannot indent; use spaces"
    if _BARE_TEMPLATE.search(line) and "quoted scalar" not in context:
        return False, QUOTE_TEMPLATE
    if "unexpected end of stream" in text:
        return True, "the quote opened here is never closed"
    if "expected ',' or" in text:
        bracket = "{" if "mapping" in context else "["
        if mark.line >= len(lines) or not "".join(lines[mark.line :])[mark.column :].strip():
            return True, f'the "{bracket}" opened here is never closed'
        closing = "}" if bracket == "{" else "]"
        return False, f'expected "," or "{closing}" here; a text with brackets, braces or commas must be in quotes'
    return False, _common_words(text, char, opened)


def _common_words(text: str, char: str, opened: Any) -> str:
    if "mapping values are not allowed" in text:
        return 'no ": " can stand here; quote the value if it holds one, or check the indentation'
    if "expected key" in text or "expected '-' indicator" in text or "block end" in text:
        return (
            f"this does not fit what began at line {opened.line + 1}; check the indentation, and quotes that end early"
        )
    if "cannot start any token" in text:
        return f'a value cannot begin with "{char}"; put it in quotes'
    if "unknown escape character" in text:
        return "a backslash in double quotes begins an escape such as \\n; in 'single quotes' it is itself: '^\\d+'"
    if "expected alphabetic or numeric character" in text:
        return 'a value that begins with "*" or "&" must be in quotes; without them it names an anchor'
    if "expected whitespace or line break" in text:
        return 'a value that begins with "!" must be in quotes; without them it is a tag'
    if "expected hexdecimal number" in text:
        return "\\x and \\u in double quotes need hexadecimal digits; in 'single quotes' they are themselves"
    if "could not find expected ':'" in text:
        return 'a ":" is missing; every line here must be "key: value"'
    if "expected node content" in text:
        return "a key or a value is missing here"
    return f"not YAML: {text}"
