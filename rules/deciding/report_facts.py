"""What a report is made of: what is open, what was told and who took it, looked up before a rule reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.events.moments import from_us

MOST_LISTED: Final = 200
"""How many open alerts a report lists; all are counted."""
MOST_TOP: Final = 20
_US_PER_S: Final = 1_000_000
_OVER: Final = frozenset({"resolved", "stale"})


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An incident that fires."""

    rule: str
    key: str
    since_us: int
    taken_by: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldPost:
    """A post that was decided: ``incident`` is the key of the alert that it told of, or ""."""

    rule: str
    incident: str
    phase: str
    at_us: int
    destination: str = ""


@dataclass(frozen=True, slots=True)
class TakenAlert:
    """Somebody took the alert of a rule and key."""

    rule: str
    key: str
    at_us: int


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """All that was looked up for one report; not ``complete`` when there was more than is read."""

    open: tuple[OpenAlert, ...] = ()
    told: tuple[ToldPost, ...] = ()
    taken: tuple[TakenAlert, ...] = ()
    complete: bool = True


def report_of(
    facts: ReportFacts, rules: Collection[str], since_us: int, until_us: int, due_us: int, zone: str
) -> dict[str, Any]:
    """What templates of a report see as ``data``. ``rules`` are those that it is about; none is all."""
    posts = [post for post in facts.told if since_us <= post.at_us < until_us and _is_about(post.rule, rules)]
    alerts = sorted(
        (alert for alert in facts.open if _is_about(alert.rule, rules)),
        key=lambda alert: (alert.since_us, alert.rule, alert.key),
    )
    firsts = _first_times(post for post in posts if post.phase in ("message", "firing", "group"))
    ends = _first_times((post for post in posts if post.phase in _OVER), last=True)
    takes: dict[tuple[str, str], int] = {}
    for take in facts.taken:
        takes.setdefault((take.rule, take.key), take.at_us)
    fired: dict[tuple[str, str], int] = {}
    for post in _each_once(posts):
        fired[post.rule, post.incident] = fired.get((post.rule, post.incident), 0) + 1
    top = sorted(fired.items(), key=lambda entry: (-entry[1], entry[0]))
    by_rule = sorted({post.rule for post in posts} | {alert.rule for alert in alerts})
    return {
        "since": _text(since_us),
        "until": _text(until_us),
        "due": _text(due_us),
        "timezone": zone,
        "open_count": len(alerts),
        "open": [_open(alert, until_us) for alert in alerts[:MOST_LISTED]],
        "posts": len(posts),
        "fired": sum(fired.values()),
        "ended": len(ends),
        "taken": sum(1 for key, at_us in takes.items() if since_us <= at_us < until_us and _is_about(key[0], rules)),
        "top": [{"rule": rule, "key": key, "fired": count} for (rule, key), count in top[:MOST_TOP] if key],
        "rules": [
            {
                "rule": name,
                "posts": sum(post.rule == name for post in posts),
                "fired": sum(count for (rule, _), count in fired.items() if rule == name),
                "ended": sum(rule == name for rule, _ in ends),
                "open": sum(alert.rule == name for alert in alerts),
            }
            for name in by_rule
        ],
        "mean_end_s": _mean_s(firsts, ends),
        "mean_take_s": _mean_s(firsts, takes),
        "complete": facts.complete,
    }


def _is_about(rule: str, rules: Collection[str]) -> bool:
    return not rules or rule in rules


def _open(alert: OpenAlert, until_us: int) -> dict[str, Any]:
    return {
        "rule": alert.rule,
        "key": alert.key,
        "since": _text(alert.since_us),
        "for_s": max(0, until_us - alert.since_us) // _US_PER_S,
        "taken_by": alert.taken_by,
        "told": list(alert.told),
    }


def _first_times(posts: Iterable[ToldPost], *, last: bool = False) -> dict[tuple[str, str], int]:
    """When each alert was told first (or last) among these, by rule and key."""
    times: dict[tuple[str, str], int] = {}
    for post in posts:
        if post.incident:
            before = times.get((post.rule, post.incident), post.at_us)
            times[post.rule, post.incident] = max(before, post.at_us) if last else min(before, post.at_us)
    return times


def _each_once(posts: Iterable[ToldPost]) -> Iterable[ToldPost]:
    """Firings and messages, of those that several destinations were told at the same time one."""
    seen: set[tuple[str, str, int]] = set()
    for post in posts:
        here = (post.rule, post.incident, post.at_us)
        if post.phase in ("message", "firing", "group") and here not in seen:
            seen.add(here)
            yield post


def _mean_s(begins: Mapping[tuple[str, str], int], ends: Mapping[tuple[str, str], int]) -> float | None:
    """The mean time from one to the other of those that have both, in seconds; None of none."""
    lasts = [ends[key] - at_us for key, at_us in begins.items() if key in ends and ends[key] >= at_us]
    return round(sum(lasts) / len(lasts) / _US_PER_S, 1) if lasts else None


def _text(at_us: int) -> str:
    return f"{from_us(at_us):%Y-%m-%dT%H:%M:%SZ}"
