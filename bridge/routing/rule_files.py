"""The rule set that the files say, and the last good one that the store keeps.

Every rule set that came into force is kept in the catalog by its version: a daemon with bad files starts with the
last good rules (semantics.md item 18) and told incidents are judged by the rules that told them (item 16).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from bridge.routing.active_config import CURRENT
from bridge.routing.calendar_copies import KnownCopies, shelve_calendars
from bridge.routing.rule_versions import ChangedBy, put_current, put_held, put_rule_set
from bridge.settings.model import MoveTo, Settings
from broker.broker import Broker
from broker.clock import SystemClock
from broker.conflicts import retry_on_conflict
from broker.errors import VersionMoved
from broker.records import Project, RuleSetRecord, Schema, ServiceNote, Topic
from rules.language.read import read_rules_folder, rebuild
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.ruleset import RuleSet
from rules.source.places import read_file
from rules.source.problems import ProblemsFound


def world_of(
    settings: Settings,
    config: Path | None,
    facts: Mapping[str, DestinationFacts],
    broker: Broker | None,
    shelved: KnownCopies | None = None,
) -> World:
    """What rules may refer to: destinations, intervals, tables, and what the broker knows of topics and schemas.

    ``shelved`` are the calendars, for whoever has read them already.
    """
    shelved = shelved or read_calendars(settings, config, broker)
    decode = {
        f"projects/{project_name}/topics/{topic_name}": topic.decode
        for project_name, project in settings.projects.items()
        for topic_name, topic in project.topics.items()
    }
    topics = set(decode)
    schemas: dict[str, object] = {}
    if broker is not None:
        for topic in broker.cache.list_all(Topic):
            project = broker.cache.find_by_uid(Project, topic.project_uid)
            if project is not None:
                name = f"projects/{project.name}/topics/{topic.name}"
                topics.add(name)
                decode.setdefault(name, topic.decode)
        schemas = {schema.name: schema.definition for schema in broker.cache.list_all(Schema) if schema.type == "avro"}
    schemas |= _schemas_of(settings)
    return World(
        destinations=dict(facts),
        intervals=settings.intervals,
        tables=settings.tables,
        rota=settings.rota,
        calendars=tuple(settings.calendars),
        shelf=shelved.shelf,
        shelf_problems=shelved.problems,
        template_folder=settings.templates if settings.templates.is_dir() else None,
        decode={name: text for name, text in decode.items() if text != "auto"},
        schemas=schemas,
        topics=frozenset(topics),
        settings=read_file(config) if config is not None else None,
        gone={
            name: going.removed.move_to if isinstance(going.removed, MoveTo) else ""
            for name, going in settings.removed.items()
        },
    )


def read_calendars(settings: Settings, config: Path | None, broker: Broker | None) -> KnownCopies:
    """What is known of the calendars of the settings. Reading a large one takes a second."""
    now_us = (broker.clock if broker is not None else SystemClock()).wall_us()
    return shelve_calendars(settings.calendars, broker, now_us, str(config or "bridge.yaml"))


def _schemas_of(settings: Settings) -> dict[str, object]:
    """The Avro schemas that the settings provision, for whoever reads rules before that is done.

    A file that cannot be read is told where it is provisioned.
    """
    schemas: dict[str, object] = {}
    for project in settings.projects.values():
        for name, schema in project.schemas.items():
            if schema.type == "avro":
                with suppress(OSError, ValueError, RecursionError):
                    schemas[name] = msgspec.json.decode(schema.file.read_bytes())
    return schemas


def rules_of(settings: Settings, world: World) -> RuleSet:
    """The rule set of the files. Raises ProblemsFound with everything that is wrong."""
    paths = settings.rules if isinstance(settings.rules, tuple) else (settings.rules,)
    return read_rules_folder(paths, world)


async def keep(broker: Broker, rule_set: RuleSet, who: str = "", how: ChangedBy = "start") -> int:
    """Keep the rule set as the current one; returns when it came into force (earlier, if it was current already).

    Nothing is held back any more. Raises StoreUnavailable, OutcomeUnknown.
    """
    step = partial(_keep, broker, rule_set, who, how)
    return await retry_on_conflict(step, what="which rules are current", on=VersionMoved)


async def _keep(broker: Broker, rule_set: RuleSet, who: str, how: ChangedBy) -> int:
    note = broker.cache.find(ServiceNote, CURRENT)
    if note is not None and note.value == rule_set.version:
        if released := put_held(broker, None):
            await broker.cache.write(released)
        return note.modified_us
    now_us = broker.clock.wall_us()
    changes = put_rule_set(broker, rule_set) + put_current(broker, rule_set.version, who, how) + put_held(broker, None)
    await broker.cache.write(changes)
    return now_us


def load_last_good(broker: Broker, world: World) -> tuple[RuleSet, int] | None:
    """The rule set that was current last, with the time it came into force; None when there never was one."""
    note = broker.cache.find(ServiceNote, CURRENT)
    record = broker.cache.find(RuleSetRecord, note.value) if note is not None else None
    if note is None or record is None:
        return None
    try:
        return rebuild(record.sources, world), note.modified_us
    except (ProblemsFound, ValueError):
        return None
