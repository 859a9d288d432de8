"""One public class, alias, file or function name means one thing, so that a search for it finds that and nothing else.

A function that is called through its module (``throttle.keep``) shares its name with those of others.

Stand-ins speak the words of the service they stand in for, and the engines of the broker name their files by the part
of the one contract that each fulfils: both are left out.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.house.reading import Function, Source, named, sources

SEVERAL = {
    "alertmanager": "the source of its calls, the reader of its configuration",
    "bot": "one a chat service, in a folder of its name",
    "draw": "a message as a service takes it, in a folder of the service's name",
    "model": "the records of bridge.yaml, of the broker, of the rules",
    "remarks_of": "beside draw: what the service would cut",
    "sizes_of": "beside draw: how large the message is for the service",
    "webhook": "one a service, and the plain one; the source beside them",
}
"""What may stand in several places, at most ten, each with its reason."""


def judged() -> Iterator[Source]:
    yield from (source for source in sources() if "/fakes/" not in source.name)


def names_of(source: Source) -> Iterator[str]:
    for node in source.tree.body:
        match node:
            case (
                ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias"))
            ) if not name.startswith("_"):
                yield name


def test_a_class_or_alias_has_its_name_alone() -> None:
    places = defaultdict(list)
    for source in judged():
        for name in names_of(source):
            places[name].append(source.name)
    found = [f"{name}: {', '.join(at)}" for name, at in places.items() if len(at) > 1 and name not in SEVERAL]
    assert not found, named(found, "Give each thing a name of its own:")


def test_a_file_has_its_name_alone() -> None:
    places = defaultdict(list)
    for source in judged():
        if source.path.name != "__init__.py" and not source.name.startswith("broker/engines/"):
            places[source.path.stem].append(source.name)
    found = [f"{name}: {', '.join(at)}" for name, at in places.items() if len(at) > 1 and name not in SEVERAL]
    assert not found, named(found, "Give each file a name of its own:")


def test_a_function_that_is_imported_by_its_name_has_it_alone() -> None:
    imported = {
        (node.module, alias.name)
        for source in judged()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    places = defaultdict(list)
    for source in judged():
        if not source.name.startswith("broker/engines/"):
            for node in source.tree.body:
                if isinstance(node, Function) and (source.module, node.name) in imported:
                    places[node.name].append(source.name)
    found = [f"{name}: {', '.join(at)}" for name, at in places.items() if len(at) > 1 and name not in SEVERAL]
    assert not found, named(found, "Give each function a name of its own:")


def test_few_names_may_stand_in_several_places() -> None:
    assert len(SEVERAL) <= 10
