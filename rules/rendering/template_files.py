"""Template files: found, read and compiled once, when the rules are loaded; shipped ones when a rule names them.

The user's folder comes first, the shipped templates behind it; a file of the user's takes the place of a shipped one of
the same name, also where other templates include it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from typing import Any, Final

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from rules.rendering.environment import Shelved, Templates
from rules.rendering.template_check import Flaw, Nodes, flaw_of, flaws, own_names, parse, references, walk_template
from rules.source.problems import Place, Problem

SHIPPED: Final = FilePath(__file__).parents[2] / "templates" / "messages"
SUFFIX: Final = ".md.j2"
MAX_FILE_BYTES: Final = 1024 * 1024
_REFERRING: Final = re.compile(r"{%-?\s*(?:include|import|from|extends)\b\s*(?:'([^']*)')?")


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A template file as read. ``file`` is how problems call it."""

    name: str
    file: str
    text: str


def read_templates(
    folder: FilePath | None, tables: Mapping[str, Any] | None = None, *, shipped: FilePath = SHIPPED
) -> tuple[Templates, tuple[Problem, ...]]:
    """The environment with all template files of the user's ``folder`` and the shipped ones, and their problems."""
    sources, problems = read_template_sources(folder, shipped=shipped)
    environment = Templates(tables)
    return environment, (*problems, *shelve(environment, sources))


def shelve(
    environment: Templates, sources: Iterable[TemplateSource], *, later: Container[str] = ()
) -> tuple[Problem, ...]:
    """Compile template files into ``environment``. One with a problem is named ``unusable`` there.

    Those in ``later`` are compiled when a rule or a template first names them; they must be without problems and refer
    to no others.
    """
    problems: list[Problem] = []
    trees: dict[str, tuple[TemplateSource, nodes.Template]] = {}
    for source in sources:
        if source.name in later:
            environment.later[source.name] = partial(shelve, environment, [source])
            continue
        tree = parse(source.text, environment, source.name)
        if isinstance(tree, Flaw):
            problems.extend(_refuse(environment, source, [tree]))
        else:
            trees[source.name] = (source, tree)
    names = trees.keys() | environment.file_names
    for source, tree in trees.values():
        walked = walk_template(tree)
        faults = flaws(walked, source.text, environment.tables, names, environment.rotas.rotas)
        if faults:
            problems.extend(_refuse(environment, source, faults))
        else:
            problems.extend(_keep(environment, source, tree, walked))
    for name in sorted(environment.shelved):
        way = _way_back(name, environment.shelved)
        if way is not None:
            source = trees[name][0]
            problems.extend(_refuse(environment, source, [Flaw(1, 1, f"includes itself: {' > '.join(way)}")]))
    return tuple(problems)


def find_unasked(sources: Iterable[TemplateSource]) -> frozenset[str]:
    """The shipped templates among these, which are known to be right, that can wait until somebody names them.

    One that refers to a template of the user's is compiled at once with all others: what that refers to is unknown.
    Compiling all of them takes 0.1 s, and a daemon needs one or two.
    """
    waiting = {
        template_source.name: template_source.text
        for template_source in sources
        if FilePath(template_source.file).is_relative_to(SHIPPED)
    }
    while theirs := [name for name, text in waiting.items() if not _references_in(text) <= waiting.keys()]:
        for name in theirs:
            del waiting[name]
    return frozenset(waiting)


def _references_in(text: str) -> frozenset[str]:
    """The templates that a shipped one refers to; "", which none is called, for one that is found out when it runs."""
    return frozenset(_REFERRING.findall(text))


def _keep(environment: Templates, source: TemplateSource, tree: nodes.Template, walked: Nodes) -> list[Problem]:
    referred, own = references(walked), own_names(walked)
    try:
        template, outer = environment.build(tree, source.name, source.file)
    except TemplateSyntaxError as error:
        return _refuse(environment, source, [flaw_of(error, source.text)])
    environment.shelf[source.name] = template
    environment.shelved[source.name] = Shelved(source.file, source.text, walked, outer - own, referred)
    return []


def _refuse(environment: Templates, source: TemplateSource, faults: Iterable[Flaw]) -> list[Problem]:
    environment.unusable.add(source.name)
    environment.shelf.pop(source.name, None)
    return [Problem(Place(source.file, flaw.line, flaw.column), "", flaw.text) for flaw in faults]


def read_template_sources(
    folder: FilePath | None, *, shipped: FilePath = SHIPPED
) -> tuple[list[TemplateSource], list[Problem]]:
    """The template files of the user's ``folder`` and the shipped ones behind it, and what could not be read."""
    by_name: dict[str, TemplateSource] = {}
    problems: list[Problem] = []
    for place in (folder, shipped):
        if place is None or not place.is_dir():
            continue
        for path in sorted(place.rglob("*.j2")):
            name = path.relative_to(place).as_posix().removesuffix(SUFFIX)
            if not path.name.endswith(SUFFIX):
                problems.append(Problem(Place(str(path)), "", f"a template file is named NAME{SUFFIX}", "warning"))
            elif name not in by_name:
                text = _read(path, problems)
                if text is not None:
                    by_name[name] = TemplateSource(name, str(path), text)
    return list(by_name.values()), problems


def _read(path: FilePath, problems: list[Problem]) -> str | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            problems.append(Problem(Place(str(path)), "", f"the template is larger than {MAX_FILE_BYTES >> 20} MiB"))
            return None
        return path.read_text("utf-8-sig")
    except OSError as error:
        problems.append(Problem(Place(str(path)), "", f"cannot read the template: {error.strerror or error}"))
    except UnicodeDecodeError:
        problems.append(Problem(Place(str(path)), "", "the template is not UTF-8; save it as UTF-8"))
    return None


def _way_back(name: str, shelved: Mapping[str, Shelved]) -> list[str] | None:
    """The shortest way of references from a template to itself."""
    ways: list[list[str]] = [[name]]
    seen: set[str] = set()
    for way in ways:
        for target in sorted(shelved[way[-1]].references if way[-1] in shelved else ()):
            if target == name:
                return [*way, name]
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return None
