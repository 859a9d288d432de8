"""Alertmanager's label matchers: ``severity=~"warning|critical"``, in the classic and the UTF-8 syntax, and as maps.

A label that is missing is the same as one that is empty. Regular expressions must fit the whole value; they are RE2
there and here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rules.conditions.regex import Regex, compile_regex
from rules.importing.alertmanager_config import Config
from rules.source.problems import DocumentPath

_MATCHER: Final = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|[^\s{}!=~,\\\"'`]+)\s*(=~|!~|!=|=)\s*", re.DOTALL)
_QUOTED: Final = re.compile(r"\"((?:[^\"\\]|\\.)*)\"\s*(?=,|$)", re.DOTALL)
_UNQUOTED: Final = re.compile(r"(?:\\[^,]|[^,\"\\])*\\?", re.DOTALL)
_ESCAPES: Final = {"n": "\n", '"': '"', "\\": "\\"}
"""What a backslash makes of the character behind it, in quotes or without; before any other it is itself."""
_ESCAPED: Final = re.compile(r"\\([n\"\\])")
_OPERATORS: Final = ("=", "!=", "=~", "!~")
_NAMES: Final = ("label", "name")
_SIGNS: Final = ("type", "matchType", "match_type", "operator")
_HEX: Final = {"x": 2, "u": 4, "U": 8}
_ANYTHING: Final = frozenset({".*", "^.*$", "(.*)", "^(.*)$"})
_LITERAL: Final = re.compile(r"(?:[A-Za-z0-9_ :/@,-]|\\[.+*?()\[\]{}|^$\\-])*")


@dataclass(frozen=True)
class LabelMatcher:
    """One matcher; ``op`` is ``=``, ``!=``, ``=~`` or ``!~``."""

    name: str
    op: str
    value: str

    @cached_property
    def _regex(self) -> Regex:
        return compile_regex(f"^(?:{self.value})$")

    @property
    def is_regex(self) -> bool:
        """Whether the value is a regular expression."""
        return self.op.endswith("~")

    @property
    def is_negative(self) -> bool:
        """Whether it says what must not be."""
        return self.op.startswith("!")

    def holds(self, value: str) -> bool:
        """Whether it holds for a label's value ("" when there is none)."""
        matches = self._regex.search(value) if self.is_regex else value == self.value
        return matches is not self.is_negative

    @property
    def fits_all(self) -> bool:
        """Whether its regular expression fits every value, none included."""
        return self.is_regex and self.value in _ANYTHING

    @property
    def words(self) -> tuple[str, ...] | None:
        """The only values it speaks of, where these are few and plain: ``a|b`` of a regular expression."""
        return alternatives(self.value) if self.is_regex else (self.value,)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


def read_matchers(config: Config, path: DocumentPath, *, prefix: str = "") -> tuple[LabelMatcher, ...]:
    """All matchers of a route (or of one side of an inhibition, with ``prefix`` such as ``source_``).

    Raises nothing: what cannot be read is a problem of ``config``.
    """
    matchers: list[LabelMatcher] = []
    for key, op in ((f"{prefix}match", "="), (f"{prefix}match_re", "=~")):
        for name in config.keys((*path, key)):
            inner = (*path, key, name)
            matchers += _check(config, inner, [LabelMatcher(name, op, config.text(inner))])
    if isinstance(config.at((*path, f"{prefix}matchers")), dict):
        config.report((*path, f"{prefix}matchers"), "matchers are a list of texts; a mapping of labels is match:")
        return ()
    for inner in config.items((*path, f"{prefix}matchers")):
        try:
            matchers += _check(config, inner, list(_list_matchers(config, inner)))
        except ValueError as error:
            config.report(inner, str(error))
    for inner in config.items((*path, "object_matchers")) if not prefix else ():
        matchers += _check(config, inner, _object_matcher(config, inner))
    return tuple(dict.fromkeys(matchers))


def _list_matchers(config: Config, path: DocumentPath) -> Iterator[LabelMatcher]:
    """The matchers of a text, or the one that a mapping of an API is. Raises ValueError."""
    value = config.at(path)
    if not isinstance(value, dict):
        yield from parse_matchers(config.text(path))
        return
    name, op = (next((str(value[key]) for key in keys if value.get(key)), "") for keys in (_NAMES, _SIGNS))
    if not op:
        negative, regex = (str(value.get(key)).lower() for key in ("isEqual", "isRegex"))
        op = ("!" if negative == "false" else "=") + ("~" if regex == "true" else "=" if negative == "false" else "")
    if not name or op not in _OPERATORS:
        ((key, text), *_) = value.items() or (("severity", "critical"),)
        raise ValueError(f"""a matcher is a text: write '{key}="{text}"'""")
    yield LabelMatcher(name, op, config.text((*path, "value")))


def _object_matcher(config: Config, path: DocumentPath) -> list[LabelMatcher]:
    """A matcher of Grafana's, its three parts apart: ``[severity, =~, warning|critical]``."""
    parts = config.items(path)
    if len(parts) != 3 or config.text(parts[1]) not in _OPERATORS:
        if isinstance(config.at(path), list):
            config.report(path, "a matcher is a label, one of = != =~ !~, and a value: [severity, =, critical]")
        return []
    name, op, value = (config.text(part) for part in parts)
    return [LabelMatcher(name, op, value)]


def parse_matchers(text: str) -> Iterator[LabelMatcher]:
    """The matchers of a text such as ``{foo="bar", baz!~"a.*"}`` or ``foo = bar``. Raises ValueError."""
    inside = text.strip()
    if inside.startswith("{") != inside.endswith("}"):
        raise ValueError(f"{text!r} has only one of its braces")
    if inside.startswith("{") and inside.endswith("}"):
        inside = inside[1:-1]
    inside = inside.strip()
    at = 0
    while at < len(inside):
        head = _MATCHER.match(inside, at)
        if head is None:
            raise ValueError(
                f'{text!r} is no matcher; one is a label, =, !=, =~ or !~, and a value: severity="critical"'
            )
        quoted = _QUOTED.match(inside, head.end())
        plain = None if quoted else _UNQUOTED.match(inside, head.end())
        value = _unescape(quoted[1]) if quoted else _plainly_unescaped(plain[0].strip()) if plain else ""
        at = (quoted or plain or head).end()
        if at < len(inside) and inside[at] != ",":
            raise ValueError(f"{text!r} has a quotation mark inside a value; put the value in quotes and escape it")
        at += 1
        name = head[1]
        yield LabelMatcher(_unescape(name[1:-1]) if name.startswith('"') else name, head[2], value)


def alternatives(pattern: str) -> tuple[str, ...] | None:
    """The words of a regular expression that is nothing but words: ``^(a|b)$`` and ``a|b`` are ``("a", "b")``."""
    inside = pattern
    group = re.fullmatch(r"\^?\((?:\?:)?([^()]*)\)\$?", inside)
    if group is not None:
        inside = group[1]
    words: list[str] = []
    for word in inside.split("|"):
        plain = word.removeprefix("^").removesuffix("$")
        if not _LITERAL.fullmatch(plain):
            return None
        words.append(re.sub(r"\\(.)", r"\1", plain))
    return tuple(dict.fromkeys(words))


def are_disjoint(some: Sequence[LabelMatcher], others: Sequence[LabelMatcher]) -> bool:
    """Whether it is certain that no alert satisfies all of both."""
    return any(_excludes(some, matcher) for matcher in others) or any(_excludes(others, matcher) for matcher in some)


def is_implied(known: Sequence[LabelMatcher], matcher: LabelMatcher) -> bool:
    """Whether it is certain that every alert that satisfies all of ``known`` satisfies ``matcher``."""
    if matcher in known or (matcher.fits_all and not matcher.is_negative):
        return True
    allowed = _allow(known, matcher.name)
    return allowed is not None and all(matcher.holds(value) for value in allowed)


def is_possible(matchers: Sequence[LabelMatcher], excluded: Iterable[Sequence[LabelMatcher]] = ()) -> bool:
    """False when it is certain that no alert satisfies ``matchers`` and of each of ``excluded`` not all."""
    if are_disjoint(matchers, matchers):
        return False
    return not any(all(is_implied(matchers, matcher) for matcher in others) for others in excluded)


def _excludes(known: Sequence[LabelMatcher], matcher: LabelMatcher) -> bool:
    if matcher.fits_all and matcher.is_negative:
        return True
    allowed = _allow(known, matcher.name)
    return allowed is not None and not any(matcher.holds(value) for value in allowed)


def _allow(matchers: Iterable[LabelMatcher], name: str) -> list[str] | None:
    """The values a label can have under these matchers, None when that is not a short list."""
    same = [matcher for matcher in matchers if matcher.name == name]
    words = next((matcher.words for matcher in same if not matcher.is_negative and matcher.words is not None), None)
    return None if words is None else [word for word in words if all(matcher.holds(word) for matcher in same)]


def _check(config: Config, path: DocumentPath, matchers: list[LabelMatcher]) -> list[LabelMatcher]:
    """The matchers, unless a regular expression in them cannot be read."""
    for matcher in matchers:
        if matcher.is_regex:
            try:
                compile_regex(f"^(?:{matcher.value})$")
            except ValueError as error:
                config.report(path, str(error))
                return []
    return matchers


def _plainly_unescaped(text: str) -> str:
    """A text without quotes as the classic syntax reads it: a doubled backslash is one, here too."""
    return _ESCAPED.sub(lambda match: _ESCAPES[match[1]], text)


def _unescape(text: str) -> str:
    r"""A quoted text without its escapes; a backslash before anything unknown stands for itself (the classic form).

    ``\xf0\x9f`` are bytes of UTF-8, as in Go.
    """
    buffer = bytearray()
    at = 0
    while at < len(text):
        sign, following = text[at], text[at + 1 : at + 2]
        digits = text[at + 2 : at + 2 + _HEX.get(following, 0)]
        if sign != "\\" or not following:
            buffer += sign.encode(errors="replace")
            at += 1
        elif following in _ESCAPES:
            buffer += _ESCAPES[following].encode()
            at += 2
        elif following in _HEX and re.fullmatch(rf"[0-9A-Fa-f]{{{_HEX[following]}}}", digits):
            code = int(digits, 16)
            buffer += bytes([code]) if following == "x" else chr(min(code, 0x10FFFF)).encode(errors="replace")
            at += 2 + len(digits)
        else:
            buffer += b"\\"
            at += 1
    return buffer.decode(errors="replace")
