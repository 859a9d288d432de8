"""``rules explain``: why a message was told, or was not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from bridge.cli.bundle_file import is_bundle
from bridge.cli.bundle_run import explain_bundle
from bridge.cli.command_context import Context
from bridge.cli.connection import Unreached, connect_client
from bridge.cli.explanation import ExplainScope, tell_explanation, tell_stored
from bridge.cli.history_options import topic_option
from bridge.cli.loading import load_rules
from bridge.cli.output import Failed
from bridge.cli.stored_grounds import message_from_store, open_destinations
from bridge.cli.timeline import parse_recorded, require_one_topic
from bridge.cli.typed import parse_named_values
from bridge.operate.explain_views import explanation_view
from broker.clock import SystemClock
from rules.deciding.batch_state import ABSENT
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.model import Incoming
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
    if is_bundle(Path(message)):
        explain_bundle(context, Path(message), rules, brief=brief)
        return
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
    return message_from_store(context, topic_option(topic), int(offset))


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
    with open_destinations(loaded.settings) as destinations:
        return msgspec.to_builtins(explanation_view(explanation, destinations), enc_hook=str)


def _payload(message: str) -> str:
    try:
        with click.open_file(message, "r", encoding="utf-8") as stream:
            payload: str = stream.read()
    except OSError as error:
        raise Failed(f"cannot read {message}: {error.strerror}; a stored message is TOPIC:OFFSET") from error
    except UnicodeDecodeError as error:
        raise Failed(f"cannot read {message}: it is not UTF-8") from error
    return payload.rstrip("\n")
