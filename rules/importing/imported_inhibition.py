"""Alertmanager's inhibition rules: a shadow rule that keeps the incidents of each source, and who is kept quiet by it.

An alert that is both source and target is not kept quiet by others of which the same is true, so where that can be, a
second source rule keeps those that are sources only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from rules.importing.alertmanager_config import Config
from rules.importing.label_matchers import disjoint, implied, possible, read_matchers
from rules.importing.match_lines import match_of
from rules.importing.route_tree import Matchers
from rules.source.problems import DocumentPath

_KEYS: Final = frozenset(
    {"name", "equal", *(f"{side}_{key}" for side in ("source", "target") for key in ("match", "match_re", "matchers"))}
)
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


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
        return not disjoint(self.source, self.target)

    def sources(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Name and match of the rules that keep its sources, those that can be."""
        if self.has(self.name):
            yield self.name, match_of(self.source)
        if self.has(f"{self.name}-only"):
            yield f"{self.name}-only", match_of(self.source, [self.target])

    def has(self, name: str) -> bool:
        """Whether it has a source rule of this name."""
        if name == self.name:
            return possible(self.source)
        return self.overlaps and possible(self.source, [self.target])

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
    found: list[Inhibition] = []
    for number, path in enumerate(config.items(("inhibit_rules",)), start=1):
        for key in config.others(path, _KEYS):
            config.remark((*path, key), f"{key} is not known and was left out")
        source = read_matchers(config, path, prefix="source_")
        target = read_matchers(config, path, prefix="target_")
        found.append(Inhibition(number, path, source, target, tuple(config.texts((*path, "equal")))))
    return found


def quieted(matchers: Matchers, inhibitions: Iterable[Inhibition]) -> InhibitionRules:
    """How alerts with these matchers are kept quiet."""
    entries: list[dict[str, Any]] = []
    variables: dict[str, str] = {}
    for one in inhibitions:
        if disjoint(matchers, one.target):
            continue
        same, needed = same_places(one)
        variables |= needed
        for name, excluded, wanted in one.questions():
            if not one.has(name) or not possible((*matchers, *wanted), excluded):
                continue
            target = [matcher for matcher in wanted if not implied(matchers, matcher)]
            match = match_of(target, [others for others in excluded if not disjoint(matchers, others)])
            entries.append({"rule": name, **({"same": same} if same else {}), **({"match": match} if match else {})})
    return InhibitionRules(entries, variables)


def same_places(inhibition: Inhibition) -> tuple[list[str], dict[str, str]]:
    """The places at which source and target must be equal, and the ``set`` they need.

    A label that is missing is equal to one that is missing; a place at which nothing is found is not, so they are set.
    """
    places: list[str] = []
    variables: dict[str, str] = {}
    for label in inhibition.equal:
        value = f"data.labels.{label}" if _IDENTIFIER.fullmatch(label) else f"data.labels[{label!r}]"
        name = label if _IDENTIFIER.fullmatch(label) else "label_" + re.sub(r"\W", "_", label, flags=re.ASCII)
        variables[name] = f"{{{{ {value} | default('') }}}}"
        places.append(f"vars.{name}")
    return places, variables
