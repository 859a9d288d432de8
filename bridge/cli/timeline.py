"""Lines of a file as messages on a timeline: payloads at even distances, or what ``tail --json`` recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from bridge.cli.output import Failed
from bridge.operate.operator_times import read_time_us
from broker.clock import US_PER_S
from rules.language.cases import sample_topic
from rules.model import Incoming
from rules.ruleset import RuleSet

_LONGEST_FILE: Final = 256 * 1024 * 1024
_RECORDED = frozenset({"topic", "published", "data"})


def messages_of_lines(
    file: Path, rule_set: RuleSet, topic: str | None, start_us: int, every_s: float, *, moved: bool
) -> list[Incoming]:
    """The messages of a file, by their times. ``moved`` recorded ones begin at ``start_us``, others keep their times.

    Raises Failed for a file that cannot be read, UsageError when payloads need a topic.
    """
    messages: list[Incoming] = []
    kept: list[Incoming] = []
    for number, line in enumerate(_lines(file)):
        seen = parse_recorded(line)
        if seen is None:
            name = require_one_topic(rule_set, topic)
            messages.append(_incoming(name, number, start_us + round(number * every_s * US_PER_S), line, {}))
        else:
            time_us = _time_us(seen, number)
            kept.append(_incoming(seen["topic"], number, time_us, seen["data"], seen.get("attributes") or {}))
    if moved and kept:
        shift_us = start_us - min(message.publish_time_us for message in kept)
        kept = [replace(message, publish_time_us=message.publish_time_us + shift_us) for message in kept]
    return sorted([*messages, *kept], key=lambda message: message.publish_time_us)


def require_one_topic(rule_set: RuleSet, text: str | None) -> str:
    """The full name of the topic that was said, else of the only one that rules hear. Raises UsageError."""
    if text is None:
        heard = list(dict.fromkeys(sample_topic(rule.topics) for rule in rule_set.rules))
        if len(heard) != 1:
            known = ", ".join(heard) or "nothing"
            raise click.UsageError(f"say with --topic where it comes from; rules hear {known}")
        return heard[0]
    parts = text.strip("/").split("/")
    if len(parts) == 2:
        return f"projects/{parts[0]}/topics/{parts[1]}"
    if len(parts) != 4:
        raise click.BadParameter(f"{text!r} is not projects/P/topics/T or P/T", param_hint="--topic")
    return "/".join(parts)


def _lines(file: Path) -> list[str]:
    try:
        with click.open_file(str(file), "r", encoding="utf-8") as stream:
            text = stream.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise Failed(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failed(f"cannot read {file}: it is not UTF-8") from error
    if len(text) > _LONGEST_FILE:
        raise Failed(f"{file} is too large: at most {_LONGEST_FILE:,} characters are played at once; take a part of it")
    return [line for line in text.split("\n") if line.strip()]


def parse_recorded(line: str) -> Any:
    """The line as ``tail --json`` prints a message, or None for a payload."""
    try:
        value = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) and value.keys() >= _RECORDED else None


def _time_us(seen: Any, number: int) -> int:
    try:
        return read_time_us(str(seen["published"]))
    except ValueError as error:
        raise Failed(f"line {number + 1}: {error}") from error


def _incoming(topic: str, number: int, time_us: int, payload: str, attributes: Any) -> Incoming:
    return Incoming(topic, number, time_us, payload, attributes, f"m/{topic}/{number}")
