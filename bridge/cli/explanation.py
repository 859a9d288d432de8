"""An explanation drawn for people: rules with their conditions, posts, payloads and tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.cli.drawing import print_post
from bridge.cli.output import Output
from bridge.cli.problem_listing import from_here
from bridge.cli.typed import show_time
from bridge.cli.visible import VisibleText, make_visible_line

_FATES = {"acts": "bold green", "stopped": "yellow", "nothing to end": "yellow"}


@dataclass(frozen=True, slots=True)
class ExplainScope:
    """Which rules are shown (none named: all), and whether those that did not match take one line only."""

    rules: Sequence[str] = ()
    brief: bool = False

    def wants(self, rule: Any) -> bool:
        """Whether a rule of an explanation is shown."""
        return not self.rules or rule["rule"] in self.rules


def tell_stored(output: Output, answer: Any, shown: ExplainScope) -> None:
    """Print what was decided of a stored message, and below it what would be decided now."""
    if output.quiet:
        return
    if answer["message"] is not None:
        message = answer["message"]
        output.say(f"{message['topic']}:{message['offset']}, published {show_time(message['published'])}")
        output.console.print(VisibleText(f"  {' '.join(message['data'].split())[:500]}", style="dim"), soft_wrap=True)
    else:
        output.say("The message is past its retention; what was decided is still on record.")
    _print_head(output, "What was decided")
    decided = answer["decided"]
    if not decided["decisions"]:
        output.say(f"  {decided['fate']}: no rule acted")
    for decision in decided["decisions"]:
        _print_line(
            output,
            f"  {decision['rule']} to {decision['destination'] or '-'}: ",
            decision,
            f"  at {show_time(decision['at'])}",
        )
    for row in decided["deliveries"]:
        delivery = row["delivery"]
        heading = f"to {delivery['destination']}, as it was rendered then"
        print_post(output, row.get("post") or {}, heading, footer=f"rule {delivery['rule']}")
        _tell_payload(output, row.get("payload"))
        by = f" {delivery['by']}" if delivery["by"] else ""
        due = f", next try {show_time(delivery['due'])}" if delivery["due"] else ""
        output.say(f"  delivery {delivery['id']}: {delivery['state']}{by}{due}")
        for attempt in row["attempts"]:
            reason = f": {attempt['reason']}" if attempt["reason"] else ""
            took = f" in {attempt['took_s']:.3f} s"
            output.say(f"    {show_time(attempt['at'])} {attempt['outcome']}{took}{reason}")
    if answer["recomputed"] is not None:
        _print_head(output, "What the rules in force would decide now (computed anew; nothing is sent)")
        then = [(row["delivery"]["destination"], row.get("post")) for row in decided["deliveries"]]
        tell_explanation(output, answer["recomputed"], shown, then)


def tell_explanation(output: Output, answer: Any, shown: ExplainScope, then: Sequence[tuple[str, Any]] = ()) -> None:
    """Print what the rules make of a message. ``then`` are posts (destination, post) that need not be drawn again."""
    if output.quiet:
        return
    if answer["undecodable"]:
        output.warn(f"the payload cannot be decoded: {answer['undecodable']}")
    for rule in answer["rules"]:
        if shown.wants(rule):
            _tell_rule(output, rule, brief=shown.brief and rule["fate"] not in _FATES)
    if answer["unheard"] and not shown.rules:
        output.say(f"These do not hear {answer['topic']}: {', '.join(answer['unheard'])}")
    for send in answer["sends"]:
        if not shown.wants(send):
            continue
        part = f", part {send['part'] + 1} of {send['parts']}" if send["parts"] > 1 else ""
        shadow = " (in shadow: not sent)" if send["shadow"] else ""
        if send["fallback"]:
            output.warn(f"plain rendering: {send['fallback']}")
        heading = f"to {send['destination']}{part}{shadow}"
        if (send["destination"], send["post"]) in then:
            output.say(f"{heading}: the same post as then")
            continue
        print_post(output, send["post"], heading, footer=f"rule {send['rule']}")
        _tell_payload(output, send.get("payload"))
    if not answer["sends"]:
        output.say("Nothing would be sent.")


def _tell_payload(output: Output, payload: Any) -> None:
    """Exactly what the destination is sent."""
    if payload is None or output.quiet:
        return
    body = payload["body"]
    text = body if isinstance(body, str) else msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    output.console.print(VisibleText(f"  payload for {payload['target']}", style="dim"), soft_wrap=True)
    for name, value in payload["headers"].items():
        output.console.print(VisibleText(make_visible_line(f"  {name}: {value}"), style="dim"), soft_wrap=True)
    for line in text.split("\n"):
        output.console.print(VisibleText(f"  {line}", style="dim"), soft_wrap=True)
    for remark in payload["remarks"]:
        output.warn(remark)


def _tell_rule(output: Output, rule: Any, *, brief: bool) -> None:
    item = f" [item {rule['item']}]" if rule["item"] else ""
    line = VisibleText(f"{rule['rule']}{item}  ", style="bold")
    line.append(rule["fate"], style=_FATES.get(rule["fate"], "dim"))
    line.append(f": {rule['reason']}" if rule["reason"] else "", style="default")
    line.append(f"  {from_here(rule['place'])}", style="dim")
    output.console.print(line, soft_wrap=True)
    if brief:
        return
    for name in ("match", "resolved"):
        if rule[name] and name == "resolved":
            output.console.print(VisibleText("    resolved:", style="dim"))
        for seen in rule[name]:
            _tell_seen(output, seen)
    for name, value in rule["vars"].items():
        output.console.print(VisibleText(f"    {name} = {value!r}", style="dim"), soft_wrap=True)
    if rule["key"]:
        output.console.print(VisibleText(make_visible_line(f"    key {rule['key']}"), style="dim"), soft_wrap=True)
    for judgement in rule["judgements"]:
        _print_line(output, f"    -> {judgement['destination'] or 'nobody'}: ", judgement, "")


def _tell_seen(output: Output, seen: Any) -> None:
    line = VisibleText("    " + "  " * seen["depth"])
    line.append("✓" if seen["held"] else "✗", style="green" if seen["held"] else "red")
    line.append(f" {seen['look']} {seen['expects']}".rstrip())
    if seen["saw"]:
        line.append(make_visible_line(f"   saw {seen['saw']}"), style="bold red" if seen["decisive"] else "cyan")
    output.console.print(line, soft_wrap=True)


def _print_line(output: Output, before: str, judged: Any, after: str) -> None:
    line = VisibleText(before)
    line.append(judged["outcome"], style="green" if judged["outcome"] == "sent" else "yellow")
    line.append(f" by {judged['by']}" if judged["by"] else "")
    output.console.print(line.append(after, style="dim"), soft_wrap=True)


def _print_head(output: Output, text: str) -> None:
    output.console.print(VisibleText(f"\n{text}", style="bold underline"))
