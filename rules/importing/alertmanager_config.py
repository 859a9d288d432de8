"""A foreign configuration as a tree that is asked key by key, with what could not be kept noted at its place.

What keeps the file from being read at all is a problem; what is read and has no counterpart here is a remark. Both are
``Problem`` records, so that they are shown alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rules.importing.foreign_system import ALERTMANAGER, ForeignSystem
from rules.language.form import describe_value
from rules.source.places import Document
from rules.source.problems import DocumentPath, Place, Problem

_FILLED_IN: Final = re.compile(r"\$\{[A-Za-z_]|\{\{|<%|\{%")


@dataclass(frozen=True, slots=True)
class Config:
    """The document, whose it is, and what was found to say about it."""

    document: Document
    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)
    system: ForeignSystem = ALERTMANAGER
    unknown: frozenset[DocumentPath] = frozenset()
    """Receivers of which the file knows only the name; who they tell is not known."""

    def at(self, path: DocumentPath) -> Any:
        """The plain value at a path, None when it is not there."""
        value = self.document.value
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def place(self, path: DocumentPath) -> Place:
        """Where the value at a path stands."""
        return self.document.place_of(path)

    def report(self, path: DocumentPath, text: str) -> None:
        """Note what keeps the file from being converted; a value that others fill in is told as that."""
        value = self.at(path)
        if isinstance(value, str) and _FILLED_IN.search(value):
            text = f'"{value}" is filled in by another program (envsubst, Helm, Ansible); convert what it gives'
        self.problems.append(self.document.problem(path, text))

    def remark(self, path: DocumentPath, text: str) -> None:
        """Note what will not be as it was."""
        self.remarks.append(self.document.problem(path, text, kind="warning"))

    def text(self, path: DocumentPath, default: str = "") -> str:
        """The text at a path, spelled as it is written."""
        value = self.at(path)
        if value is None:
            return default
        if isinstance(value, dict | list):
            self.report(path, f"a text is wanted, not {describe_value(value)}")
            return default
        return str(value)

    def flag(self, path: DocumentPath, *, default: bool) -> bool:
        """The truth at a path; YAML 1.1's words for it are understood."""
        text = self.text(path).lower()
        if text in ("true", "yes", "on", "y"):
            return True
        if text in ("false", "no", "off", "n"):
            return False
        if text:
            self.report(path, f'true or false is wanted, not "{text}"')
        return default

    def texts(self, path: DocumentPath) -> list[str]:
        """The list of texts at a path."""
        return [self.text(inner) for inner in self.items(path)]

    def items(self, path: DocumentPath) -> list[DocumentPath]:
        """The paths of a list's members."""
        value = self.at(path)
        if value is None:
            return []
        if not isinstance(value, list):
            hint = f"; write ['{value}']" if isinstance(value, str) else ""
            self.report(path, f"a list is wanted, not {describe_value(value)}{hint}")
            return []
        return [(*path, n) for n in range(len(value))]

    def keys(self, path: DocumentPath) -> list[str]:
        """The keys of the mapping at a path."""
        value = self.at(path)
        if value is None:
            return []
        if not isinstance(value, dict):
            self.report(path, f"a mapping is wanted, not {describe_value(value)}")
            return []
        return list(value)

    def others(self, path: DocumentPath, known: Collection[str]) -> Iterator[str]:
        """The keys of a mapping that are not ``known`` and hold something."""
        for key in self.keys(path):
            if key not in known and self.at((*path, key)) not in (None, "", [], {}):
                yield key
