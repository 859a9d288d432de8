"""What names in bridge.yaml may look like, and whether what they name is there.

Checked over the whole file, once every section by itself is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bridge.settings.model import MoveTo, ProjectSettings, RemovedDestination
from broker.names import is_name
from rules.source.problems import DocumentPath as DocumentPath
from rules.source.words import suggest

NamedPaths: TypeAlias = Iterator[tuple[DocumentPath, str]]
"""Paths of the file and what is wrong there."""

_OWN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OWN_WORDS: Final = 'letters, digits, "-", "_" and "." only, at most 100 of them'
_AMS_WORDS: Final = 'letters, digits, "-" and "_" only, as in AMS'


def find_bad_names(sections: Mapping[str, Any]) -> NamedPaths:
    """Names that cannot be: of sources, destinations, tables, rotas and calendars, and of what is provisioned."""
    for section in ("sources", "destinations", "tables", "rota", "calendars"):
        yield from _check((section,), sections.get(section), lambda name: bool(_OWN_NAME.fullmatch(name)), _OWN_WORDS)
    projects = sections.get("projects")
    yield from _check(("projects",), projects, is_name, _AMS_WORDS)
    for project, members in projects.items() if isinstance(projects, dict) else ():
        for section in ("topics", "schemas", "subscriptions", "users"):
            within = members.get(section) if isinstance(members, dict) else None
            yield from _check(("projects", project, section), within, is_name, _AMS_WORDS)


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A name of something that is not there: at ``path``, of a ``kind``; ``where`` has only the ``known`` ones."""

    path: DocumentPath
    kind: str
    name: str
    known: tuple[str, ...]
    where: str

    def describe(self, shown: str) -> str:
        """What is wrong, with the name as it may be shown."""
        listed = f"it has: {', '.join(self.known)}" if self.known else "it has none"
        return f'no {self.kind} "{shown}" in {self.where}{suggest(shown, self.known) or ";"} {listed}'


def find_unlinked(project_name: str, project: ProjectSettings) -> Iterator[Unlinked]:
    """What a project's parts name and the project has not."""
    above: DocumentPath = ("projects", project_name)
    where = f"project {project_name}"
    topics, subscriptions = tuple(project.topics), tuple(project.subscriptions)
    asked: list[tuple[DocumentPath, str, str, tuple[str, ...]]] = []
    for name, topic in project.topics.items():
        if topic.schema_name is not None:
            asked.append((("topics", name, "schema"), "schema", topic.schema_name, tuple(project.schemas)))
    for name, subscription in project.subscriptions.items():
        asked.append((("subscriptions", name, "topic"), "topic", subscription.topic, topics))
    for name, user in project.users.items():
        for n, text in enumerate(user.topics):
            asked.append((("users", name, "topics", n), "topic", text, topics))
        for n, text in enumerate(user.subscriptions):
            asked.append((("users", name, "subscriptions", n), "subscription", text, subscriptions))
    for path, kind, name, known in asked:
        if name not in known:
            yield Unlinked((*above, *path), kind, name, known, where)


def find_homeless(removed: Mapping[str, RemovedDestination], destinations: Collection[str]) -> Iterator[Unlinked]:
    """Destinations that go, and whose deliveries are to go where nothing is."""
    for name, going in removed.items():
        if isinstance(going.removed, MoveTo) and going.removed.move_to not in destinations:
            path = ("destinations", name, "removed", "move_to")
            yield Unlinked(path, "destination", going.removed.move_to, tuple(destinations), "bridge.yaml")


def _check(path: DocumentPath, value: Any, is_right: Callable[[str], bool], words: str) -> NamedPaths:
    for name in value if isinstance(value, dict) else ():
        if not is_right(name):
            yield (*path, name), f'"{name}" is no name: {words}'
