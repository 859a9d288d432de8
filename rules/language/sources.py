"""All texts a rule set is made of, as one value: what its version is the hash of, and what it is built again from.

Rules, templates, tables, intervals, rotas, decode settings and schemas (semantics.md item 17). Destinations are not
part of it: a rule set of an older version is built against the destinations of today.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import msgspec

from rules.events.calendars import CalendarShelf
from rules.language.tables import read_tables
from rules.model import DestinationFacts
from rules.rendering.template_files import SHIPPED, TemplateSource, read_template_sources
from rules.source.places import Document
from rules.source.problems import Problem


@dataclass(frozen=True, slots=True)
class World:
    """What a rule set may refer to, as plain values.

    ``intervals`` and ``rota`` are as written in bridge.yaml, and ``settings`` that file, for the places of what is
    wrong with them; ``calendars`` are the names that they may refer to, ``shelf`` what was last read of them, and
    ``shelf_problems`` what of it could not be. ``decode`` is by full topic name; ``schemas`` are Avro definitions by
    name; ``topics`` are the topics that exist, empty when nobody knows. ``gone`` are destinations that were taken away:
    the one that takes their posts, or "" when nobody does.
    """

    destinations: Mapping[str, DestinationFacts] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, FilePath] = field(default_factory=dict)
    rota: Mapping[str, Any] = field(default_factory=dict)
    calendars: tuple[str, ...] = ()
    shelf: CalendarShelf = field(default_factory=CalendarShelf)
    shelf_problems: tuple[Problem, ...] = ()
    template_folder: FilePath | None = None
    shipped_templates: FilePath = SHIPPED
    decode: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, Any] = field(default_factory=dict)
    topics: frozenset[str] = frozenset()
    settings: Document | None = None
    gone: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings_file(self) -> str:
        """How problems call bridge.yaml."""
        return "bridge.yaml" if self.settings is None else self.settings.file


class SourceFile(msgspec.Struct, frozen=True, array_like=True):
    """A rule file or template as read. ``file`` is how problems call it."""

    name: str
    file: str
    text: str


class Sources(msgspec.Struct, frozen=True):
    """The texts of a rule set, in the order in which they are read."""

    files: list[SourceFile]
    templates: list[SourceFile]
    tables: dict[str, Any]
    intervals: dict[str, Any]
    decode: dict[str, str]
    schemas: dict[str, Any]
    rota: dict[str, Any] = {}

    @property
    def version(self) -> str:
        """The hash that names the rule set: 16 hex digits. Where the files lie does not matter, only what they say."""
        parts = (
            [(file.name, file.text) for file in self.files],
            [(template.name, template.text) for template in self.templates],
            (self.tables, self.intervals, self.decode, self.schemas, *([self.rota] if self.rota else [])),
        )
        return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]

    def to_bytes(self) -> bytes:
        """The sources to keep; ``sources_from_bytes`` reads them."""
        return zlib.compress(msgspec.json.encode(self))


def sources_from_bytes(body: bytes) -> Sources:
    """The sources that ``to_bytes`` wrote. Raises ValueError for anything else."""
    try:
        return msgspec.json.decode(zlib.decompress(body), type=Sources)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"these are no sources of a rule set: {error}") from error


def gather(files: Mapping[str, str] | list[tuple[str, str]], world: World, problems: list[Problem]) -> Sources:
    """Read templates and tables, and put all texts together. What cannot be read is added to ``problems``."""
    named = list(files.items()) if isinstance(files, Mapping) else files
    templates, unreadable = read_template_sources(world.template_folder, shipped=world.shipped_templates)
    problems.extend(unreadable)
    tables, not_read = read_tables(world.tables)
    problems.extend((*not_read, *world.shelf_problems))
    return Sources(
        files=[SourceFile(FilePath(name).name, name, text) for name, text in named],
        templates=[SourceFile(template.name, template.file, template.text) for template in templates],
        tables={name: tables.get(name, {}) for name in world.tables},  # one with problems is no unknown one
        intervals=dict(world.intervals),
        decode=dict(world.decode),
        schemas=dict(world.schemas),
        rota=dict(world.rota),
    )


def template_sources(sources: Sources) -> list[TemplateSource]:
    """The templates in the form in which they are compiled."""
    return [TemplateSource(template.name, template.file, template.text) for template in sources.templates]
