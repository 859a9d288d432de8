"""Rules of the files, for commands that need no daemon: ``check`` and ``rules ...``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.cli.command_context import Context
from bridge.cli.output import BadConfiguration
from bridge.cli.problem_listing import as_lines
from bridge.cli.setup import settings_without_secrets
from bridge.destinations.base import Destination
from bridge.destinations.destination_kinds import KINDS, Tools
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.topic import TopicPublisher
from bridge.routing.rule_files import rules_of, world_of
from bridge.settings.model import Settings
from broker.broker import Broker
from broker.clock import SystemClock
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.ruleset import RuleSet
from rules.source.problems import ProblemsFound


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and compiled rules as the files have them."""

    settings: Settings
    rule_set: RuleSet


def destinations_of(settings: Settings, topics: TopicPublisher | None = None) -> dict[str, Destination]:
    """The destinations of the settings, built and not at work; close them. ``topics`` says which topics there are."""
    tools = Tools(SystemClock(), make_client, topics=topics)
    return {name: KINDS[config.type].build(name, config, tools) for name, config in settings.destinations.items()}


async def facts_of(settings: Settings) -> dict[str, DestinationFacts]:
    """What rules may know of the destinations."""
    built = destinations_of(settings)
    for destination in built.values():
        await destination.close()
    return {name: destination.facts for name, destination in built.items()}


async def load_rules(context: Context) -> Loaded:
    """Settings and rules, without need of secrets. Raises BadConfiguration with every problem of either."""
    settings = settings_without_secrets(context).settings
    try:
        return Loaded(settings, rule_set_of(context, settings, await facts_of(settings)))
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error


def facts_now(settings: Settings) -> dict[str, DestinationFacts]:
    """What rules may know of the destinations, for a caller without an event loop."""
    return asyncio.run(facts_of(settings))


def world_for(
    context: Context, settings: Settings, facts: Mapping[str, DestinationFacts], broker: Broker | None = None
) -> World:
    """What the rules of the files may refer to; with a broker, also topics and schemas that exist."""
    return world_of(settings, context.config_path(), facts, broker)


def rule_set_of(
    context: Context, settings: Settings, facts: Mapping[str, DestinationFacts], broker: Broker | None = None
) -> RuleSet:
    """The rule set of the files. Raises ProblemsFound."""
    return rules_of(settings, world_for(context, settings, facts, broker))
