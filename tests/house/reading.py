"""Our own source files as syntax trees, for the tests that keep the house."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
PACKAGES = ("bridge", "broker", "rules")

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Source:
    """One file of our packages."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path as written from the root: ``broker/store.py``."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """The name by which it is imported: ``broker.store``."""
        return self.name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


@dataclass(frozen=True, slots=True)
class Defined:
    """A class or function, with the names of what it is defined in: ``broker/store.py:Store.append``."""

    source: Source
    node: Definition
    names: tuple[str, ...]
    inside: tuple[Definition, ...]

    @property
    def name(self) -> str:
        """Where it stands, without a line number, so that a list of names outlives edits."""
        return f"{self.source.name}:{'.'.join(self.names)}"

    @property
    def is_public(self) -> bool:
        """Whether others may use it: neither it nor what holds it is private, and no function holds it."""
        held_by_function = any(not isinstance(holder, ast.ClassDef) for holder in self.inside)
        return not held_by_function and not any(name.startswith("_") for name in self.names)


def named(offenders: Iterable[str], remedy: str) -> str:
    """What a failing house test says: what to do, then every offender on a line of its own."""
    return "\n".join([remedy, *(f"  {offender}" for offender in sorted(offenders))])


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of our packages; read and parsed once."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    texts = [(path, path.read_text()) for path in paths]
    return tuple(Source(path, text, ast.parse(text, str(path))) for path, text in texts)


def definitions(source: Source) -> Iterator[Defined]:
    """Every class and function of a file, nested ones included."""
    return _below(source, source.tree, (), ())


def _below(source: Source, node: ast.AST, names: tuple[str, ...], inside: tuple[Definition, ...]) -> Iterator[Defined]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            path = (*names, child.name)
            yield Defined(source, child, path, inside)
            yield from _below(source, child, path, (*inside, child))
        else:
            yield from _below(source, child, names, inside)
