"""The page of a span of time: what was told, kept quiet and why, taken and ended, key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from bridge.control import history_handlers
from bridge.control.api_queries import TimelineQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.key_timeline import TimelineBar
from bridge.operate.operator_times import rfc3339
from bridge.operate.rule_views import rule_names
from bridge.operate.time_spans import TimeSpan, read_span
from bridge.operate.topic_names import topic_names
from broker.days import moment

_QUICK: Final = ("1h", "2h", "last night", "today", "yesterday", "7d")
_HIGH: Final = 60
_WIDE: Final = 30
_DRAWN: Final = (("failed", "bad"), ("quiet", "soft"), ("told", "good"), ("ended", "calm"), ("waiting", "warn"))
"""The kinds of entries that bars show, from the bottom up, each with the class that colours it."""


@dataclass(frozen=True, slots=True)
class DrawnPart:
    """A piece of a bar: where it stands in the picture, and its colour's class."""

    tone: str
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A part of the span as a bar: its pieces, what it says in words, and the address that shows this part alone."""

    parts: Sequence[DrawnPart]
    x: int
    text: str
    href: str


async def view_timeline(asked: OperatorRequest) -> dict[str, Any]:
    """GET /timeline: what happened, and where to look closer, wider, earlier and later."""
    query, now_us = asked.query(TimelineQuery), asked.context.clock.wall_us()
    span = read_span(query.since, query.until, query.zone, now_us)
    shown = await history_handlers.timeline(asked, query)
    about = {"topic": query.topic, "rule": query.rule, "destination": query.destination, "key": query.key}
    address = _address(about | {"zone": query.zone})
    exact = {"from": query.since, "to": query.until} if query.until else span.texts()
    return {
        "t": shown,
        "query": query,
        "heading": _heading(span),
        "chosen": {name: text for name, text in about.items() if text},
        "topics": list(topic_names(asked.context.broker).values()),
        "rules": rule_names(asked.context),
        "destinations": list(asked.context.destinations()),
        "quick": [(word, address(**{"from": word})) for word in _QUICK],
        "moves": _moves(span, now_us, address),
        "bars": _draw(shown.bars, span.zone, address),
        "width": _WIDE * len(shown.bars),
        "height": _HIGH,
        "without": {name: _address(_without(about, name) | {"zone": query.zone})(**exact) for name in about},
        "of_lane": lambda lane: address(**span.texts(), rule=lane.rule, key=lane.key),
        "earlier": address(**{"from": rfc3339(span.since_us), "to": shown.known_from}),
        "next": address(**span.texts(), after=shown.next) if shown.next else "",
    }


def _without(about: Mapping[str, str], name: str) -> dict[str, str]:
    return {each: text for each, text in about.items() if each != name}


def _address(fixed: Mapping[str, str]) -> Callable[..., str]:
    """Addresses of this page with the same question and other times."""

    def change_address(**changes: str) -> str:
        asked = dict(fixed) | changes
        return f"/timeline?{urlencode({name: text for name, text in asked.items() if text})}"

    return change_address


def _moves(span: TimeSpan, now_us: int, address: Callable[..., str]) -> list[tuple[str, str]]:
    """The same length before and behind, the double, and each half."""
    length_us = span.length_us
    middle_us = span.since_us + length_us // 2
    moves = [
        ("Earlier", span.since_us - length_us, span.since_us),
        ("Later", span.until_us, span.until_us + length_us),
        ("Wider", span.since_us - length_us // 2, min(now_us, span.until_us + length_us // 2)),
        ("First half", span.since_us, middle_us),
        ("Second half", middle_us, span.until_us),
    ]
    return [
        (name, address(**{"from": rfc3339(max(0, since_us)), "to": rfc3339(until_us)}))
        for name, since_us, until_us in moves
        if until_us > max(0, since_us) and (name != "Later" or since_us < now_us)
    ]


def _draw(bars: Sequence[TimelineBar], zone: tzinfo, address: Callable[..., str]) -> list[DrawnBar]:
    """Bars as high as what happened in them, the highest as high as the picture."""
    most = max((sum(bar.counts.get(kind, 0) for kind, _ in _DRAWN) for bar in bars), default=0) or 1
    return [_draw_bar(bar, nth * _WIDE, most, zone, address) for nth, bar in enumerate(bars)]


def _draw_bar(bar: TimelineBar, x: int, most: int, zone: tzinfo, address: Callable[..., str]) -> DrawnBar:
    parts: list[DrawnPart] = []
    top = float(_HIGH)
    for kind, tone in _DRAWN:
        height = round(_HIGH * bar.counts.get(kind, 0) / most, 1)
        if height:
            top = round(top - height, 1)
            parts.append(DrawnPart(tone, x, top, height))
    counts = ", ".join(f"{bar.counts[kind]} {kind}" for kind, _ in _DRAWN if bar.counts.get(kind))
    text = f"{_clock(bar.since, zone)} to {_clock(bar.until, zone)}: {counts or 'nothing'}"
    return DrawnBar(parts, x, text, address(**{"from": bar.since, "to": bar.until}) if counts else "")


def _heading(span: TimeSpan) -> str:
    """The span by the clock of its zone: ``2026-01-05 02:00 to 03:00``."""
    since, until = (moment(at_us).astimezone(span.zone) for at_us in (span.since_us, span.until_us))
    end = f"{until:%H:%M}" if since.date() == until.date() else f"{until:%Y-%m-%d %H:%M}"
    return f"{since:%Y-%m-%d %H:%M} to {end} {until:%Z}"


def _clock(at: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(at).astimezone(zone):%m-%d %H:%M}"
