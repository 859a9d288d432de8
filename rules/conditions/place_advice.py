"""What to write in place of a place or a condition that is of another language: jq, kubectl, JMESPath."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from rules.conditions.jsonpath import PathProblem, compile_path

_MATCHER: Final = re.compile(r"\s*([A-Za-z_$][\w.$\[\]'\"-]*?)\s*(=~|!~|!=|==|>=|<=|=|>|<)\s*(.*?)\s*", re.DOTALL)
_SIGNED: Final = re.compile(r"\s*(=~|!~|!=|==|>=|<=|>|<)\s*(.+?)\s*", re.DOTALL)
_SLASHES: Final = re.compile(r"/(.+)/([a-z]*)", re.DOTALL)
_JMES: Final = re.compile(r"([\w.$\[\]*]*?)\[\?\s*`?@?\.?(\w+)`?\s*(==|!=|>=|<=|>|<)\s*(.+?)\s*\](.*)")
_OPERATORS: Final[Mapping[str, str]] = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def suggest_place(text: str) -> str:
    """The path that a place of another language means here; "" when it is not known, or no path."""
    inside = text.strip()
    if inside.startswith("{") and inside.endswith("}"):
        inside = inside[1:-1].strip()
    filtered = _JMES.fullmatch(inside)
    if filtered is not None:
        value = filtered[4].strip("'`\"")
        literal = value if re.fullmatch(r"-?\d+(\.\d+)?", value) else f"'{value}'"
        inside = f"{filtered[1].lstrip('$.')}[?(@.{filtered[2]} {filtered[3]} {literal})]{filtered[5]}"
    inside = inside.removeprefix("$").removeprefix(".").replace("[]", "[*]")
    if not re.match(r"[A-Za-z_]", inside):
        return ""
    try:
        return compile_path(f"$.{inside}").text
    except PathProblem:
        return ""


def suggest_condition(text: str) -> str:
    """A line of ``match:`` for a condition in a text: ``severity="critical"`` is ``$.severity: critical``; or ""."""
    match = _MATCHER.fullmatch(text.strip().removeprefix("{").removesuffix("}"))
    if match is None or not match[3] or re.search(r"\s(?:and|or)\s|&&|\|\|", match[3]):
        return ""
    name = match[1]
    place = name if name.startswith(("$", "attributes.", "message.", "vars.")) else suggest_place(name) or f"$.{name}"
    value = match[3].strip("\"'") if match[3][:1] in "\"'" else match[3]
    return f"{place}: {_value_meant(match[2], value)}"


def suggest_value(value: Any) -> str:
    """The value for a text that carries an operator: ``!=critical`` is ``{not: critical}``; "" for others."""
    match = _SIGNED.fullmatch(value) if isinstance(value, str) else None
    return _value_meant(match[1], match[2].strip("\"'")) if match is not None else ""


def suggest_regex(pattern: str) -> str:
    """The operators for a regular expression between slashes, as JavaScript writes it; "" for others."""
    match = _SLASHES.fullmatch(pattern)
    if match is None:
        return ""
    return f"{{regex: {_quote(match[1])}{', ignore_case: true' if 'i' in match[2] else ''}}}"


def _value_meant(sign: str, value: str) -> str:
    if sign in _OPERATORS:
        return f"{{{_OPERATORS[sign]}: {value}}}"
    if sign in ("=~", "!~"):
        regex = f"{{regex: {_quote(f'^(?:{value})$')}}}"
        return regex if sign == "=~" else f"{{not: {regex}}}"
    return f"{{not: {_plain(value)}}}" if sign == "!=" else _plain(value)


def _plain(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z][\w./ -]*\w|\d+(\.\d+)?", value) else json.dumps(value, ensure_ascii=False)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
