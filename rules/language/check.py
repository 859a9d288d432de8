"""Checks over all rules of all files: names that clash, names that nobody has, rules that can never act."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from rules.case import Case
from rules.conditions.jsonpath import compile_path, dotted_key
from rules.deciding.vars import key_of_nothing
from rules.language.reach import find_unreachable
from rules.ruleset import Rule
from rules.source.problems import Problem
from rules.source.words import suggest


def check(rules: Sequence[Rule], cases: Iterable[Case]) -> Iterator[Problem]:
    """Problems and warnings that no single rule shows."""
    yield from _clashes(rules)
    yield from _inhibitors(rules)
    yield from _unknown_to_reports(rules)
    yield from find_unreachable(rules)
    yield from _dotted_keys(rules, cases)


def _clashes(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Names are unique over all files, and nobody's past name is another's present one."""
    first: dict[str, Rule] = {}
    for rule in rules:
        if not rule.name:
            continue
        other = first.setdefault(rule.name, rule)
        if other is not rule:
            yield _problem(
                rule, "name", f'the name "{rule.name}" is taken by the rule at {_near(other, rule)}; give it another'
            )
    past: dict[str, Rule] = {}
    for rule in rules:
        for old in rule.was:
            if old in first:
                yield _problem(rule, "was", f'"{old}" is the present name of the rule at {_near(first[old], rule)}')
            other = past.setdefault(old, rule)
            if other is not rule:
                yield _problem(rule, "was", f'the rule at {_near(other, rule)} says too that it was "{old}"')


def _inhibitors(rules: Iterable[Rule]) -> Iterator[Problem]:
    by_name = {rule.name: rule for rule in rules}
    for rule in by_name.values():
        for inhibitor in rule.quiet.inhibited_by:
            other = by_name.get(inhibitor.rule)
            if other is None:
                if inhibitor.rule:
                    yield _problem(
                        rule, "inhibited_by", f'no rule "{inhibitor.rule}"{suggest(inhibitor.rule, by_name)}'
                    )
            elif other is rule:
                yield _problem(rule, "inhibited_by", "a rule cannot keep itself quiet")
            elif not other.quiet.has_life:
                text = f'the rule "{other.name}" needs resolved:, so that it is known when its incidents are over'
                yield _problem(rule, "inhibited_by", text)


def _unknown_to_reports(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Rules that a report is about, and that are not there."""
    names = {name for rule in rules for name in (rule.name, *rule.was)}
    for rule in rules:
        for name in rule.scheduled.rules if rule.scheduled is not None else ():
            if name not in names:
                yield _problem(rule, "schedule", f'no rule "{name}"{suggest(name, names)}')


def keys_that_may_fail(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Warnings of keys of incidents that an event need not have: one without them tells no end."""
    for rule in rules:
        if rule.key is None or rule.quiet.resolved is None or "tables" in rule.key.names:
            continue
        _, failed = key_of_nothing(rule)
        if failed:
            text = (
                f"an event without it ({failed}) opens no incident, and its end is never told; "
                "say what stands in its place with | default('...')"
            )
            yield Problem(rule.key_places.get("key", rule.place), f"{rule.path}.key", text, "warning")


def _dotted_keys(rules: Iterable[Rule], cases: Iterable[Case]) -> Iterator[Problem]:
    """Paths that read a key with dots as nested keys, where a test shows that the key has dots (semantics.md 32)."""
    samples = [
        (message.incoming.topic, message.decoded.value)
        for case in cases
        for message in case.messages
        if message.decoded
    ]
    for rule in rules:
        items = [
            item
            for topic, value in samples
            if rule.topics.covers(topic)
            for item in (rule.for_each.find(value) if rule.for_each is not None else [value])
        ]
        resolved = rule.quiet.resolved
        for place in dict.fromkeys([*rule.condition.places, *(resolved.places if resolved is not None else ())]):
            if not place.text.startswith("$"):
                continue
            path = compile_path(place.text)
            meant = next((spelling for item in items if (spelling := dotted_key(path, item))), None)
            if meant is not None:
                text = f"{place.text} finds nothing in a message of the tests; its key has dots: write {meant}"
                yield Problem(rule.key_places.get("match", rule.place), f"{rule.path}.match", text, "warning")


def _near(other: Rule, rule: Rule) -> str:
    """Where another rule stands, seen from a rule: no more of the path than tells them apart."""
    file, own = PurePath(other.place.file), PurePath(rule.place.file)
    shown = file.name if file.parent == own.parent else file
    common = [text for text, two in zip(file.parts, own.parts, strict=False) if text == two]
    if file.parent != own.parent and common:
        shown = PurePath(*file.parts[len(common) :])
    return f"{shown}:{other.place.line}:{other.place.column}"


def _problem(rule: Rule, key: str, text: str) -> Problem:
    return Problem(rule.key_places.get(key, rule.place), f"{rule.path}.{key}", text)
