"""Filters of subscriptions: which messages it is about, said of their attributes in the language of Google Pub/Sub.

``attributes:KEY`` is there at all, ``attributes.KEY = "VALUE"`` and ``!=`` compare, and
``hasPrefix(attributes.KEY, "TEXT")`` asks for a beginning; ``NOT`` (or ``-``), ``AND``, ``OR`` and parentheses join
them. A message without the attribute has no value that could be equal, so ``!=`` admits it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from broker.errors import InvalidFilter

LONGEST_BYTES: Final = 256
_TOKEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_-]*|!=|[=:.(),-])')
_ESCAPE: Final = re.compile(r"\\(.)")
_WORD: Final = re.compile(r"[A-Za-z_]")
_JOINS: Final = frozenset({"AND", "OR"})


@dataclass(frozen=True, slots=True)
class HasAttribute:
    """A filter: the attribute is there, whatever its value."""

    key: str


@dataclass(frozen=True, slots=True)
class AttributeIs:
    """A filter: the attribute has exactly this value."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class AttributeBegins:
    """A filter: the attribute's value begins with this text."""

    key: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Not:
    """A filter that admits what ``inner`` does not."""

    inner: AttributeFilter


@dataclass(frozen=True, slots=True)
class AllOf:
    """A filter that admits what every part admits."""

    parts: tuple[AttributeFilter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A filter that admits what at least one part admits."""

    parts: tuple[AttributeFilter, ...]


AttributeFilter: TypeAlias = HasAttribute | AttributeIs | AttributeBegins | Not | AllOf | AnyOf


def admits(wanted: AttributeFilter, attributes: Mapping[str, str]) -> bool:
    """Whether a message with these attributes is one that the filter is about."""
    match wanted:
        case HasAttribute(key):
            return key in attributes
        case AttributeIs(key, value):
            return attributes.get(key) == value
        case AttributeBegins(key, prefix):
            return key in attributes and attributes[key].startswith(prefix)
        case Not(inner):
            return not admits(inner, attributes)
        case AllOf(parts):
            return all(admits(part, attributes) for part in parts)
        case AnyOf(parts):
            return any(admits(part, attributes) for part in parts)


@lru_cache(maxsize=1024)
def read_filter(text: str) -> AttributeFilter:
    """The filter that a text means. Raises InvalidFilter with the place where it cannot be read."""
    if len(text.encode(errors="replace")) > LONGEST_BYTES:
        raise InvalidFilter(f"it is longer than {LONGEST_BYTES} bytes", 0)
    reading = _Reading(_tokens(text), len(text))
    attribute_filter = reading.read_terms()
    reading.end()
    return attribute_filter


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, sign or quoted text, and where it begins."""

    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    tokens, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            wrong = len(text) - len(text[place:].lstrip())
            raise InvalidFilter("nothing begins so; texts stand in double quotes", wrong)
        tokens.append(_Token(match[1], match.start(1)))
        place = match.end()
    return tokens


class _Reading:
    """Reads the tokens from left to right."""

    def __init__(self, tokens: list[_Token], length: int) -> None:
        self._tokens = tokens
        self._length = length
        self._next = 0

    def read_terms(self) -> AttributeFilter:
        """Terms with AND between them, or with OR; both together want parentheses."""
        parts, join = [self._term()], ""
        while self._peek() in _JOINS:
            at, word = self._at(), self._take()
            if join and word != join:
                raise InvalidFilter("AND and OR side by side want parentheses", at)
            join = word
            parts.append(self._term())
        if not join:
            return parts[0]
        return AllOf(tuple(parts)) if join == "AND" else AnyOf(tuple(parts))

    def end(self) -> None:
        """Nothing may follow. Raises InvalidFilter."""
        if self._next < len(self._tokens):
            raise InvalidFilter(f"{self._peek()} is not expected here; join terms with AND or OR", self._at())

    def _term(self) -> AttributeFilter:
        match self._peek():
            case "NOT" | "-":
                self._take()
                return Not(self._term())
            case "(":
                self._take()
                inner = self.read_terms()
                self._expect(")")
                return inner
            case "hasPrefix":
                return self._prefix()
            case "attributes":
                return self._comparison()
            case _:
                raise InvalidFilter('a term is attributes:KEY, attributes.KEY = "VALUE" or hasPrefix(...)', self._at())

    def _prefix(self) -> AttributeFilter:
        self._take()
        self._expect("(")
        self._expect("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._take_text()
        self._expect(")")
        return AttributeBegins(key, prefix)

    def _comparison(self) -> AttributeFilter:
        self._take()
        if self._peek() == ":":
            self._take()
            return HasAttribute(self._key())
        self._expect(".")
        key, at, operator = self._key(), self._at(), self._take()
        if operator not in ("=", "!="):
            raise InvalidFilter('an attribute is compared by = or != with a text, such as "value"', at)
        equal = AttributeIs(key, self._take_text())
        return equal if operator == "=" else Not(equal)

    def _key(self) -> str:
        if self._peek().startswith('"'):
            return self._take_text()
        if not _WORD.match(self._peek()):
            raise InvalidFilter("the name of an attribute is missing; one with other characters is quoted", self._at())
        return self._take()

    def _take_text(self) -> str:
        if not self._peek().startswith('"'):
            raise InvalidFilter("a text in double quotes is missing", self._at())
        return _ESCAPE.sub(r"\1", self._take()[1:-1])

    def _expect(self, text: str) -> None:
        if self._peek() != text:
            raise InvalidFilter(f"{text} is missing", self._at())
        self._take()

    def _peek(self) -> str:
        return self._tokens[self._next].text if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        text = self._peek()
        self._next += 1
        return text

    def _at(self) -> int:
        return self._tokens[self._next].at if self._next < len(self._tokens) else self._length
