"""What a report is made of: what is open, what was told and who took it, looked up before a rule reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.events.moments import from_us

MOST_LISTED: Final = 200
"""How many open alerts a report lists; all are counted."""
MOST_TOP: Final = 20
_US_PER_S: Final = 1_000_000
_BEGUN: Final = frozenset({"message", "firing", "group"})
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
    """The taking of an alert, by its rule and key, and when somebody took it."""

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
    lives = list(_lives(posts))
    takes = [take for take in facts.taken if since_us <= take.at_us < until_us and _is_about(take.rule, rules)]
    taken_at: dict[tuple[str, str], list[int]] = {}
    for take in takes:
        taken_at.setdefault((take.rule, take.key), []).append(take.at_us)
    ends = list(_each_once(posts, _OVER))
    fired: dict[tuple[str, str], int] = {}
    for post in _each_once(posts, _BEGUN):
        fired[post.rule, post.incident] = fired.get((post.rule, post.incident), 0) + 1
    top = sorted(fired.items(), key=lambda entry: (-entry[1], entry[0]))
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
        "taken": len(taken_at),
        "top": [{"rule": rule, "key": key, "fired": count} for (rule, key), count in top[:MOST_TOP] if key],
        "rules": _by_rule(posts, alerts, fired, ends),
        "mean_end_s": _mean_s([life.end_us - life.begin_us for life in lives if life.end_us is not None]),
        "mean_take_s": _mean_s([lasted for life in lives if (lasted := _taken_after(life, taken_at)) is not None]),
        "complete": facts.complete,
    }


def _by_rule(
    posts: Sequence[ToldPost],
    alerts: Sequence[OpenAlert],
    fired: Mapping[tuple[str, str], int],
    ends: Sequence[ToldPost],
) -> list[dict[str, Any]]:
    """The counts of each rule that told something, or of which something is open."""
    names = sorted({post.rule for post in posts} | {alert.rule for alert in alerts})
    return [
        {
            "rule": name,
            "posts": sum(post.rule == name for post in posts),
            "fired": sum(count for (rule, _), count in fired.items() if rule == name),
            "ended": sum(end.rule == name for end in ends),
            "open": sum(alert.rule == name for alert in alerts),
        }
        for name in names
    ]


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


@dataclass(frozen=True, slots=True)
class _Life:
    """An alert from its first post until its end was told (None: it was not)."""

    rule: str
    key: str
    begin_us: int
    end_us: int | None


def _lives(posts: Iterable[ToldPost]) -> Iterable[_Life]:
    """The lives of alerts that began among these posts, which are in order."""
    begun: dict[tuple[str, str], int] = {}
    for post in posts:
        here = (post.rule, post.incident)
        if post.incident and post.phase in _BEGUN:
            begun.setdefault(here, post.at_us)
        elif post.phase in _OVER and here in begun:
            yield _Life(*here, begun.pop(here), post.at_us)
    yield from (_Life(*here, begin_us, None) for here, begin_us in begun.items())


def _taken_after(life: _Life, takes: Mapping[tuple[str, str], Sequence[int]]) -> int | None:
    """How long after its first post an alert was taken first; None when nobody took it."""
    end_us = life.end_us
    times = [
        at_us
        for at_us in takes.get((life.rule, life.key), ())
        if at_us >= life.begin_us and (end_us is None or at_us <= end_us)
    ]
    return min(times) - life.begin_us if times else None


def _each_once(posts: Iterable[ToldPost], phases: Collection[str]) -> Iterable[ToldPost]:
    """Posts of these phases; of those by which several destinations were told at the same time one."""
    seen: set[tuple[str, str, int]] = set()
    for post in posts:
        here = (post.rule, post.incident, post.at_us)
        if post.phase in phases and here not in seen:
            seen.add(here)
            yield post


def _mean_s(lasts_us: Sequence[int]) -> float | None:
    """Their mean in seconds; None of none."""
    return round(sum(lasts_us) / len(lasts_us) / _US_PER_S, 1) if lasts_us else None


def _text(at_us: int) -> str:
    return f"{from_us(at_us):%Y-%m-%dT%H:%M:%SZ}"
