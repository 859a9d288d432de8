"""``make map``: the rooms of the code by layer, what each holds, and which of the rooms below it each imports."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import grimp

from tests.house.reading import ROOT

PACKAGES = ("bridge", "rules")


@dataclass(frozen=True)
class Room:
    """A folder or a lone file of a package: its docstring's first sentence, and the rooms it imports."""

    name: str
    about: str
    uses: tuple[str, ...]


def layers_of(package: str) -> list[list[str]]:
    """The layers of a package, top first, as the import contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one.get("containers") == [package])
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def about(package: str, name: str) -> str:
    """The first sentence that a room says of itself."""
    folder = ROOT / package / name
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{path} says nothing of itself"
    return docstring.split("\n\n")[0].replace("\n", " ")


def rooms_of(package: str, graph: grimp.ImportGraph) -> Iterator[list[Room]]:
    """The rooms of a package, a list a layer, top first."""
    layers = layers_of(package)
    names = [name for layer in layers for name in layer]
    inside = {name: graph.find_descendants(f"{package}.{name}") | {f"{package}.{name}"} for name in names}
    for layer in layers:
        yield [
            Room(
                name,
                about(package, name),
                tuple(
                    other
                    for other in names
                    if other != name
                    and any(graph.find_modules_directly_imported_by(module) & inside[other] for module in inside[name])
                ),
            )
            for name in layer
        ]


def lines() -> Iterator[str]:
    """The whole map, line by line."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    for package in PACKAGES:
        yield f"{package}/"
        for layer in rooms_of(package, graph):
            for room in layer:
                yield f"  {room.name:<13} {room.about}"
                yield f"  {'':<13}   imports {', '.join(room.uses) or 'no other room'}"
        yield ""


def tables() -> Iterator[str]:
    """The rooms as tables of Markdown, for docs/architecture.md."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    for package in PACKAGES:
        yield ""
        yield f"| `{package}/` | Holds | Imports |"
        yield "|---|---|---|"
        for layer in rooms_of(package, graph):
            for room in layer:
                yield f"| `{room.name}` | {room.about} | {', '.join(room.uses) or 'no other room'} |"
    yield ""


if __name__ == "__main__":
    for line in tables() if "--markdown" in sys.argv else lines():
        sys.stdout.write(f"{line}\n")
