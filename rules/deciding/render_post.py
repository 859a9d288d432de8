"""Makes the posts of a rule: the neutral form that every destination draws its own way.

A template that fails never loses an alert: the text becomes the built-in rendering, any other part is left out, and the
post has a note for each. Programs are not given half of what their rule asks for: where ``body:`` or a part of the send
fails, what would go to one is ``broken``, and becomes a dead letter. ``fallback`` says why, for whoever runs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final

from rules.events.moments import from_us
from rules.model import Event, Field, Phase, Post
from rules.rendering.environment import CompiledTemplate, RenderFailed
from rules.rendering.escape import escape_md
from rules.rendering.fallback import render_fallback
from rules.rendering.group_text import MANY, ToldEvent, group_text, headline_text, table_text
from rules.rendering.template_names import names_of
from rules.ruleset import Group, Making, Rule, RuleSet, SendEntry

NORMAL_PRIORITY: Final = 1
_PRIORITY: Final = {"low": 0, "standard": 1, "normal": 1, "important": 2, "high": 2, "urgent": 3, "critical": 3}
_WORSE: Final = ("", "ok", "info", "warning", "error", "critical")
_SHIPPED_FOR_ONE: Final = frozenset(
    (
        *("alertmanager/alert", "grafana/alert", "argo/status", "argo/alarm", "icinga/event", "nagios/event"),
        *("zabbix/event", "cloudevent", "plain"),
    )
)
"""Shipped templates that are of one event; in a post about many a table takes their place."""
SEVERITY_PRIORITY: Final[Mapping[str, int]] = {"critical": 3, "error": 2}
"""How urgent a post is by its severity, where its send does not say; all others are NORMAL_PRIORITY."""


@dataclass(frozen=True, slots=True)
class GroupEvent:
    """One event of a group, why it was told (its phase), a note on that, and the event's own key."""

    event: Event
    phase: Phase
    note: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a post is about: rule, events, phase and incident.

    ``since_us`` is when the incident told of began, 0 without one. ``events`` are those of a group, and
    ``still_firing`` what was told of it before and is not over; ``broken`` says which template of the rule failed.
    """

    rule: Rule
    event: Event
    phase: Phase
    key: str = ""
    since_us: int = 0
    events: tuple[GroupEvent, ...] = ()
    still_firing: tuple[Event, ...] = ()
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Composed:
    """A post, and why some of it is not what the rule asked for ("" when all is well).

    ``body_fails`` says why there is no ``body`` although the rule asks for one.
    """

    post: Post
    fallback: str = ""
    body_fails: str = ""


@dataclass(slots=True)
class _Failures:
    """Which parts of a post could not be made, and why: for those who run it, and as notes for those who read it."""

    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, part: str, error: RenderFailed) -> None:
        """One part that is left out."""
        self.reasons.append(f"{part}: {error}")
        self.notes.append(f"{part} is left out, its template failed: {describe_failure(error)}")


def compose(
    rule_set: RuleSet, scene: Scene, now_us: int, entries: Sequence[SendEntry], notes: Mapping[str, str]
) -> dict[str, Composed]:
    """The post for each entry, by slot. ``notes`` are lines to add to the text, by slot (or "" for all)."""
    names = _names(rule_set, scene, now_us)
    base = _base(scene, names)
    composed: dict[str, Composed] = {}
    for entry in entries:
        note = notes.get(entry.slot, "") or notes.get("", "")
        post, failures = base.post, _Failures()
        if note:
            post = replace(post, text=append_note(post.text, note))
        if entry.overrides:
            post = replace(post, overrides=_overrides(entry, names, failures))
        broken = join_reasons([base.body_fails, *failures.reasons]) if entry.to.takes_body else ""
        if broken:
            post = replace(post, broken=f"what the rule asks for could not be made: {broken}")
        elif failures.notes:
            post = replace(post, text=_with_notes(post.text, failures.notes))
        composed[entry.slot] = Composed(post, join_reasons([base.fallback, *failures.reasons]), base.body_fails)
    return composed


def compose_alone(rule_set: RuleSet, scene: Scene, now_us: int) -> Post:
    """The post of a scene without anything that belongs to one destination."""
    return _base(scene, _names(rule_set, scene, now_us)).post


def overrides_of(rule_set: RuleSet, scene: Scene, now_us: int, entry: SendEntry) -> dict[str, Any]:
    """The rendered overrides of a send entry alone; those whose template fails are left out."""
    return _overrides(entry, _names(rule_set, scene, now_us), _Failures()) if entry.overrides else {}


def severity_of(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> str:
    """The severity a post of this event would have, for silences; "" when the rule names none or it fails."""
    making = rule.making.parts.get("severity")
    if making is None:
        return ""
    try:
        return making.render(names_of(event, now_us=now_us, tables=rule_set.tables)).strip().lower()
    except RenderFailed:
        return ""


def priority_of(post: Post) -> int:
    """How urgent a post is among others of its destination: 0 (low) to 3 (critical). A send's ``priority`` wins."""
    value = post.overrides.get("priority")
    if isinstance(value, Mapping):
        value = value.get("priority")
    if isinstance(value, str) and value.lower() in _PRIORITY:
        return _PRIORITY[value.lower()]
    return SEVERITY_PRIORITY.get(post.severity, NORMAL_PRIORITY)


def append_note(text: str, note: str) -> str:
    """A text with a note in a line of its own behind it."""
    return "\n".join(part for part in (text, note and f"_{note}_") if part)


def join_reasons(reasons: Iterable[str]) -> str:
    """Several reasons for a fall-back as one."""
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _names(rule_set: RuleSet, scene: Scene, now_us: int) -> dict[str, Any]:
    incident = {"since": from_us(scene.since_us), "key": scene.key} if scene.since_us else None
    names: dict[str, Any] = {
        "phase": scene.phase,
        "rule": scene.rule.name,
        "key": scene.key,
        "incident": incident,
        "severity": "",
    }
    names.update(names_of(scene.event, now_us=now_us, tables=rule_set.tables))
    if scene.events or scene.rule.quiet.group is not None:
        events = scene.events or (GroupEvent(scene.event, scene.phase, key=scene.key),)
        names["events"] = [
            {
                **names_of(event.event, now_us=now_us, tables=rule_set.tables),
                "phase": event.phase,
                "note": event.note,
                "key": event.key,
            }
            for event in events
        ]
        names["still_firing"] = [names_of(event, now_us=now_us, tables=rule_set.tables) for event in scene.still_firing]
    return names


def describe_failure(error: RenderFailed) -> str:
    """Why a template failed, as people in a channel may read it: the file without where it lies on the server."""
    return str(RenderFailed(PurePath(error.template).name, error.line, error.reason))


def _with_notes(text: str, notes: Sequence[str]) -> str:
    for note in dict.fromkeys(notes):
        text = append_note(text, " ".join(escape_md(note).split()))
    return text


def _base(scene: Scene, names: dict[str, Any]) -> Composed:
    """All of the post that its entries share."""
    failures = _Failures()
    making = scene.rule.making
    severity = _severity(scene, names, failures)
    if "severity" not in scene.event.vars:
        names["severity"] = severity
    parts: dict[str, Any] = {
        name: _part(name, template, names, failures) for name, template in making.parts.items() if name != "severity"
    }
    fields = tuple(_fields(scene.rule, names, failures))
    body, body_fails = _body(making.body, names) if making.has_body else (None, "")
    text, why_plain = _text(scene, names)
    reasons = join_reasons([*failures.reasons, body_fails, why_plain])
    post = Post(_with_notes(text, failures.notes), severity=severity, fields=fields, body=body, **parts)
    return Composed(post, reasons, body_fails)


def _severity(scene: Scene, names: dict[str, Any], failures: _Failures) -> str:
    """The post's severity; of a group that does not say it for all, the worst of its events."""
    template = scene.rule.making.parts.get("severity")
    if len(scene.events) > 1 and {event.phase for event in scene.events} <= {"resolved", "stale"}:
        return "ok"  # whatever was over was as bad as its event says; a post about nothing but ends is green
    if template is None:
        phases = {event.phase for event in scene.events} or {scene.phase}
        return "ok" if phases == {"resolved"} else ""
    if len(scene.events) <= 1 or "events" in template.names:
        return _part("severity", template, names, failures).strip().lower()
    texts = [_part("severity", template, {**names, **name}, failures).strip().lower() for name in names["events"]]
    return max(texts, key=lambda severity: _WORSE.index(severity) if severity in _WORSE else 0)


def _text(scene: Scene, names: dict[str, Any]) -> tuple[str, str]:
    """The text, and why it is the plain one."""
    making = scene.rule.making
    reason, shown = scene.broken, _without_folders(scene.broken)
    if not reason and making.text is not None:
        try:
            return _render_text(making.text, scene, names), ""
        except RenderFailed as error:
            reason, shown = str(error), describe_failure(error)
    note = f"the template failed: {shown}" if reason else ""
    if len(scene.events) <= 1:
        event, own = (scene.events[0].event, scene.events[0].note) if scene.events else (scene.event, "")
        return append_note(render_fallback(event, now=names["now"], note=note), own), reason
    texts = [render_fallback(event.event, now=names["now"], note=note) for event in scene.events]
    plain = _group_text(scene, names, texts, shipped=True)
    lost = note and len(scene.events) >= MANY
    return append_note(plain, escape_md(" ".join(note.split()))) if lost else plain, reason


def _without_folders(reason: str) -> str:
    """A reason kept with an event (which ``set:`` or ``key:`` failed), without where its file lies on the server."""
    file, colon, rest = reason.partition(" line ")
    return f"{PurePath(file).name}{colon}{rest}" if colon and file.startswith("/") else reason


def _render_text(text: CompiledTemplate, scene: Scene, names: dict[str, Any]) -> str:
    """The text of one event, or of a group: from a template that lists ``events``, else one text after another."""
    if len(scene.events) <= 1:
        return text.render(names)
    group = scene.rule.quiet.group
    if group is not None and (group.headline is not None or group.table):
        return _table_text(text, group, scene, names)
    if scene.rule.making.knows_groups:
        blocks = [text.render(names).strip("\n"), *(f"_{event.note}_" for event in scene.events if event.note)]
        return ("\n\n" if any("\n" in block for block in blocks) else "\n").join(blocks)
    texts = [text.render({**names, **name}) for name in names["events"]]
    return _group_text(scene, names, texts, shipped=text.label in _SHIPPED_FOR_ONE)


def _table_text(text: CompiledTemplate, group: Group, scene: Scene, names: dict[str, Any]) -> str:
    """A group's headline, and below it a table, or the texts of its events where there is none."""
    each = [{**names, **event} for event in names["events"]]
    if group.table:
        heads = [column.title.render(names) for column in group.table]
        rows = [[column.value.render(event) for column in group.table] for event in each]
        below = table_text(heads, rows, [event.note for event in scene.events])
    else:
        below = "\n".join(append_note(text.render(event), event["note"]).strip("\n") for event in each)
    over = all(event.phase in ("resolved", "stale") for event in scene.events)
    headline = group.headline.render(names) if group.headline is not None else ""
    headline = headline or headline_text([event.event.data for event in scene.events], scene.rule.name, over=over)
    return f"{headline.strip()}\n\n{below}"


def _group_text(scene: Scene, names: dict[str, Any], texts: Sequence[str], *, shipped: bool) -> str:
    """The texts of a group's events as one, with a headline where they are long or many."""
    events = [
        ToldEvent(event.event.data, event.phase, text, event.note)
        for event, text in zip(scene.events, texts, strict=True)
    ]
    return group_text(events, rule=scene.rule.name, severity=str(names["severity"]), shipped=shipped)


def _part(part: str, template: CompiledTemplate, names: dict[str, Any], failures: _Failures) -> str:
    try:
        return template.render(names)
    except RenderFailed as error:
        failures.add(part, error)
        return ""


def _fields(rule: Rule, names: dict[str, Any], failures: _Failures) -> Iterable[Field]:
    for n, making in enumerate(rule.making.fields, start=1):
        title = _part(f"the title of field {n}", making.title, names, failures)
        yield Field(title, _part(f"field {title or n}", making.value, names, failures), making.short)


def _body(making: Making, names: dict[str, Any]) -> tuple[Any, str]:
    """The body, and why there is none."""
    try:
        if isinstance(making, CompiledTemplate):
            return json.loads(making.render(names)), ""
        return render_making(making, names), ""
    except RenderFailed as error:
        return None, f"body: {error}"
    except ValueError as error:
        return None, f"body: the template gives no JSON: {error}"


def _overrides(entry: SendEntry, names: dict[str, Any], failures: _Failures) -> dict[str, Any]:
    """The send's other keys, without those whose template fails."""
    overrides: dict[str, Any] = {}
    for name, making in entry.overrides.items():
        try:
            overrides[name] = render_making(making, names)
        except RenderFailed as error:
            failures.add(name, error)
    return overrides


def render_making(making: Making, names: dict[str, Any]) -> Any:
    """A value with its templates filled in. Raises RenderFailed."""
    if isinstance(making, CompiledTemplate):
        return making.render(names)
    if isinstance(making, dict):
        return {key: render_making(member, names) for key, member in making.items()}
    if isinstance(making, list):
        return [render_making(member, names) for member in making]
    return making
