"""``rules explain``: why a message was told, or was not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text

from bridge.cli.client import connected
from bridge.cli.context import Command, Context, pass_context
from bridge.cli.drawing import print_post
from bridge.cli.loading import load_rules
from bridge.cli.output import Failed, Output
from bridge.cli.problems import from_here
from bridge.cli.timeline import one_topic
from bridge.cli.typed import named_values, when
from bridge.control.explained import explained
from broker.clock import SystemClock
from rules.draft import DecideContext
from rules.explain import explain as explain_message
from rules.match import match
from rules.model import Incoming
from rules.overlay import ABSENT
from rules.ruleset import RuleSet

_STORED = re.compile(r"[A-Za-z0-9_/-]+:\d+")
_FATES = {"acts": "bold green", "stopped": "yellow", "nothing to end": "yellow"}


@click.command("explain", cls=Command)
@click.argument("message", metavar="MSG")
@click.option("--topic", help="The topic of a message from a file; needed when rules hear several.")
@click.option("--attribute", "-a", "attributes", multiple=True, metavar="NAME=VALUE", help="An attribute of it.")
@pass_context
def explain(context: Context, message: str, topic: str | None, attributes: Sequence[str]) -> None:
    """Show what each rule makes of MSG: each condition with the value it saw, and what came of it.

    MSG is a stored message, TOPIC:OFFSET: the daemon says what was decided then, and what would be now. Or it is a file
    with a payload (- for standard input): then the rule files alone are asked.
    """
    output = context.output
    if _STORED.fullmatch(message) and not Path(message).exists():
        with connected(context) as client:
            answer = client.get("/api/explain", message=message)
        output.value(answer) if output.as_json else _tell_stored(output, answer)
        return
    rule_set = asyncio.run(load_rules(context)).rule_set
    found = _explained(rule_set, _payload(message), topic, named_values(attributes, "--attribute"))
    output.value(found) if output.as_json else _tell(output, found)


def _explained(rule_set: RuleSet, payload: str, topic: str | None, attributes: dict[str, str]) -> dict[str, Any]:
    now_us = SystemClock().wall_us()
    name = one_topic(rule_set, topic)
    incoming = Incoming(name, 0, now_us, payload, attributes, "explain/0")
    state = dict.fromkeys(match(rule_set, incoming, now_us).needs, ABSENT)
    found = explained(explain_message(rule_set, incoming, state, DecideContext(now_us)))
    plain: dict[str, Any] = msgspec.to_builtins(found, enc_hook=str)
    return plain


def _payload(message: str) -> str:
    try:
        with click.open_file(message, "r", encoding="utf-8") as stream:
            payload: str = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"cannot read {message}: {error}; a stored message is TOPIC:OFFSET") from error
    return payload.rstrip("\n")


def _tell_stored(output: Output, answer: Any) -> None:
    if output.quiet:
        return
    if answer["message"] is not None:
        message = answer["message"]
        output.say(f"{message['topic']}:{message['offset']}, published {when(message['published'])}")
        output.console.print(Text(f"  {' '.join(message['data'].split())[:500]}", style="dim"), soft_wrap=True)
    else:
        output.say("The message is past its retention; what was decided is still on record.")
    _head(output, "What was decided")
    decided = answer["decided"]
    if not decided["decisions"]:
        output.say(f"  {decided['fate']}: no rule acted")
    for one in decided["decisions"]:
        _line(output, f"  {one['rule']} to {one['destination'] or '-'}: ", one, f"  at {when(one['at'])}")
    for one in decided["deliveries"]:
        delivery = one["delivery"]
        output.say(f"  delivery {delivery['id']} to {delivery['destination']}: {delivery['state']} {delivery['by']}")
        for attempt in one["attempts"]:
            output.say(f"    {when(attempt['at'])} {attempt['outcome']} {attempt['reason']}")
    if answer["recomputed"] is not None:
        _head(output, "What the rules in force would decide now (computed anew; nothing is sent)")
        _tell(output, answer["recomputed"])


def _tell(output: Output, found: Any) -> None:
    if output.quiet:
        return
    if found["undecodable"]:
        output.warn(f"the payload cannot be decoded: {found['undecodable']}")
    for rule in found["rules"]:
        _tell_rule(output, rule)
    if found["unheard"]:
        output.say(f"These do not hear {found['topic']}: {', '.join(found['unheard'])}")
    for send in found["sends"]:
        part = f", part {send['part'] + 1} of {send['parts']}" if send["parts"] > 1 else ""
        shadow = " (in shadow: not sent)" if send["shadow"] else ""
        if send["fallback"]:
            output.warn(f"plain rendering: {send['fallback']}")
        heading = f"to {send['destination']}{part}{shadow}"
        print_post(output, send["post"], heading, footer=f"rule {send['rule']}")
    if not found["sends"]:
        output.say("Nothing would be sent.")


def _tell_rule(output: Output, rule: Any) -> None:
    item = f" [item {rule['item']}]" if rule["item"] else ""
    line = Text(f"{rule['rule']}{item}  ", style="bold")
    line.append(rule["fate"], style=_FATES.get(rule["fate"], "dim"))
    line.append(f": {rule['reason']}" if rule["reason"] else "", style="default")
    line.append(f"  {from_here(rule['place'])}", style="dim")
    output.console.print(line, soft_wrap=True)
    for name in ("match", "resolved"):
        if rule[name] and name == "resolved":
            output.console.print(Text("    resolved:", style="dim"))
        for seen in rule[name]:
            _tell_seen(output, seen)
    for name, value in rule["vars"].items():
        output.console.print(Text(f"    {name} = {value!r}", style="dim"), soft_wrap=True)
    if rule["key"]:
        output.console.print(Text(f"    key {rule['key']}", style="dim"), soft_wrap=True)
    for judgement in rule["judgements"]:
        _line(output, f"    -> {judgement['destination'] or 'nobody'}: ", judgement, "")


def _tell_seen(output: Output, seen: Any) -> None:
    line = Text("    " + "  " * seen["depth"])
    line.append("✓" if seen["held"] else "✗", style="green" if seen["held"] else "red")
    line.append(f" {seen['look']} {seen['expects']}".rstrip())
    if seen["saw"]:
        line.append(f"   saw {seen['saw']}", style="bold red" if seen["decisive"] else "cyan")
    output.console.print(line, soft_wrap=True)


def _line(output: Output, before: str, judged: Any, after: str) -> None:
    line = Text(before)
    line.append(judged["outcome"], style="green" if judged["outcome"] == "sent" else "yellow")
    line.append(f" by {judged['by']}" if judged["by"] else "")
    output.console.print(line.append(after, style="dim"), soft_wrap=True)


def _head(output: Output, text: str) -> None:
    output.console.print(Text(f"\n{text}", style="bold underline"))
