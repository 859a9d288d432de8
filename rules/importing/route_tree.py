"""Alertmanager's tree of routes as a list of rules in the order in which they act.

A node acts when it is reached and none of its children matches. Children come before their parent, and where a node
ends the walk of every alert that reaches it, its rule says ``stop``; where ``continue`` anywhere above or below keeps
the walk going, later rules say instead which of the earlier ones must not have matched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from rules.importing.alertmanager_config import Config
from rules.importing.label_matchers import LabelMatcher, is_implied, is_possible, read_matchers
from rules.source.problems import DocumentPath
from rules.source.words import duration_s

Matchers: TypeAlias = tuple[LabelMatcher, ...]

_NO_ROUTE: Final = "there is no route: in this file; is it an Alertmanager configuration?"
EVERY_LABEL: Final = "..."
_YEARS: Final = re.compile(r"([0-9]+)y", re.ASCII)
_KEYS: Final = frozenset(
    {"receiver", "group_by", "continue", "match", "match_re", "matchers", "group_wait", "group_interval",
     "repeat_interval", "mute_time_intervals", "active_time_intervals", "routes", "object_matchers"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """What a route hands down to its children. Durations are texts of our own form."""

    receiver: str = ""
    group_by: tuple[str, ...] = ()
    wait: str = "30s"
    every: str = "5m"
    repeat: str = "4h"


@dataclass(frozen=True, slots=True)
class RouteNode:
    """A route as read, with its children."""

    path: DocumentPath
    matchers: Matchers
    goes_on: bool
    options: RouteOptions
    muted: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    children: tuple[RouteNode, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether nothing in it, and not itself, lets an alert walk on."""
        return not self.goes_on and all(child.ends for child in self.children)


@dataclass(frozen=True, slots=True)
class RouteRule:
    """A node as a rule: ``matchers`` must all hold, and of each of ``excluded`` at least one must not."""

    node: RouteNode
    matchers: Matchers
    excluded: tuple[Matchers, ...]
    stop: bool


def read_routes(config: Config) -> RouteNode:
    """The tree below ``route``; what is wrong with it is a problem of ``config``."""
    path: DocumentPath = ("route",)
    if not isinstance(config.at(path), dict):
        there = isinstance(config.document.value, dict) and "route" in config.document.value
        text = "route: holds nothing; is what belongs to it indented below it?" if there else _NO_ROUTE
        config.report(path if there else (), text)
        return RouteNode(path, (), goes_on=False, options=RouteOptions())
    root = _read(config, path, RouteOptions())
    if not root.options.receiver:
        config.report(path, "the root route names no receiver")
    if root.matchers or root.muted or root.active:
        config.report(path, "the root route takes every alert at any time; it can have no matchers and no intervals")
    return replace(root, goes_on=False)


def route_rules(config: Config, root: RouteNode) -> list[RouteRule]:
    """All rules of the tree, those that can never act left out with a remark."""
    routes: list[RouteRule] = []
    for rule in _walk(root, (), (), may_stop=True):
        if is_possible(rule.matchers, rule.excluded):
            routes.append(rule)
        elif rule.node is not root:
            config.remark(rule.node.path, "no alert ever gets here: its matchers, or the routes before it, see to that")
    return routes


def _walk(node: RouteNode, above: Matchers, excluded: Sequence[Matchers], *, may_stop: bool) -> Iterator[RouteRule]:
    """``may_stop``: no node above lets an alert walk on that this one has taken."""
    matchers = (*above, *(matcher for matcher in node.matchers if matcher not in above))
    stops = may_stop and not node.goes_on
    passed: list[Matchers] = []
    taken: list[Matchers] = []
    for child in node.children:
        yield from _walk(child, matchers, (*excluded, *passed), may_stop=stops)
        takes_all = all(is_implied(matchers, matcher) for matcher in child.matchers)
        if takes_all or not (stops and child.ends):
            taken.append(child.matchers)
            passed += [] if child.goes_on else [child.matchers]
    yield RouteRule(node, matchers, (*excluded, *taken), stop=stops and bool(node.path[1:]))


def _read(config: Config, path: DocumentPath, inherited: RouteOptions) -> RouteNode:
    options = RouteOptions(
        receiver=config.text((*path, "receiver")) or inherited.receiver,
        group_by=tuple(config.texts((*path, "group_by"))) if config.at((*path, "group_by")) else inherited.group_by,
        wait=_duration(config, (*path, "group_wait"), inherited.wait),
        every=_duration(config, (*path, "group_interval"), inherited.every),
        repeat=_duration(config, (*path, "repeat_interval"), inherited.repeat, lasts=True),
    )
    for key in config.others(path, _KEYS):
        config.remark((*path, key), f"{key} is not known and was left out")
    return RouteNode(
        path=path,
        matchers=read_matchers(config, path),
        goes_on=config.flag((*path, "continue"), default=False),
        options=options,
        muted=tuple(config.texts((*path, "mute_time_intervals"))),
        active=tuple(config.texts((*path, "active_time_intervals"))),
        children=tuple(_read(config, inner, options) for inner in config.items((*path, "routes"))),
    )


def _duration(config: Config, path: DocumentPath, inherited: str, *, lasts: bool = False) -> str:
    """A duration of Prometheus, which knows years (of 365 days) and needs no unit for 0."""
    given = config.text(path)
    if not given:
        return inherited
    text = _YEARS.sub(lambda years: f"{int(years[1]) * 365}d", given)
    try:
        seconds = duration_s(text)
        if seconds == 0 and lasts:
            config.report(path, f"{path[-1]} cannot be zero")
        elif seconds < 1 and lasts:
            config.remark(path, "nothing is told again within a second; 1s is written")
            text = "1s"
    except ValueError as error:
        config.report(path, str(error))
        return inherited
    return text if text != "0" else "0s"
