"""``rules simulate``: a timeline of what a stream of messages would lead to, on a virtual clock."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import click
import msgspec

from bridge.cli.command_context import Context
from bridge.cli.drawing import short_topic
from bridge.cli.history import Wanted, open_history
from bridge.cli.loading import Loaded, load_rules
from bridge.cli.output import Failed, Output, format_count
from bridge.cli.spilling import SpillingState
from bridge.cli.stopping import catch_interrupt
from bridge.cli.timeline import messages_of_lines
from bridge.cli.typed import show_time
from bridge.cli.visible import VisibleText
from bridge.delivery.retry_policy import backoff_s
from bridge.destinations.config import RetrySettings
from bridge.operate.operator_times import read_time_us, rfc3339
from broker.clock import US_PER_S, SystemClock
from rules.model import Incoming
from rules.source.words import duration_s, duration_text, suggest_of
from rules.workbench.dry_run import TooManySteps
from rules.workbench.simulate import Outage, Patience, Simulation, TimelineEntry, TimelinePost

_COLORS = {"suppressed": "yellow", "held": "cyan", "dropped": "red", "updated": "dim"}


def run_simulate(
    context: Context,
    /,
    file: Path | None,
    since: float | None,
    topics: tuple[str, ...],
    limit: int | None,
    at: str | None,
    every_s: float,
    until_s: float,
    outages: Sequence[str],
) -> None:
    """Play messages on a virtual clock, and tell what would be posted."""
    if (file is None) == (since is None):
        raise click.UsageError("say where messages come from: either --from or --since")
    loaded = asyncio.run(load_rules(context))
    at_us = _at_us(at)
    if since is not None:
        wanted = Wanted(since, topics, limit)
        with open_history(loaded.settings) as history:
            stretches = history.find_stretches(wanted, lambda name: bool(loaded.rule_set.list_heard_topics([name])))
            with history.walk(context.output, stretches, limit) as walk:
                _play(context.output, loaded, _shift_times(walk.stream, at_us), until_s, outages, walk.stopped)
        return
    if len(topics) > 1:
        raise click.UsageError("the payloads of a file come from one topic; name it once")
    start_us = at_us if at_us is not None else SystemClock().wall_us()
    topic = topics[0] if topics else None
    timeline = messages_of_lines(file or Path("-"), loaded.rule_set, topic, start_us, every_s, moved=at_us is not None)
    with catch_interrupt() as stopped:
        _play(
            context.output,
            loaded,
            iter(timeline[-limit:] if limit is not None else timeline),
            until_s,
            outages,
            stopped,
        )


def _shift_times(stream: Iterator[Incoming], at_us: int | None) -> Iterator[Incoming]:
    """The messages as if the first had come at ``at_us``; as they came without it."""
    shift_us: int | None = 0 if at_us is None else None
    for incoming in stream:
        if shift_us is None:
            shift_us = (at_us or 0) - incoming.publish_time_us
        yield replace(incoming, publish_time_us=incoming.publish_time_us + shift_us) if shift_us else incoming


def _play(
    output: Output,
    loaded: Loaded,
    stream: Iterator[Incoming],
    until_s: float,
    outages: Sequence[str],
    stopped: Callable[[], bool],
) -> None:
    first = next(stream, None)
    if first is None:
        raise Failed("there is no message to simulate")
    out = [_outage(text, loaded, first.publish_time_us) for text in outages]
    simulation = Simulation(
        loaded.rule_set, outages=out, patience=_patience(loaded), stopped=stopped, make_state=SpillingState
    )
    entries = simulation.play(chain([first], stream), round(until_s * US_PER_S))
    try:
        _show(output, simulation, entries)
    except TooManySteps as error:
        raise Failed(f"this is a part only: {error}") from error
    if simulation.partial:
        output.end_partial(simulation.messages)


def _show(output: Output, simulation: Simulation, entries: Iterator[TimelineEntry]) -> None:
    """The timeline as it comes, and the counts. Raises TooManySteps."""
    if output.as_json:
        _write_json(simulation, entries)
        return
    for entry in entries:
        if not output.quiet:
            output.console.print(_draw(entry), soft_wrap=True)
    posts = ", ".join(f"{rule} {n}" for rule, n in simulation.posts.most_common()) or "none"
    output.say(f"{format_count(simulation.messages, 'message')}; posts by rule: {posts}")


def _write_json(simulation: Simulation, entries: Iterator[TimelineEntry]) -> None:
    """One JSON value, written as it goes: a long timeline never stands in memory."""
    sys.stdout.write('{"timeline": [')
    too_many: TooManySteps | None = None
    try:
        for number, entry in enumerate(entries):
            sys.stdout.write((",\n" if number else "\n") + msgspec.json.encode(_value(entry)).decode())
    except TooManySteps as error:
        simulation.partial, too_many = True, error
    counts = {
        "partial": simulation.partial,
        "messages": simulation.messages,
        "fates": dict(simulation.fates),
        "outcomes": dict(simulation.outcomes),
        "posts": dict(simulation.posts),
    }
    sys.stdout.write(f"\n],\n{msgspec.json.encode(counts).decode().removeprefix('{')}\n")
    sys.stdout.flush()
    if too_many is not None:
        raise too_many


def _outage(text: str, loaded: Loaded, start_us: int) -> Outage:
    name, equals, span = text.partition("=")
    begin, dots, end = span.partition("..")
    if not (equals and dots):
        raise click.BadParameter(f"{text!r} is not DESTINATION=FROM..UNTIL", param_hint="--outage")
    known = loaded.settings.destinations
    if name not in known:
        raise click.BadParameter(
            f'no destination "{name}"{suggest_of(name, known, "destinations")}', param_hint="--outage"
        )
    try:
        from_us, until_us = (start_us + round(duration_s(moment) * US_PER_S) for moment in (begin, end))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--outage") from error
    return Outage(name, from_us, until_us)


def _patience(loaded: Loaded) -> Callable[[str], Patience]:
    """How each destination is tried again, the same each time the simulation is run."""
    rng = random.Random(0)  # noqa: S311 - repeatable, not secret

    def patience(name: str) -> Patience:
        config = loaded.settings.destinations.get(name)
        retry = config.retry if config is not None else RetrySettings()
        return Patience(lambda attempt: backoff_s(retry, attempt, rng), retry.give_up_after)

    return patience


def _at_us(text: str | None) -> int | None:
    try:
        return None if text is None else read_time_us(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from error


def _draw(entry: TimelineEntry) -> VisibleText:
    line = VisibleText(f"{show_time(rfc3339(entry.at_us))}  ", style="dim")
    if isinstance(entry, TimelinePost):
        send = entry.send
        line.append(f"{send.rule} to {send.destination}", style="bold")
        line.append(f" {send.phase}", style="cyan")
        line.append(f" part {send.part + 1} of {send.parts}" if send.parts > 1 else "", style="default")
        line.append(" (in shadow)" if entry.shadow else "", style="yellow")
        if entry.arrived_us is not None and entry.tries > 1:
            late = duration_text((entry.arrived_us - entry.at_us) / US_PER_S)
            line.append(f" arrives {late} later, try {entry.tries}", style="yellow")
        elif entry.arrived_us is None and not entry.shadow:
            line.append(f" is given up after {entry.tries} tries", style="bold red")
        line.append(f"  {' '.join((send.post.title or send.post.text).split())[:160]}", style="default")
        return line
    judgement = entry.judgement
    to = f" to {judgement.destination}" if judgement.destination else ""
    line.append(f"{judgement.rule}{to}", style="default")
    line.append(f" {judgement.outcome}", style=_COLORS.get(judgement.outcome, ""))
    if judgement.by and judgement.outcome != "dropped":
        line.append(f" by {judgement.by}", style="default")
    line.append(f"  {short_topic(entry.topic)}:{entry.offset}" if entry.topic else "", style="dim")
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
