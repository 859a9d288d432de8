"""Reads where a rule's posts go: ``send:``, and the steps of ``escalate:``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from rules.deciding.quiet.steps import MARK
from rules.language.form import Form, describe_value
from rules.language.read_expects import read_positive_s
from rules.language.template_reader import TemplateReader
from rules.model import DestinationFacts
from rules.ruleset import GONE, EscalationStep, SendEntry, Unless
from rules.source.problems import DocumentPath
from rules.source.words import hint, suggest

UNLESS: Final = ("taken", "over")
STEP_KEYS: Final = ("after", "unless", "mention")
MAX_STEPS: Final = 10
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class SendReader:
    """What reading whom a rule tells needs: templates of posts, and the destinations that there are."""

    templates: TemplateReader
    destinations: Mapping[str, DestinationFacts]

    def read_sends(self, form: Form) -> Iterable[SendEntry]:
        """All entries of ``send:``."""
        if "send" not in form:
            return
        value = form.value["send"]
        inners: list[DocumentPath] = (
            [("send", n) for n in range(len(value))] if isinstance(value, list) else [("send",)]
        )
        if isinstance(value, list) and not value:
            form.report(
                ("send",), "send needs at least one destination; to swallow messages on purpose, say drop: true"
            )
        seen: dict[str, int] = {}
        for index, inner in enumerate(inners):
            entry = self._entry(form, inner, index, seen)
            if entry is not None:
                yield entry

    def read_steps(self, form: Form) -> Iterable[EscalationStep]:
        """All steps of ``escalate:``, each later than the one before."""
        if "escalate" not in form:
            return
        if "resolved" not in form and "expect" not in form:
            form.report(
                ("escalate",), "escalate goes on until an alert is over; add resolved: to say when that is", at_key=True
            )
        value = form.value["escalate"]
        if not isinstance(value, list) or not value or len(value) > MAX_STEPS:
            wanted = "a list of steps, such as [{after: 15m, to: lead}]"
            form.report(("escalate",), f"escalate must be {wanted}, at most {MAX_STEPS}, not {describe_value(value)}")
            return
        first, seen, before_s = self._count(form), dict[str, int](), 0.0
        for number in range(len(value)):
            step = self._step(form, ("escalate", number), first + number, seen)
            if step is not None and step.after_s < before_s:
                form.report(("escalate", number, "after"), "the steps must stand in the order of their times")
            if step is not None:
                before_s = step.after_s
                yield step

    def _count(self, form: Form) -> int:
        """How many entries ``send:`` has: the steps are numbered behind them."""
        return len(form.value["send"]) if isinstance(form.value.get("send"), list) else 1

    def _step(self, form: Form, inner: DocumentPath, index: int, seen: dict[str, int]) -> EscalationStep | None:
        step = form.form(inner, "a step", "a step of escalate must be a mapping, such as {after: 15m, to: lead}")
        after_s = step.read("after", read_positive_s, None) if step.require("after") else None
        unless = cast(Unless, step.choice("unless", UNLESS, UNLESS[0]))
        mention = self.templates.plain(step, ("mention",))
        entry = self._entry(form, inner, index, seen, what="escalate", own=STEP_KEYS) if step.value else None
        if after_s is None or entry is None:
            return None
        return EscalationStep(after_s, replace(entry, slot=f"{MARK}{entry.slot}"), unless, mention)

    def _says_to(self, entry: Form, what: str) -> bool:
        """Whether an entry says to whom, as one text; what is meant otherwise is told."""
        names = [name for name in entry.value if name in self.destinations]
        value = entry.value.get("to")
        if "to" not in entry and len(names) == 1:
            entry.report((names[0],), f"{what} says who by to: write {{to: {names[0]}, ...}}", at_key=True)
            return False
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            each = ", ".join(f"{{to: {name}}}" for name in value)
            entry.report(("to",), f"to is one destination; write {what}: [{each}]")
            return False
        return entry.require("to")

    def _entry(
        self,
        form: Form,
        inner: DocumentPath,
        index: int,
        seen: dict[str, int],
        *,
        what: str = "send",
        own: Collection[str] = (),
    ) -> SendEntry | None:
        """One entry of ``what``; ``own`` are keys beside ``to`` that are no overrides."""
        value = form.value[inner[0]] if len(inner) == 1 else form.value[inner[0]][inner[1]]
        overrides: dict[str, Any] = {}
        if isinstance(value, str):
            name, at = value, inner
        else:
            entry = form.form(inner, what, f"{what} must be the name of a destination, or a mapping with to:")
            if not entry.value or not self._says_to(entry, what):
                return None
            name, at = entry.text("to"), (*inner, "to")
            overrides = {key: self.templates.making(entry, (key,)) for key in entry.value if key not in ("to", *own)}
        facts = self.destinations.get(name)
        if facts is None:
            if name:
                known = ", ".join(sorted(self.destinations)) or "none"
                if name.startswith(("#", "@")):
                    known += f'; a channel stands beside it: {{to: NAME, channel: "{name.removeprefix("#")}"}}'
                listed = hint(suggest(name, self.destinations), f"it has: {known}")
                form.report(at, f'no destination "{name}" in bridge.yaml{listed}')
            return None
        if overrides and facts.kind != GONE:
            entry = form.form(inner, f"{what} to {name}")
            entry.allow_only(("to", *own, *sorted(facts.overrides)))
            _check_headers(entry, facts)
        repeat = seen[name] = seen.get(name, -1) + 1
        return SendEntry(index, f"{repeat}:{name}", facts, overrides)


def _check_headers(entry: Form, facts: DestinationFacts) -> None:
    """Report every header of a send entry that no request can have, or that the destination alone sets."""
    value = entry.value.get("headers")
    for name in value if isinstance(value, dict) and "headers" in facts.overrides else ():
        if not _HEADER_NAME.fullmatch(str(name)):
            entry.report(("headers", name), f'"{name}" is no name for a header', at_key=True)
        elif str(name).lower() in facts.reserved_headers:
            text = f'"{name}" is set by the destination {facts.name} alone: receivers rely on it; take it out here'
            entry.report(("headers", name), text, at_key=True)
