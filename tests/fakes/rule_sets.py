"""Rule sets from a few lines of YAML, messages with one thing changed, and a line of decisions on a virtual clock."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rules.deciding.batch_state import InMemoryState
from rules.deciding.quiet.silences import compile_silences
from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts, Incoming, Judgement, Send, Silence
from rules.ruleset import RuleSet
from rules.workbench.dry_run import DryRunStep, Rehearsal

START_US = 1_767_614_400_000_000  # Monday 2026-01-05 12:00 UTC
TOPIC = "projects/ARGO/topics/alarms"
TEMPLATES = Path(__file__).parent.parent / "data" / "rules" / "templates"
OFFICE = {"days": ["mon-fri"], "times": ["09:00-17:00"], "timezone": "UTC"}


def us(text_s: float) -> int:
    return round(text_s * 1_000_000)


def a_destination(name: str = "ops", **changed: Any) -> DestinationFacts:
    facts = {
        "kind": "mattermost",
        "max_text_runes": 16_383,
        "overrides": frozenset({"channel", "username", "icon_emoji", "priority", "thread"}),
    }
    return DestinationFacts(name=name, **{**facts, **changed})


def a_world(*destinations: DestinationFacts, **changed: Any) -> World:
    known = destinations or (
        a_destination("ops"),
        a_destination("mail", kind="email", max_text_runes=None),
        a_destination("hook", kind="webhook", max_text_runes=None, takes_body=True),
    )
    facts: dict[str, Any] = {
        "destinations": {one.name: one for one in known},
        "intervals": {"office": OFFICE, "maintenance": {"days": ["sun"]}},
        "shipped_templates": TEMPLATES,
    }
    return World(**{**facts, **changed})


def a_rule_set(text: str, world: World | None = None) -> RuleSet:
    """Rules of one file, under the usual topic unless they say otherwise."""
    text = textwrap.dedent(text).lstrip("\n")
    if not text.startswith("topic:"):
        text = f"topic: {TOPIC}\n{text}"
    return read_rules([("rules.d/test.yaml", text)], world or a_world())


def a_rule(text: str, world: World | None = None) -> RuleSet:
    """One rule named ``r`` that sends to ``ops`` unless it says otherwise."""
    lines = textwrap.dedent(text).strip("\n").splitlines()
    said = {line.split(":")[0] for line in lines if not line.startswith(" ")}
    if "send" not in said and "drop" not in said:
        lines.append("send: ops")
    body = "\n".join(f"    {line}" for line in lines)
    return a_rule_set(f"rules:\n  - name: r\n{body}\n", world)


def a_message(data: Any = None, *, offset: int = 0, **changed: Any) -> Incoming:
    data = {"status": "CRITICAL"} if data is None else data
    payload = data if isinstance(data, str) else json.dumps(data)
    facts: dict[str, Any] = {
        "topic": TOPIC,
        "offset": offset,
        "publish_time_us": START_US,
        "payload": payload,
        "attributes": {},
        "origin": f"m/u1/{offset}",
    }
    return Incoming(**{**facts, **changed})


def a_silence(matchers: Mapping[str, Any], *, start_s: float = 0, until_s: float = 3600, name: str = "s1") -> Silence:
    return Silence(name, matchers, START_US + us(start_s), START_US + us(until_s), "ann", "works")


class Line:
    """Messages one after another through a rule set; keeps all that came of them."""

    def __init__(self, rule_set: RuleSet, state: InMemoryState | None = None) -> None:
        self.rehearsal = Rehearsal(rule_set, state=state)
        self.now_us = START_US
        self.sends: list[Send] = []
        self.shadows: list[Send] = []
        self.judgements: list[Judgement] = []
        self.tally: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.failures: dict[str, str] = {}
        self.keys: Counter[tuple[str, str, int, int]] = Counter()
        self._offset = 0
        self.rehearsal.begin(START_US)

    def silence(self, *silences: Silence) -> None:
        self.rehearsal.silences = compile_silences(silences)

    def reload(self, rule_set: RuleSet) -> None:
        self.rehearsal.rule_set = rule_set
        self.rehearsal.begin(self.now_us)

    def take(self, data: Any = None, *, after_s: float = 0, **changed: Any) -> list[Send]:
        """One message ``after_s`` later; gives the sends of the message itself."""
        self.wait(after_s)
        moment = self.rehearsal.take(a_message(data, offset=self._offset, **changed), self.now_us)
        self._offset += 1
        return self._keep(moment)

    def wait(self, seconds: float) -> list[Send]:
        """Let time pass; gives the sends of the timers that were due."""
        self.now_us += us(seconds)
        sends: list[Send] = []
        for fired, moment in enumerate(self.rehearsal.run_to(self.now_us)):
            sends += self._keep(moment)
            assert fired < 20_000, f"a timer that never rests: {moment.timer}"
        return sends

    @property
    def told(self) -> list[tuple[str, str]]:
        """Phase and destination of every send so far."""
        return [(send.phase, send.destination) for send in self.sends]

    @property
    def phases(self) -> list[str]:
        return [send.phase for send in self.sends]

    @property
    def outcomes(self) -> list[str]:
        """Outcome and reason of every decided triple so far."""
        return [f"{one.outcome} {one.by}".strip() for one in self.judgements]

    def balance(self) -> int:
        """Zero when the second book balances."""
        outcomes = sum(n for name, n in self.tally.items() if name != "decided")
        return self.tally["decided"] - outcomes - sum(send.stands_for for send in (*self.sends, *self.shadows))

    def _keep(self, moment: DryRunStep) -> list[Send]:
        decision = moment.decision
        self.sends += decision.sends
        self.shadows += decision.shadows
        self.judgements += decision.judgements
        self.tally.update(decision.tally)
        self.counts.update(decision.counts)
        self.failures.update(decision.failures)
        self.keys.update(
            (send.origin, send.rule, send.send, send.part) for send in (*decision.sends, *decision.shadows)
        )
        return list(decision.sends)
