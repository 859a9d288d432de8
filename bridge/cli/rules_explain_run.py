"""``rules explain``: why a message was told, or was not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from bridge.cli.command_context import Context
from bridge.cli.connection import Unreached, connect_client
from bridge.cli.explanation import ExplainScope, tell_explanation, tell_stored
from bridge.cli.history import History, open_history
from bridge.cli.history_options import topic_option
from bridge.cli.loading import destinations_of, load_rules, world_for
from bridge.cli.output import BadConfiguration, Failed
from bridge.cli.problem_listing import as_lines
from bridge.cli.setup import settings_without_secrets
from bridge.cli.timeline import parse_recorded, require_one_topic
from bridge.cli.typed import parse_named_values
from bridge.destinations.base import Destination
from bridge.operate.explain_message import Grounds, explain_stored, no_such_message
from bridge.operate.explain_views import explanation_view
from bridge.routing.active_config import ActiveConfig
from bridge.routing.routers import full_names
from bridge.routing.rule_files import load_last_good, rules_of
from bridge.settings.model import Settings
from broker.clock import SystemClock
from rules.deciding.batch_state import ABSENT
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.model import Incoming
from rules.source.problems import ProblemsFound
from rules.source.words import suggest_of
from rules.workbench.explain import explain as explain_message

_STORED = re.compile(r"[A-Za-z0-9_/-]+:\d+")


def run_explain(
    context: Context,
    /,
    message: str,
    topic: str | None,
    attributes: Sequence[str],
    rules: tuple[str, ...],
    *,
    brief: bool,
) -> None:
    """Tell what each rule makes of a message."""
    output = context.output
    if _STORED.fullmatch(message) and not Path(message).exists():
        answer = _fetch_message(context, message)
        explanation = answer["recomputed"] or {"rules": []}
    else:
        answer = None
        explanation = _of_payload(context, message, topic, parse_named_values(attributes, "--attribute"))
    for name in rules:
        known = [rule["rule"] for rule in explanation["rules"]]
        if name not in known:
            raise Failed(f"no rule {name} hears this message{suggest_of(name, known, 'rules')}")
    if output.as_json:
        output.print_value(explanation if answer is None else answer)
    elif answer is not None:
        tell_stored(output, answer, ExplainScope(rules, brief))
    else:
        tell_explanation(output, explanation, ExplainScope(rules, brief))


def _fetch_message(context: Context, message: str) -> Any:
    try:
        with connect_client(context) as client:
            return client.get("/api/explain", message=message)
    except Unreached as error:
        if context.url is not None:
            raise
        context.output.warn(f"{error.format_message().partition('. ')[0]}; this is read from its store")
    topic, _, offset = message.rpartition(":")
    return _from_store(context, topic_option(topic), int(offset))


def _from_store(context: Context, topic: str, offset: int) -> Any:
    """What the daemon would answer, read from the store it left."""
    settings = settings_without_secrets(context).settings
    with open_history(settings) as history:
        names = {uid: name for uid, (name, _) in full_names(history.broker).items()}
        uid = next((uid for uid, name in names.items() if name == topic), None)
        if uid is None:
            raise Failed(f"there is no topic {topic}{suggest_of(topic, names.values(), 'topics')}")
        with _destinations(settings) as destinations:
            in_force = _in_force(context, settings, history, destinations)
            grounds = Grounds(history.store, in_force, destinations, names, history.now_us)
            explanation = history.run(explain_stored(grounds, uid, offset))
        if explanation is None:
            raise Failed(no_such_message(topic, offset))
        return msgspec.to_builtins(explanation, enc_hook=str)


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


def _of_payload(context: Context, message: str, topic: str | None, attributes: dict[str, str]) -> Any:
    loaded = asyncio.run(load_rules(context))
    rule_set = loaded.rule_set
    payload = _payload(message)
    seen = parse_recorded(payload)
    if seen is not None:
        topic, payload = topic or seen["topic"], seen["data"]
        attributes = {**(seen.get("attributes") or {}), **attributes}
    now_us = SystemClock().wall_us()
    incoming = Incoming(require_one_topic(rule_set, topic), 0, now_us, payload, attributes, "explain/0")
    state = dict.fromkeys(match(rule_set, incoming, now_us).needs, ABSENT)
    explanation = explain_message(rule_set, incoming, state, DecideContext(now_us))
    with _destinations(loaded.settings) as destinations:
        return msgspec.to_builtins(explanation_view(explanation, destinations), enc_hook=str)


@contextmanager
def _destinations(settings: Settings) -> Iterator[dict[str, Destination]]:
    """The destinations, to ask what they would be sent; nothing is."""

    async def close() -> None:
        for destination in built.values():
            await destination.close()

    built = destinations_of(settings)
    try:
        yield built
    finally:
        asyncio.run(close())


def _payload(message: str) -> str:
    try:
        with click.open_file(message, "r", encoding="utf-8") as stream:
            payload: str = stream.read()
    except OSError as error:
        raise Failed(f"cannot read {message}: {error.strerror}; a stored message is TOPIC:OFFSET") from error
    except UnicodeDecodeError as error:
        raise Failed(f"cannot read {message}: it is not UTF-8") from error
    return payload.rstrip("\n")
