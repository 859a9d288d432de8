"""``set:`` and ``key:``: the names a rule gives to what it saw, and what makes two events the same alert."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from rules.deciding.quiet.rows import shorten_key
from rules.deciding.quiet.state_rows import recall
from rules.events.moments import named_time, us_of
from rules.model import Event, MessageFacts
from rules.rendering.environment import RenderFailed
from rules.rendering.template_names import names_of
from rules.ruleset import Rule, RuleSet

_NOTHING: Final[dict[str, Any]] = {"labels": {}, "annotations": {}}  # where alerts keep what they say


def set_vars(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> tuple[Event, str]:
    """The event with the rule's ``vars``, each template seeing those before it; and which one failed, or ""."""
    if not rule.sets:
        return event, ""
    values: dict[str, Any] = {}
    broken = ""
    for name, template in rule.sets:
        names = names_of(replace(event, vars=values), now_us=now_us, tables=rule_set.tables)
        try:
            values = {**values, name: template.render(names)}
        except RenderFailed as error:
            broken = broken or str(error)
    return replace(event, vars=values), broken


def revive(rule_set: RuleSet, rule: Rule, stored: bytes, now_us: int) -> tuple[Event, str]:
    """An event from state, with the rule's ``vars`` set anew; and what failed, or ""."""
    return set_vars(rule_set, rule, recall(stored), now_us)


def key_of(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> tuple[str | None, str]:
    """The rule's key for the event (None: it has none, or it failed), and what failed, or ""."""
    if rule.key is None:
        return None, ""
    try:
        text = rule.key.render(names_of(event, now_us=now_us, tables=rule_set.tables))
    except RenderFailed as error:
        return None, str(error)
    return shorten_key(text.strip()), ""


def key_of_nothing(rule: Rule) -> tuple[str, str]:
    """The rule's key for an event that has nothing in it, and which name it lacks, or "" when it does without."""
    message = MessageFacts(id="0", offset=0, topic="t", project="P", publish_time_us=0)
    event, values = Event(data=_NOTHING, text="{}", attributes={}, message=message, parent=_NOTHING), dict[str, Any]()
    for name, template in rule.sets:
        with suppress(RenderFailed):
            values[name] = template.render(names_of(replace(event, vars=values), now_us=0))
    try:
        return rule.key.render(names_of(replace(event, vars=values), now_us=0)) if rule.key is not None else "", ""
    except RenderFailed as error:
        return "", error.reason if error.reason.startswith("there is no ") else ""


def began_us_of(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> tuple[int | None, str]:
    """When the life of the alert began as its sender says (None: it does not), and what failed, or "".

    That is the rule's ``since:``, or ``startsAt``, where Alertmanager and Grafana say it.
    """
    if rule.quiet.since is None:
        value = event.data.get("startsAt") if isinstance(event.data, Mapping) else None
    else:
        try:
            value = rule.quiet.since.render(names_of(event, now_us=now_us, tables=rule_set.tables)).strip()
        except RenderFailed as error:
            return None, f"since: {error}"
    began = named_time(value)
    return us_of(began) if began is not None else None, ""


def state_of(rule_set: RuleSet, rule: Rule, event: Event, now_us: int, otherwise: str) -> tuple[str, str]:
    """The rule's ``state:`` for the event (``otherwise`` when it has none or it fails), and what failed, or ""."""
    if rule.quiet.state is None:
        return otherwise, ""
    try:
        text = rule.quiet.state.render(names_of(event, now_us=now_us, tables=rule_set.tables))
    except RenderFailed as error:
        return otherwise, f"state: {error}"
    return shorten_key(text.strip()), ""
