"""Writes plain values as YAML that people like to read and that our reader reads back as it was.

Small mappings and lists stand in one line, larger ones below each other; text is quoted where it could be read as
something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rules.source.scalars import plain_scalar

WIDTH: Final = 110
_PLAIN: Final = re.compile(r"[A-Za-z_$./(+0-9][A-Za-z0-9_$./<>()@+*=;|^ -]*", re.ASCII)
_PLAIN_ALONE: Final = re.compile(r"[A-Za-z_$./(+0-9][A-Za-z0-9_$./<>()@+*=;|^\[\], -]*", re.ASCII)
_ESCAPED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def yaml_lines(value: Any, indent: int = 0) -> Iterator[str]:
    """The lines of a mapping or list, each indented by ``indent`` columns at least."""
    pad = " " * indent
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _member(f"{pad}{scalar(key)}:", member, indent + 2)
    else:
        for member in value:
            yield from _item(member, indent)


def flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(member)}" for key, member in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(member) for member in value) + "]"
    return scalar(value)


def scalar(value: Any, *, alone: bool = False) -> str:
    """A text, number, truth or nothing; ``alone`` on its line, a text needs quotes less often."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN_ALONE if alone else _PLAIN
    if plain.fullmatch(value) and plain_scalar(value) == value and not value.endswith(" "):
        return value
    if value.isprintable() and "'" not in value and ('"' in value or "\\" in value):
        return f"'{value}'"
    return '"' + "".join(_sign(sign) for sign in value) + '"'


def comment(text: str, indent: int = 0) -> Iterator[str]:
    """A comment, broken into lines."""
    pad = " " * indent
    line = f"{pad}#"
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH and line.strip() != "#":
            yield line
            line = f"{pad}#"
        line += f" {word}"
    yield line


def _sign(sign: str) -> str:
    if sign in _ESCAPED or sign.isprintable():
        return _ESCAPED.get(sign, sign)
    return f"\\U{ord(sign):08x}"


def _member(head: str, member: Any, indent: int) -> Iterator[str]:
    if isinstance(member, str) and _is_block(member):
        yield f"{head} |-"
        yield from (f"{' ' * indent}{line}" if line else "" for line in member.split("\n"))
        return
    in_one_line = f"{head} {scalar(member, alone=True) if isinstance(member, str) else flow(member)}"
    if not isinstance(member, Mapping | list | tuple) or not member or len(in_one_line) <= WIDTH:
        yield in_one_line
        return
    yield head
    yield from yaml_lines(member, indent)


def _item(member: Any, indent: int) -> Iterator[str]:
    in_one_line = f"{' ' * indent}- {scalar(member, alone=True) if isinstance(member, str) else flow(member)}"
    if not isinstance(member, Mapping | list | tuple) or not member or len(in_one_line) <= WIDTH:
        yield in_one_line
        return
    lines = list(yaml_lines(member, indent + 2))
    yield f"{' ' * indent}- {lines[0].lstrip()}"
    yield from lines[1:]


def _is_block(text: str) -> bool:
    """Whether a text of several lines can stand as it is."""
    lines = text.split("\n")
    return len(lines) > 1 and all(line.isprintable() for line in lines) and bool(lines[0].strip() and lines[-1])
