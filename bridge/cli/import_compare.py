"""``--compare amtool``: whom Alertmanager's own tool would tell, beside whom the imported rules tell."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.cli.output import Failed
from rules.deciding.match import match
from rules.importing.alertmanager import Converted
from rules.importing.default_topic import TOPIC
from rules.importing.label_matchers import LabelMatcher
from rules.language.cases import START_US
from rules.model import Incoming
from rules.ruleset import RuleSet

_PATIENCE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Difference:
    """Labels of an alert for which Alertmanager's own tool and the imported rules name different receivers."""

    labels: Mapping[str, str]
    alertmanager: tuple[str, ...]
    rules: tuple[str, ...]

    def __str__(self) -> str:
        text = ", ".join(f"{name}={value}" for name, value in self.labels.items()) or "no labels"
        there, here = (", ".join(names) or "nobody" for names in (self.alertmanager, self.rules))
        return f"{text}: Alertmanager tells {there}; the rules tell {here}"


def compare(config: Path, converted: Converted, rule_set: RuleSet) -> Iterator[Difference]:
    """Every difference between the two, over the label sets that the conversion made up.

    Receivers that tell nobody are nobody on both sides. Raises Failed when amtool is missing or does not take the file.
    """
    program = shutil.which("amtool")
    if program is None:
        raise Failed("amtool is not installed; it comes with Debian's prometheus-alertmanager")
    for labels in converted.samples:
        there = tuple(sorted(set(_ask_amtool(program, config, labels)) - converted.silent))
        here = tuple(sorted(set(find_receivers(converted, rule_set, labels)) - converted.silent))
        if there != here:
            yield Difference(labels, there, here)


def find_receivers(converted: Converted, rule_set: RuleSet, labels: Mapping[str, str]) -> list[str]:
    """The receivers whose rules take a firing alert with these labels, one for each route."""
    alert = {"status": "firing", "labels": dict(labels), "annotations": {}}
    payload = json.dumps({"status": "firing", "alerts": [alert]})
    incoming = Incoming(_topic(rule_set), 0, START_US, payload, {}, "import")
    matched = match(rule_set, incoming, START_US).found
    routes = [converted.routes[matching.rule.name] for matching in matched if matching.rule.name in converted.routes]
    return [receiver for _, receiver in dict.fromkeys(routes)]


def _topic(rule_set: RuleSet) -> str:
    return next((pattern for rule in rule_set.rules for pattern in rule.topics.patterns), TOPIC)


def _ask_amtool(program: str, config: Path, labels: Mapping[str, str]) -> list[str]:
    texts = [str(LabelMatcher(name, "=", value)) for name, value in labels.items()]
    arguments = [program, "config", "routes", "test", f"--config.file={config}", *texts]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"amtool could not be asked: {error}") from error
    if done.returncode:
        raise Failed(f"amtool does not take {config}: {' '.join((done.stderr or done.stdout).split())}")
    return [name for name in done.stdout.strip().split(",") if name]
