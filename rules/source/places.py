"""Reads YAML into plain values and remembers where each stood, so that every later problem can name its place.

Knows nothing of rules: bridge.yaml is read by the same function. Values are plain dicts, lists and scalars
(``scalars.py``); keys are always text, as written. Refused, each with its place: a key that stands twice, merge keys
(``<<``), unknown tags, several documents in a file, aliases that hold themselves or unfold without bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final, Literal

import yaml

from rules.source.problems import DocumentPath, Place, Problem, path_text
from rules.source.yaml_builder import Builder, Spot, UnreadableDocument
from rules.source.yaml_errors import find_forbidden_character, place_at, syntax_problem

MAX_FILE_BYTES: Final = 64 * 1024 * 1024


class Places(Mapping[DocumentPath, Place]):
    """The place of every value of a document, by path."""

    def __init__(self, file: str, root: Spot) -> None:
        self.file = file
        self.root = root

    def __getitem__(self, path: DocumentPath) -> Place:
        spot: Spot | None = self.root
        for step in path:
            spot = spot.child(step) if spot is not None else None
        if spot is None:
            raise KeyError(path)
        return Place(self.file, spot.line, spot.column)

    def __iter__(self) -> Iterator[DocumentPath]:
        waiting: list[tuple[DocumentPath, Spot]] = [((), self.root)]
        while waiting:
            path, spot = waiting.pop()
            yield path
            waiting.extend(reversed([((*path, step), child) for step, child in spot.members()]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def find_nearest(self, path: Sequence[str | int]) -> Spot:
        """The spot of a path, or of its nearest ancestor that stands in the file."""
        spot = self.root
        for step in path:
            child = spot.child(step)
            if child is None:
                break
            spot = child
        return spot


@dataclass(frozen=True, slots=True)
class Document:
    """A file as read: its plain ``value`` (None when empty or no YAML), the places of all values, the problems."""

    file: str
    value: Any
    places: Places
    problems: tuple[Problem, ...]

    def place_of(self, path: Sequence[str | int]) -> Place:
        """Where the value at ``path`` stands; if there is none, where its nearest ancestor stands."""
        spot = self.places.find_nearest(path)
        return Place(self.file, spot.line, spot.column)

    def key_place_of(self, path: Sequence[str | int]) -> Place:
        """Where the key of the value at ``path`` stands (for a list item, the item itself)."""
        spot = self.places.find_nearest(path)
        return Place(self.file, spot.key_line, spot.key_column)

    def place_inside(self, path: Sequence[str | int], line: int, column: int = 1) -> Place:
        """Where line ``line`` (from 1) of the text at ``path`` stands, for problems inside a template.

        A block text (``|`` or ``>``) begins in the line below its mark; its columns are those of the text, without
        the indentation of the file. A text in quotes is taken as one line.
        """
        spot = self.places.find_nearest(path)
        if spot.block:
            return Place(self.file, spot.line + line, column)
        return Place(self.file, spot.line, spot.column + spot.quoted + (column - 1 if line == 1 else 0))

    def place_in_key(self, path: Sequence[str | int], column: int) -> Place:
        """Where character ``column`` (from 1) of the key of the value at ``path`` stands."""
        spot = self.places.find_nearest(path)
        return Place(self.file, spot.key_line, spot.key_column + spot.key_quoted + column - 1)

    def problem(
        self, path: Sequence[str | int], text: str, *, at_key: bool = False, kind: Literal["error", "warning"] = "error"
    ) -> Problem:
        """A problem about the value (or the key) at ``path``."""
        place = self.key_place_of(path) if at_key else self.place_of(path)
        return Problem(place, path_text(path), text, kind)


def read_file(path: FilePath, name: str | None = None) -> Document:
    """Read a YAML file; ``name`` is how problems call it (default: the path as given).

    A file that cannot be read, is too large (64 MiB) or is no UTF-8 is a document with that one problem.
    """
    file = name if name is not None else str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return _unread(file, Problem(Place(file), "", f"the file is larger than {MAX_FILE_BYTES >> 20} MiB"))
        content = path.read_bytes()
    except OSError as error:
        return _unread(file, Problem(Place(file), "", f"cannot read the file: {error.strerror or error}"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        words = f"the byte 0x{content[error.start]:02x} is no UTF-8; save the file as UTF-8"
        return _unread(file, Problem(place_at(before, len(before), file), "", words))
    return read_yaml(text, file)


def read_yaml(text: str, file: str) -> Document:
    """Read YAML text; never raises for what stands in it. ``file`` is how problems call it."""
    text = text.removeprefix("\ufeff")
    forbidden = find_forbidden_character(text, file)
    if forbidden is not None:
        return _unread(file, forbidden)
    builder = Builder(text, file)
    try:
        value, root = builder.document()
    except yaml.YAMLError as error:
        problem = syntax_problem(error, text, file)
        known = any(earlier.text == problem.text for earlier in builder.problems)
        return _unread(file, *builder.problems, *(() if known else (problem,)))
    except UnreadableDocument as unusable:
        return _unread(file, unusable.problem, *builder.problems)
    return Document(file, value, Places(file, root), tuple(builder.problems))


def _unread(file: str, *problems: Problem) -> Document:
    return Document(file, None, Places(file, Spot(1, 1)), problems)


def wrap_unplaced(value: Any, file: str) -> Document:
    """A value that comes from no file (from the API, a command line) as a document; every place is ``file:1:1``."""
    return Document(file, value, Places(file, Spot(1, 1)), ())
