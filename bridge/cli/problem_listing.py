"""Problems as people read them: one line each, files named from here, and places in colour on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rules.source.problems import Problem, as_table


def as_lines(problems: Iterable[Problem]) -> str:
    """One line per problem: place, path, text, in aligned columns."""
    return as_table([_from_here(problem) for problem in problems])


def as_values(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """The problems for ``--json``."""
    here = [_from_here(problem) for problem in problems]
    return [
        {
            "file": problem.place.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "path": problem.path,
            "text": problem.text,
            "kind": problem.kind,
        }
        for problem in here
    ]


def from_here(file: str) -> str:
    """A file's name from the current folder on, if it lies below it."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else file


def _from_here(problem: Problem) -> Problem:
    return replace(problem, place=replace(problem.place, file=from_here(problem.place.file)))
