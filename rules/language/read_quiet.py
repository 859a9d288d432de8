"""Reads the quiet keys of one rule (rules-language.md section 5): key, dedupe, resolved, group and the rest."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

from rules.conditions.conditions import Condition, compile_match
from rules.conditions.event_places import EventPlace, read_place
from rules.conditions.jsonpath import PathProblem
from rules.deciding.quiet.group import MOST_GAPS
from rules.events.intervals import Interval
from rules.language.form import Form, describe_value
from rules.language.read_expects import read_expects, read_positive_s
from rules.language.template_reader import TemplateReader
from rules.rendering.environment import CompiledTemplate
from rules.ruleset import (
    FORGET_AFTER_S,
    GROUP_MAX,
    MAX_KEYS,
    Flapping,
    Group,
    Hours,
    Inhibitor,
    Overflow,
    Quiet,
    SilencedEnds,
    Threshold,
    Throttle,
)
from rules.source.bounds import SHORTEST_REPEAT_S
from rules.source.problems import DocumentPath, Problem, path_text
from rules.source.words import Rate, duration_s, duration_text, hint, rate, suggest

QUIET_KEYS: Final = (
    "key", "dedupe", "state", "resolved", "since", "group", "throttle", "overflow", "repeat", "flapping", "for",
    "count", "expect", "hours", "not_hours", "inhibited_by", "shadow", "forget_after", "max_keys", "silenced_ends",
)  # fmt: skip
OVERFLOWS: Final = ("digest", "drop", "delay")
SILENCED_ENDS: Final = ("tell", "wait")
MAX_GROUP: Final = 1000
MAX_CHANGES: Final = 100
MAX_COUNT: Final = 1000
MAX_WINDOWS: Final = 4


_SPAN: Final = re.compile(r"\d{1,2}:\d\d|\b(?:mon|tue|wed|thu|fri|sat|sun)(?:day)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class QuietReader:
    """What reading quiet keys needs beside the rule's own mapping; ``posts`` reads templates of posts."""

    templates: TemplateReader
    posts: TemplateReader
    intervals: Mapping[str, Interval]
    variables: Collection[str]

    def read(self, form: Form) -> Quiet:
        """All quiet keys of a rule."""
        resolved = self._resolve(form)
        quiet = Quiet(
            dedupe_s=form.read("dedupe", read_positive_s, None),
            state=self.templates.plain(form, ("state",)),
            resolved=resolved,
            since=self.templates.plain(form, ("since",)),
            group=self._group(form),
            throttle=_throttle(form),
            repeat_s=form.read("repeat", _repeat_s, None),
            flapping=_flapping(form),
            lasts_s=form.read("for", read_positive_s, None),
            threshold=_threshold(form),
            expects=read_expects(form, self.templates.environment.tables),
            hours=(*self._hours(form, "hours"), *self._hours(form, "not_hours")),
            inhibited_by=tuple(self._inhibitors(form)),
            shadow=form.flag("shadow"),
            forget_after_s=form.read("forget_after", read_positive_s, FORGET_AFTER_S) or FORGET_AFTER_S,
            max_keys=form.count("max_keys", MAX_KEYS),
            silenced_ends=cast(SilencedEnds, form.choice("silenced_ends", SILENCED_ENDS, "tell")),
        )
        _check_needs(form, quiet)
        return quiet

    def _resolve(self, form: Form) -> Condition | None:
        return self._condition(form, ("resolved",)) if "resolved" in form else None

    def _condition(self, form: Form, inner: DocumentPath) -> Condition:
        value, path = form.value, (*form.path, *inner)
        for step in inner:
            value = value[step]
        return compile_match(value, form.document, path, form.problems, self.variables)

    def _group(self, form: Form) -> Group | None:
        if "group" not in form:
            return None
        by = form.value["group"]
        texts = [by] if isinstance(by, str) else by if isinstance(by, list) else []
        meant = f"group: {{by: [{', '.join(map(str, texts))}]}}" if texts else ""
        group = form.form(("group",), "group", f"group must be a mapping, such as {meant}" if meant else "")
        group.allow_only(("by", "wait", "every", "max", "headline", "table"))
        return Group(
            by=tuple(self.places(group, "by")),
            wait_s=group.read("wait", duration_s, 30.0),
            gaps_s=_gaps_s(group),
            max=group.count("max", GROUP_MAX, most=MAX_GROUP),
            headline=self.posts.template(group, ("headline",), "markdown"),
            table=tuple(self.posts.columns(group)),
        )

    def _hours(self, form: Form, key: str) -> list[Hours]:
        hourses: list[Hours] = []
        for inner, name in form.texts(key):
            interval = self.intervals.get(name)
            if interval is None:
                known = ", ".join(self.intervals) or "none"
                listed = hint(suggest(name, self.intervals), f"it has: {known}")
                if _SPAN.search(name):
                    listed = f'; say hours there: intervals: {{NAME: {{times: ["09:00-17:00"]}}}}{listed}'
                form.report(inner, f'no interval "{name}" in bridge.yaml{listed}')
            else:
                hourses.append(Hours(interval, outside=key == "not_hours"))
        return hourses

    def _inhibitors(self, form: Form) -> list[Inhibitor]:
        if "inhibited_by" not in form:
            return []
        value = form.value["inhibited_by"]
        inners: list[DocumentPath] = (
            [("inhibited_by", n) for n in range(len(value))] if isinstance(value, list) else [("inhibited_by",)]
        )
        inhibitors: list[Inhibitor] = []
        for inner in inners:
            inhibitor = form.form(
                inner, "inhibited_by", "inhibited_by must be a mapping, such as {rule: NAME, same: [$.site]}"
            )
            inhibitor.allow_only(("rule", "same", "match"))
            if inhibitor.require("rule"):
                condition = self._condition(form, (*inner, "match")) if "match" in inhibitor else None
                inhibitors.append(Inhibitor(inhibitor.text("rule"), tuple(self.places(inhibitor, "same")), condition))
        return inhibitors

    def places(self, form: Form, key: str) -> list[EventPlace]:
        """Places of events, such as ``[$.site, attributes.vo]``."""
        event_places: list[EventPlace] = []
        for inner, text in form.texts(key):
            try:
                event_places.append(read_place(text, self.variables))
            except PathProblem as error:
                place = form.document.place_inside((*form.path, *inner), 1, error.column)
                form.problems.append(Problem(place, path_text((*form.path, *inner)), str(error)))
        return event_places


def key_template(templates: TemplateReader, form: Form) -> CompiledTemplate | None:
    """The rule's ``key:``; what counts per key is a load error without it (semantics.md item 27)."""
    if "key" not in form:
        for needy in ("dedupe", "resolved", "repeat", "flapping", "count", "expect"):
            if needy in form:
                example = '"{{ data.host }}"'
                form.report(
                    (needy,),
                    f"{needy} counts for each key; add a key: to the rule, such as key: {example}",
                    at_key=True,
                )
    return templates.plain(form, ("key",))


def _check_needs(form: Form, quiet: Quiet) -> None:
    """Keys that make no sense without another one."""
    if "overflow" in form and quiet.throttle is None and "throttle" not in form:
        form.report(
            ("overflow",), "overflow says what becomes of posts beyond throttle:; there is no throttle", at_key=True
        )
    has_life = "resolved" in form or "expect" in form
    if quiet.repeat_s is not None and not has_life:
        form.report(
            ("repeat",), "repeat reminds until an alert is over; add resolved: to say when that is", at_key=True
        )
    if "since" in form and "resolved" not in form:
        form.report(
            ("since",), "since tells the lives of an alert apart; add resolved: to say when one is over", at_key=True
        )
    if quiet.lasts_s is not None and "resolved" not in form:
        more = "or, to wait for more of the same, write group: {wait: 5m}"
        form.report(
            ("for",), f"for waits until an alert has lasted; add resolved: to say when it is over, {more}", at_key=True
        )
    if quiet.lasts_s is not None and quiet.lasts_s >= quiet.forget_after_s:
        longest = duration_text(quiet.forget_after_s)
        form.report(
            ("for",), f"an alert without news is forgotten after {longest}; for must be shorter, or forget_after longer"
        )
    if "silenced_ends" in form and not has_life:
        form.report(
            ("silenced_ends",), "silenced_ends is about the end of an alert; add resolved: to say when that is",
            at_key=True,
        )  # fmt: skip
    if quiet.flapping is not None and "resolved" not in form and "state" not in form:
        form.report(("flapping",), "flapping counts changes of state; add resolved: or state:", at_key=True)
    if "state" in form and "dedupe" not in form and "flapping" not in form:
        form.report(("state",), "state has no effect without dedupe: or flapping:", at_key=True, kind="warning")


def _throttle(form: Form) -> Throttle | None:
    overflow = form.choice("overflow", OVERFLOWS, "digest")
    rates = form.read("throttle", _rates, None)
    return None if rates is None else Throttle(rates, cast(Overflow, overflow))


def _rates(value: object) -> tuple[Rate, ...]:
    """One rate, or several with windows of different lengths. Raises ValueError."""
    rates = [rate(member) for member in value] if isinstance(value, list) else [rate(value)]
    if not 1 <= len(rates) <= MAX_WINDOWS or len({given.per_s for given in rates}) < len(rates):
        raise ValueError(f"throttle takes 1 to {MAX_WINDOWS} rates of different times, such as [5/1m, 30/1h]")
    ordered = sorted(rates, key=lambda given: given.per_s)
    for short, long in pairwise(ordered):
        if long.count <= short.count:
            raise ValueError(f"{_rate_text(long)} lets {_rate_text(short)} never come to its own; leave that out")
    return tuple(rates)


def _rate_text(given: Rate) -> str:
    return f"{given.count}/{duration_text(given.per_s)}"


def _gaps_s(group: Form) -> tuple[float, ...]:
    """``every``: a gap, or several, each longer than the one before."""
    if not isinstance(group.value.get("every"), list):
        return (group.read("every", duration_s, 0.0),)
    return group.read("every", _growing, (0.0,))


def _growing(value: list[object]) -> tuple[float, ...]:
    gaps_s = tuple(duration_s(member) for member in value)
    if not 1 <= len(gaps_s) <= MOST_GAPS or any(sooner >= later for sooner, later in pairwise(gaps_s)):
        raise ValueError(f"several gaps are 1 to {MOST_GAPS}, each longer than the one before, such as [5m, 30m, 2h]")
    return gaps_s


def _flapping(form: Form) -> Flapping | None:
    if "flapping" not in form:
        return None
    flapping = form.form(("flapping",), "flapping")
    flapping.allow_only(("changes", "within"))
    changes = flapping.count("changes", 5, least=2, most=MAX_CHANGES)
    within_s = flapping.read("within", read_positive_s, None) if flapping.require("within") else None
    return None if within_s is None else Flapping(changes, within_s)


def _threshold(form: Form) -> Threshold | None:
    if "count" not in form:
        return None
    count = form.form(("count",), "count", "count must be a mapping, such as {at_least: 3, within: 10m}")
    count.allow_only(("at_least", "within"))
    needed = count.require("at_least"), count.require("within")
    at_least = count.count("at_least", 2, least=2, most=MAX_COUNT)
    within_s = count.read("within", read_positive_s, None)
    return None if within_s is None or not all(needed) else Threshold(at_least, within_s)


def _repeat_s(value: object) -> float:
    seconds = read_positive_s(value)
    if seconds < SHORTEST_REPEAT_S:
        raise ValueError(
            f"{describe_value(value)} is too often; the shortest repeat is {duration_text(SHORTEST_REPEAT_S)}"
        )
    return seconds
