"""``rules simulate``: a timeline of what a stream of messages would lead to, on a virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from bridge.cli.context import Command, Context, pass_context
from bridge.cli.history import opened
from bridge.cli.loading import Loaded, load_rules
from bridge.cli.output import Failed, Output
from bridge.cli.timeline import messages_of_lines
from bridge.cli.typed import duration, when
from bridge.control.times import read_time_us, rfc3339
from bridge.destinations.config import RetrySettings
from bridge.verdict import backoff_s
from broker.clock import US_PER_S, SystemClock
from rules.model import Incoming
from rules.simulate import Outage, Simulation, TimelineEntry, TimelinePost
from rules.words import duration_s, duration_text, suggest_of

_COLORS = {"suppressed": "yellow", "held": "cyan", "dropped": "red", "updated": "dim"}


@click.command("simulate", cls=Command)
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Messages, one per line (- is standard input).",
)
@click.option("--since", type=duration, help="In place of --from: the stored messages of this time.")
@click.option("--at", help="When the first message comes, such as 2026-01-05T12:00:00Z.")
@click.option("--every", "every_s", type=duration, default="1s", show_default=True, help="How far payloads are apart.")
@click.option("--until", "until_s", type=duration, default="1h", show_default=True, help="How long timers go on.")
@click.option("--topic", help="The topic of payloads; needed when rules hear several.")
@click.option(
    "--outage",
    "outages",
    multiple=True,
    metavar="DESTINATION=FROM..UNTIL",
    help="It takes nothing then, counted from the first message: monitoring=10m..40m.",
)
@pass_context
def simulate(
    context: Context,
    /,
    file: Path | None,
    since: float | None,
    at: str | None,
    every_s: float,
    until_s: float,
    topic: str | None,
    outages: Sequence[str],
) -> None:
    """Show what a stream of messages would lead to: posts through groups, schedules and retries, and what stays quiet.

    A line is a payload, or what `tail --json` prints: that keeps its topic and its time. Nothing is sent.
    """
    if (file is None) == (since is None):
        raise click.UsageError("say where messages come from: either --from or --since")
    loaded = asyncio.run(load_rules(context))
    at_us = _at_us(at)
    if since is not None:
        with opened(loaded.settings) as history:
            stretches = history.stretches(since, lambda name: bool(loaded.rule_set.topics_heard([name])))
            _play(context.output, loaded, history.stream(stretches), history.now_us, outages)
        return
    start_us = at_us if at_us is not None else SystemClock().wall_us()
    found = messages_of_lines(file or Path("-"), loaded.rule_set, topic, start_us, every_s, moved=at_us is not None)
    until_us = max((one.publish_time_us for one in found), default=0) + round(until_s * US_PER_S)
    _play(context.output, loaded, iter(found), until_us, outages)


def _play(output: Output, loaded: Loaded, stream: Iterator[Incoming], until_us: int, outages: Sequence[str]) -> None:
    first = next(stream, None)
    if first is None:
        raise Failed("there is no message to simulate")
    out = [_outage(said, loaded, first.publish_time_us) for said in outages]
    simulation = Simulation(loaded.rule_set, outages=out, retry_wait_s=_retry_wait_s(loaded, out))
    timeline = []
    for entry in simulation.play(chain([first], stream), until_us):
        if output.as_json:
            timeline.append(_value(entry))
        elif not output.quiet:
            output.console.print(_drawn(entry), soft_wrap=True)
    counts = {
        "messages": simulation.messages,
        "fates": dict(simulation.fates),
        "outcomes": dict(simulation.outcomes),
        "posts": dict(simulation.posts),
    }
    if output.as_json:
        output.value({"timeline": timeline, **counts})
        return
    posts = ", ".join(f"{rule} {n}" for rule, n in simulation.posts.most_common()) or "none"
    output.say(f"{simulation.messages} messages; posts by rule: {posts}")


def _outage(said: str, loaded: Loaded, start_us: int) -> Outage:
    name, equals, span = said.partition("=")
    begin, dots, end = span.partition("..")
    if not (equals and dots):
        raise click.BadParameter(f"{said!r} is not DESTINATION=FROM..UNTIL", param_hint="--outage")
    known = loaded.settings.destinations
    if name not in known:
        raise click.BadParameter(
            f'no destination "{name}"{suggest_of(name, known, "destinations")}', param_hint="--outage"
        )
    try:
        from_us, until_us = (start_us + round(duration_s(one) * US_PER_S) for one in (begin, end))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--outage") from error
    return Outage(name, from_us, until_us)


def _retry_wait_s(loaded: Loaded, outages: Sequence[Outage]) -> Callable[[int], float]:
    """The pauses of the first destination with an outage, the same each time the simulation is run."""
    retry = loaded.settings.destinations[outages[0].destination].retry if outages else RetrySettings()
    rng = random.Random(0)  # noqa: S311 - repeatable, not secret
    return lambda attempt: backoff_s(retry, attempt, rng)


def _at_us(said: str | None) -> int | None:
    try:
        return None if said is None else read_time_us(said)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from error


def _drawn(entry: TimelineEntry) -> Text:
    line = Text(f"{when(rfc3339(entry.at_us))}  ", style="dim")
    if isinstance(entry, TimelinePost):
        send = entry.send
        line.append(f"{send.rule} to {send.destination}", style="bold")
        line.append(f" {send.phase}", style="cyan")
        line.append(f" part {send.part + 1} of {send.parts}" if send.parts > 1 else "", style="default")
        line.append(" (in shadow)" if entry.shadow else "", style="yellow")
        if entry.arrived_us is not None and entry.tries > 1:
            late = duration_text((entry.arrived_us - entry.at_us) / US_PER_S)
            line.append(f" arrives {late} later, try {entry.tries}", style="yellow")
        line.append(f"  {' '.join((send.post.title or send.post.text).split())[:160]}", style="default")
        return line
    judgement = entry.judgement
    line.append(f"{judgement.rule} to {judgement.destination or '-'}", style="default")
    line.append(f" {judgement.outcome}", style=_COLORS.get(judgement.outcome, ""))
    line.append(f" by {judgement.by}" if judgement.by else "", style="default")
    return line


def _value(entry: TimelineEntry) -> dict[str, Any]:
    if isinstance(entry, TimelinePost):
        send = entry.send
        return {
            "at": rfc3339(entry.at_us),
            "rule": send.rule,
            "destination": send.destination,
            "outcome": "shadow" if entry.shadow else "sent",
            "phase": send.phase,
            "key": send.key,
            "part": send.part,
            "parts": send.parts,
            "arrived": rfc3339(entry.arrived_us) if entry.arrived_us is not None else None,
            "tries": entry.tries,
            "title": send.post.title,
            "text": send.post.text,
        }
    judgement = entry.judgement
    return {
        "at": rfc3339(entry.at_us),
        "rule": judgement.rule,
        "destination": judgement.destination,
        "outcome": judgement.outcome,
        "by": judgement.by,
        "key": judgement.key,
        "topic": entry.topic,
        "offset": entry.offset,
    }
