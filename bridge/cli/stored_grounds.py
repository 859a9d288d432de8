"""What the daemon would answer of a stored message, read from the store that it left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec

from bridge.app.settings_facts import facts_of_settings
from bridge.cli.command_context import Context
from bridge.cli.history import History, open_history
from bridge.cli.loading import destinations_of, world_for
from bridge.cli.output import BadConfiguration, Failed
from bridge.cli.problem_listing import as_lines
from bridge.cli.setup import settings_without_secrets
from bridge.destinations.base import Destination
from bridge.operate.bundle import Bundle
from bridge.operate.bundle_making import BundleGrounds, make_bundle
from bridge.operate.explain_message import Grounds, explain_stored, no_such_message
from bridge.operate.operator_errors import OperateError
from bridge.routing.active_config import ActiveConfig
from bridge.routing.routers import full_names
from bridge.routing.rule_files import load_last_good, rules_of
from bridge.settings.model import Settings
from rules.source.problems import ProblemsFound
from rules.source.words import suggest_of


@dataclass(frozen=True, slots=True)
class StoredGrounds:
    """The settings, the open store, and what an explanation rests on."""

    settings: Settings
    history: History
    grounds: Grounds


def message_from_store(context: Context, topic: str, offset: int) -> Any:
    """What the daemon would explain of a message. Raises Failed."""
    with _open_grounds(context) as stored:
        names = stored.grounds.names
        uid = next((uid for uid, name in names.items() if name == topic), None)
        if uid is None:
            raise Failed(f"there is no topic {topic}{suggest_of(topic, names.values(), 'topics')}")
        explanation = stored.history.run(explain_stored(stored.grounds, uid, offset))
        if explanation is None:
            raise Failed(no_such_message(topic, offset))
        return msgspec.to_builtins(explanation, enc_hook=str)


def bundle_from_store(context: Context, subject: str) -> Bundle:
    """The bundle that the daemon would make. Raises Failed."""
    with _open_grounds(context) as stored:
        on = BundleGrounds(
            stored.grounds, stored.history.broker, facts_of_settings(stored.settings), version("ams-bridge")
        )
        try:
            return stored.history.run(make_bundle(on, subject))
        except OperateError as error:
            raise Failed(str(error)) from error


@contextmanager
def open_destinations(settings: Settings) -> Iterator[dict[str, Destination]]:
    """The destinations, to ask what they would be sent; nothing is."""

    async def close() -> None:
        for destination in built.values():
            await destination.close()

    built = destinations_of(settings)
    try:
        yield built
    finally:
        asyncio.run(close())


@contextmanager
def _open_grounds(context: Context) -> Iterator[StoredGrounds]:
    settings = settings_without_secrets(context).settings
    with open_history(settings) as history, open_destinations(settings) as destinations:
        names = {uid: name for uid, (name, _) in full_names(history.broker).items()}
        in_force = _in_force(context, settings, history, destinations)
        yield StoredGrounds(settings, history, Grounds(history.store, in_force, destinations, names, history.now_us))


def _in_force(
    context: Context, settings: Settings, history: History, destinations: Mapping[str, Destination]
) -> ActiveConfig:
    """The rules and silences that the daemon would run with: the last good rules of the store, else the files'."""
    world = world_for(
        context, settings, {name: destination.facts for name, destination in destinations.items()}, history.broker
    )
    kept = load_last_good(history.broker, world)
    try:
        in_force = ActiveConfig(kept[0] if kept is not None else rules_of(settings, world), 0)
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error
    in_force.take_silences(history.broker.cache)
    return in_force
