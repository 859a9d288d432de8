"""Reading one mapping of a file key by key: what is missing, unknown or of the wrong type becomes a problem.

A reader asks a Form for each key it knows and gets a value of the right type or the default; it goes on after a
problem, so that all of a file's are found in one round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

from rules.source.places import Document
from rules.source.problems import DocumentPath, Problem
from rules.source.words import find_unseen_character, hint, suggest

Read = TypeVar("Read")
_FLAGS: Final = {
    **dict.fromkeys(("true", "yes", "on", "y", "1", "enabled"), "true"),
    **dict.fromkeys(("false", "no", "off", "n", "0", "disabled", "none"), "false"),
}


class Form:
    """A mapping at a path of a document. ``problems`` is shared by all forms of a reading."""

    def __init__(
        self, document: Document, path: DocumentPath, problems: list[Problem], *, what: str, expected: str = ""
    ) -> None:
        self.document = document
        self.path = path
        self.problems = problems
        self.what = what
        self.is_mapping = True
        self.value = value_at(document, path)
        if not isinstance(self.value, dict):
            written = expected or f"{what} must be a mapping of keys to values"
            self.report((), f"{written}, not {describe_value(self.value)}")
            self.value = {}
            self.is_mapping = False

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def report(
        self,
        inner: Sequence[str | int],
        text: str,
        *,
        at_key: bool = False,
        kind: Literal["error", "warning"] = "error",
    ) -> None:
        """Report what is wrong with the value (or the key) at ``inner`` below this mapping."""
        self.problems.append(self.document.problem((*self.path, *inner), text, at_key=at_key, kind=kind))

    def allow_only(
        self,
        known: Collection[str],
        meanings: Mapping[str, str] = MappingProxyType({}),
        elsewhere: Callable[[str], str] = lambda key: "",
    ) -> None:
        """Report every key that is not ``known``; ``meanings`` are what people write for what we call otherwise.

        ``elsewhere`` says of a key where it belongs, or "".
        """
        for key in self.value:
            if key not in known and (unseen := find_unseen_character(key)):
                self.report((key,), f'the key "{key}" holds {unseen}; type an ordinary blank, or nothing', at_key=True)
            elif key not in known and _plainly(key) in known and _plainly(key) != key:
                self.report((key,), f'unknown key "{key}"; did you mean "{_plainly(key)}"?', at_key=True)
            elif key not in known and elsewhere(key):
                self.report((key,), f'"{key}" cannot stand here; {elsewhere(key)}', at_key=True)
            elif key not in known:
                meant = meanings.get(key, "")
                near = f'; did you mean "{meant}"?' if meant else suggest(key, known)
                listed = "" if near and len(known) > 12 else hint(near, f"{self.what} has: {', '.join(known)}")
                self.report((key,), f'unknown key "{key}"{listed or near}', at_key=True)

    def require(self, key: str) -> bool:
        """Whether the key is there; reports it if not (of what is no mapping, that has been said)."""
        if key not in self.value and self.is_mapping:
            self.report((), f"{self.what} needs {key}:")
        return key in self.value

    def text(self, key: str, default: str = "") -> str:
        """The text under a key; numbers and booleans are not turned into one, so that nothing is read otherwise."""
        return self._type(key, str, "a text", default)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """The truth under a key: true or false."""
        return self._type(key, bool, "true or false", default)

    def count(self, key: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        """The whole number under a key, within bounds."""
        value = self._type(key, int, "a whole number", default)
        if value < least or (most is not None and value > most):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            self.report((key,), f"{key} must be {bounds}, not {value}")
            return default
        return value

    def read(self, key: str, reader: Callable[[Any], Read], default: Read) -> Read:
        """Whatever ``reader`` makes of the value; its ValueError is the problem."""
        if key not in self.value:
            return default
        try:
            return reader(self.value[key])
        except ValueError as error:
            self.report((key,), str(error))
            return default

    def choice(self, key: str, known: Sequence[str], default: str) -> str:
        """The word under a key, one of a few."""
        text = self.text(key, default)
        if text in known:
            return text
        listed = hint(suggest(text, known), f"there are: {', '.join(known)}")
        self.report((key,), f'unknown {key} "{text}"{listed}')
        return default

    def texts(self, key: str) -> list[tuple[DocumentPath, str]]:
        """The text or list of texts under a key, each with its path below this mapping."""
        if key not in self.value:
            return []
        value = self.value[key]
        if isinstance(value, str):
            return [((key,), value)]
        if isinstance(value, list) and value:
            pairs: list[tuple[DocumentPath, str]] = []
            for n, member in enumerate(value):
                if isinstance(member, str):
                    pairs.append(((key, n), member))
                else:
                    self.report((key, n), f"expected a text, not {describe_value(member)}")
            return pairs
        self.report((key,), f"{key} must be a text or a list of texts, not {describe_value(value)}")
        return []

    def forms(self, key: str, what: str) -> list[Form]:
        """The list of mappings under a key."""
        if key not in self.value:
            return []
        value = self.value[key]
        if not isinstance(value, list):
            self.report((key,), f"{key} must be a list, not {describe_value(value)}{_list_meant(key, value)}")
            return []
        return [self.form((key, n), what) for n in range(len(value))]

    def form(self, inner: Sequence[str | int], what: str, expected: str = "") -> Form:
        """The mapping at ``inner`` below this one; ``expected`` says what must stand there in words of its own."""
        return Form(self.document, (*self.path, *inner), self.problems, what=what, expected=expected)

    def _type(self, key: str, wanted: type[Read], called_so: str, default: Read) -> Read:
        if key not in self.value:
            return default
        value = self.value[key]
        if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
            return value
        self.report((key,), f"{key} must be {called_so}, not {describe_value(value)}{_flag_meant(wanted, value)}")
        return default


def _list_meant(key: str, value: Any) -> str:
    """How a list begins that somebody wrote otherwise."""
    if key == "expect":
        return "; write [{to: NAME}], or [] if nothing may be sent"
    return '; begin each with "- "' if isinstance(value, dict) else ""


def _flag_meant(wanted: type, value: Any) -> str:
    """What somebody who wrote ``yes`` meant."""
    word = _FLAGS.get(str(value).lower()) if wanted is bool and not isinstance(value, dict | list) else None
    return f"; write {word}" if word else ""


def _plainly(key: str) -> str:
    """A key in our spelling: ``forEach`` and ``for-each`` are ``for_each``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.strip()).replace("-", "_").lower()


def value_at(document: Document, path: DocumentPath) -> Any:
    """The plain value at a path that exists."""
    value = document.value
    for step in path:
        value = value[step]
    return value


def describe_value(value: Any) -> str:
    """What a plain value is called in an error text."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return f'the text "{value if len(value) <= 40 else value[:39] + "…"}"'
        case _:
            return f"the number {value}"
