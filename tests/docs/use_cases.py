"""What docs/use-cases.md shows of each example, made from the example itself: its picture, settings and commands.

``python -m tests.docs.use_cases`` writes them anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from tests.house.reading import ROOT

PAGE = ROOT / "docs" / "use-cases.md"
_BETWEEN = re.compile(r"(<!-- (picture|settings|commands) of ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass
class _Picture:
    """Nodes and arrows of a Mermaid flowchart; what is drawn twice is there once."""

    nodes: dict[str, str] = field(default_factory=dict)
    arrows: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add_node(self, kind: str, name: str, shape: str) -> str:
        """A node; ``shape`` is how Mermaid draws it, with ``%`` for its name."""
        node = f"{kind}_{re.sub(r'[^A-Za-z0-9]', '_', name)}"
        self.nodes[node] = shape.replace("%", f'"{name}"')
        return node

    def add_arrow(self, begin: str, end: str, said: str) -> None:
        """An arrow; between the same two nodes there is one, with all that is said of it."""
        told = self.arrows.setdefault((begin, end), [])
        if said not in told:
            told.append(said)

    def draw(self) -> str:
        """The picture as a block of a page."""
        lines = ["```mermaid", "flowchart LR"]
        lines += [f"    {node}{shape}" for node, shape in self.nodes.items()]
        lines += [f'    {begin} -- "{"<br>".join(said)}" --> {end}' for (begin, end), said in self.arrows.items()]
        return "\n".join([*lines, "```", ""])


def settings_of(example: str) -> dict[str, Any]:
    """The settings of an example, as they stand in its file."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "examples" / example / "bridge.yaml").read_text())
    return read


def sends_of(example: str) -> Iterator[tuple[str, str, str]]:
    """Topic, rule and destination of each send of an example; globs of topics are spelled out."""
    projects = settings_of(example)["projects"].items()
    known = [f"projects/{project}/topics/{topic}" for project, held in projects for topic in held.get("topics", {})]
    for file in sorted((ROOT / "examples" / example / "rules.d").glob("*.yaml")):
        read = yaml.safe_load(file.read_text())
        for rule in read.get("rules", []):
            topics = rule.get("topic", read.get("topic", ()))
            sends = rule.get("send", [])
            heard = [topics] if isinstance(topics, str) else topics
            for topic in (one for one in known if any(fnmatchcase(one, glob) for glob in heard)):
                for send in sends if isinstance(sends, list) else [sends]:
                    yield topic, rule["name"], send["to"] if isinstance(send, Mapping) else send


def draw_picture(example: str) -> str:
    """Who publishes what, which rule sends it where, and who reads it."""
    settings, picture = settings_of(example), _Picture()
    projects = settings["projects"]
    for project, held in projects.items():
        for user, one in held.get("users", {}).items():
            for topic in one.get("topics", []):
                picture.add_arrow(_person(picture, user), _topic(picture, project, topic), "publishes")
    for name, source in settings.get("sources", {}).items():
        begin = picture.add_node("source", f"{name}: {source['type']}", "[/%/]")
        picture.add_arrow(begin, _topic_named(picture, source["topic"]), "comes in")
    for topic, rule, to in sends_of(example):
        end = _destination(picture, to, settings["destinations"][to])
        picture.add_arrow(_topic_named(picture, topic), end, rule)
    for project, held in projects.items():
        for name, subscription in held.get("subscriptions", {}).items():
            begin = _topic(picture, project, subscription["topic"])
            if "push" in subscription:
                picture.add_arrow(begin, picture.add_node("push", f"{name}: push", "{{%}}"), "pushes")
                continue
            users = held.get("users", {}).items()
            readers = [user for user, one in users if name in one.get("subscriptions", [])]
            for reader in readers or ["who pulls"]:
                picture.add_arrow(begin, _person(picture, reader), name)
    return picture.draw()


def _person(picture: _Picture, name: str) -> str:
    return picture.add_node("client", name, "([%])")


def _topic(picture: _Picture, project: str, topic: str) -> str:
    return picture.add_node("topic", f"{project}/{topic}", "[(%)]")


def _topic_named(picture: _Picture, full: str) -> str:
    _, project, _, topic = full.split("/")
    return _topic(picture, project, topic)


def _destination(picture: _Picture, name: str, settings: Mapping[str, Any]) -> str:
    if settings["type"] != "topic":
        return picture.add_node("to", f"{name}: {settings['type']}", "{{%}}")
    if "topics" in settings:
        project = settings["topic"].split("/")[1]
        return picture.add_node("topic", f"{project}/{settings['topics']}", "[(%)]")
    return _topic_named(picture, settings["topic"])


def list_settings(example: str) -> str:
    """What the settings hold, a line a kind."""
    settings = settings_of(example)
    rows = []
    for project, held in settings["projects"].items():
        rows += [
            (f"{kind} of {project}", ", ".join(f"`{name}`" for name in held[kind]))
            for kind in ("topics", "schemas", "subscriptions", "users")
            if held.get(kind)
        ]
    for kind in ("sources", "destinations"):
        named = [f"`{name}` ({one['type']})" for name, one in settings.get(kind, {}).items()]
        rows += [(kind, ", ".join(named))] if named else []
    rows.append(("rules", ", ".join(dict.fromkeys(f"`{rule}`" for _, rule, _ in sends_of(example)))))
    lines = ["| In `bridge.yaml` and `rules.d/` | |", "|---|---|", *(f"| {kind} | {names} |" for kind, names in rows)]
    return "\n".join([*lines, ""])


def list_commands(example: str) -> str:
    """What the example's page says to type."""
    page = ROOT / "examples" / example / "README.md"
    found = _SHELL.search(page.read_text())
    assert found is not None, page
    return f"```sh\ncd examples/{example}\n{found[1]}```\n"


_MAKERS = {"picture": draw_picture, "settings": list_settings, "commands": list_commands}


def write_anew(page: str) -> str:
    """The page with everything between its marks as it should be."""
    return _BETWEEN.sub(lambda mark: f"{mark[1]}{_MAKERS[mark[2]](mark[3])}{mark[5]}", page)


def marks_of(page: str) -> list[tuple[str, str]]:
    """What the page shows: (what, of which example)."""
    return [(mark[2], mark[3]) for mark in _BETWEEN.finditer(page)]


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    path.write_text(write_anew(path.read_text()))
