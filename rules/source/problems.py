"""What is wrong in a file, and where: the form in which every reader of this project reports it.

A reader never stops at the first problem. It collects ``Problem`` values and raises ``ProblemsFound`` once, so that a
person mends a file in one round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

DocumentPath: TypeAlias = tuple[str | int, ...]
"""Where a value sits in a document: ``("rules", 1, "match")``."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; ``line`` and ``column`` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (or, as a warning, doubtful).

    ``path`` is where it sits in the document, as people write it (``rules[1].match``), or "". ``text`` says what was
    said and what would help, in one line.
    """

    place: Place
    path: str
    text: str
    kind: Literal["error", "warning"] = field(default="error")

    def __str__(self) -> str:
        return as_table([self])


class ProblemsFound(ValueError):
    """A file or several cannot be used; ``problems`` says why, sorted by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sort_problems(problems)
        super().__init__(as_table(self.problems))


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems sorted by place, each told once."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.place, problem.path, problem.text)))


def as_table(problems: Iterable[Problem]) -> str:
    """One line per problem, sorted by place, in three aligned columns: place, path, text.

    A warning's text begins with ``warning: ``. Line breaks within a text become spaces: one problem, one line.
    """
    rows = [(str(problem.place), problem.path, _text(problem)) for problem in sort_problems(problems)]
    place_width = max((len(place) for place, _, _ in rows), default=0)
    path_width = max((len(path) for _, path, _ in rows), default=0)
    gap = "  " if path_width else ""
    return "\n".join(f"{place:<{place_width}}  {path:<{path_width}}{gap}{text}" for place, path, text in rows)


def path_text(path: Sequence[str | int]) -> str:
    """A path as people write it: ``rules[1].match['$.status']``; an empty path is ""."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif step.replace("-", "_").isidentifier():
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"['{step}']")
    return "".join(parts)


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether any of them is an error; warnings alone do not keep a file from being used."""
    return any(problem.kind == "error" for problem in problems)


def _text(problem: Problem) -> str:
    text = " ".join(problem.text.split())
    return f"warning: {text}" if problem.kind == "warning" else text
