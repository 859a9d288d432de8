"""Alertmanager's inhibition rules: a shadow rule that keeps the incidents of each source, and who is kept quiet by it.

An alert that is both source and target is not kept quiet by others of which the same is true, so where that can be, a
second source rule keeps those that are sources only.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.importing.alertmanager_config import Config
from rules.importing.label_matchers import are_disjoint, is_implied, is_possible, read_matchers
from rules.importing.match_lines import match_of
from rules.importing.route_tree import Matchers
from rules.rendering.template_check import KNOWN_NAMES
from rules.source.problems import DocumentPath

_KEYS: Final = frozenset(
    {"name", "equal", *(f"{side}_{key}" for side in ("source", "target") for key in ("match", "match_re", "matchers"))}
)
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_METHOD: Final = "{{ data.labels[LABEL] if LABEL in data.labels else '' }}"
_TAKEN: Final = KNOWN_NAMES | {
    "phase",
    "rule",
    "key",
    "severity",
    "incident",
    "events",
    "still_firing",
    "namespace",
    "range",
    "dict",
}
"""Names that templates have already, whatever a label of the same name holds."""


@dataclass(frozen=True, slots=True)
class Inhibition:
    """One inhibition rule."""

    number: int
    path: DocumentPath
    source: Matchers
    target: Matchers
    equal: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its source rule."""
        return f"inhibit-{self.number}"

    @property
    def overlaps(self) -> bool:
        """Whether an alert may be source and target."""
        return not are_disjoint(self.source, self.target)

    def sources(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Name and match of the rules that keep its sources, those that can be."""
        if self.has(self.name):
            yield self.name, match_of(self.source)
        if self.has(f"{self.name}-only"):
            yield f"{self.name}-only", match_of(self.source, [self.target])

    def has(self, name: str) -> bool:
        """Whether it has a source rule of this name."""
        if name == self.name:
            return is_possible(self.source)
        return self.overlaps and is_possible(self.source, [self.target])

    def questions(self) -> Iterable[tuple[str, tuple[Matchers, ...], Matchers]]:
        """Which source rule is asked, for events that are not among the first and are all of the second."""
        if not self.overlaps:
            yield self.name, (), self.target
            return
        yield self.name, (self.source,), self.target
        yield f"{self.name}-only", (), tuple(dict.fromkeys((*self.target, *self.source)))


@dataclass(frozen=True, slots=True)
class InhibitionRules:
    """What a rule needs for all inhibitions of its alerts."""

    inhibited_by: list[dict[str, Any]]
    variables: dict[str, str]


def read_inhibitions(config: Config) -> list[Inhibition]:
    """All inhibition rules."""
    inhibitions: list[Inhibition] = []
    for number, path in enumerate(config.items(("inhibit_rules",)), start=1):
        for key in config.others(path, _KEYS):
            config.remark((*path, key), f"{key} is not known and was left out")
        source = read_matchers(config, path, prefix="source_")
        target = read_matchers(config, path, prefix="target_")
        inhibitions.append(Inhibition(number, path, source, target, tuple(config.texts((*path, "equal")))))
    return inhibitions


def variable_names(inhibitions: Iterable[Inhibition]) -> dict[str, str]:
    """For each label that must be equal anywhere, the variable that holds it: its own name where that is free."""
    names: dict[str, str] = {}
    for label in dict.fromkeys(label for inhibition in inhibitions for label in inhibition.equal):
        free = _IDENTIFIER.fullmatch(label) and label not in _TAKEN and not keyword.iskeyword(label)
        plain = label if free else "label_" + re.sub(r"[^A-Za-z0-9_]", "_", label)
        name, n = plain, 1
        while name in names.values():
            n += 1
            name = f"{plain}_{n}"
        names[label] = name
    return names


def inhibit_by(matchers: Matchers, inhibitions: Iterable[Inhibition], names: Mapping[str, str]) -> InhibitionRules:
    """How alerts with these matchers are kept quiet; ``names`` are those of ``variable_names``."""
    entries: list[dict[str, Any]] = []
    variables: dict[str, str] = {}
    for inhibition in inhibitions:
        if are_disjoint(matchers, inhibition.target):
            continue
        same, needed = equal_places(inhibition, names)
        variables |= needed
        for name, excluded, wanted in inhibition.questions():
            if not inhibition.has(name) or not is_possible((*matchers, *wanted), excluded):
                continue
            target = [matcher for matcher in wanted if not is_implied(matchers, matcher)]
            match = match_of(target, [others for others in excluded if not are_disjoint(matchers, others)])
            entries.append({"rule": name, **({"same": same} if same else {}), **({"match": match} if match else {})})
    return InhibitionRules(entries, variables)


def equal_places(inhibition: Inhibition, names: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The places at which source and target must be equal, and the ``set`` they need.

    A label that is missing is equal to one that is missing; a place at which nothing is found is not, so they are set.
    """
    labels = dict.fromkeys(inhibition.equal)
    return [f"vars.{names[label]}" for label in labels], {names[label]: _value(label) for label in labels}


def _value(label: str) -> str:
    """A template that gives a label, "" when it is missing; a mapping has methods that are no labels."""
    plain = _IDENTIFIER.fullmatch(label) and not keyword.iskeyword(label) and not hasattr(dict, label)
    place = f"data.labels.{label}" if plain else f"data.labels[{json.dumps(label)}]"
    return (
        f"{{{{ {place} | default('') }}}}" if not hasattr(dict, label) else _METHOD.replace("LABEL", json.dumps(label))
    )
