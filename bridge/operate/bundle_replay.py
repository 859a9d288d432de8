"""Makes the decision of a bundle again: from what stands in it alone, without a store, a daemon or a folder.

Two answers: what the rules make of the subject with the state as it stands in the bundle, as ``rules explain`` says it;
and what came of the messages that led there, one after another from empty state, timers included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from bridge.operate.bundle import Bundle
from bridge.operate.explain_views import ExplanationView, explanation_view
from bridge.operate.operator_times import rfc3339
from rules.deciding.batch_state import ABSENT
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.deciding.quiet.silences import SilenceBook, compile_silence
from rules.language.read import rebuild
from rules.language.sources import World
from rules.model import Incoming, StateValue
from rules.ruleset import RuleSet
from rules.workbench.dry_run import DryRunStep, Rehearsal, TooManySteps
from rules.workbench.explain import explain as explain_rules

_MOST_STEPS: Final = 10_000
_SHOWN_RUNES: Final = 400


class ReplayedPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post that came of a step, its text cut."""

    rule: str
    destination: str
    phase: str
    key: str
    text: str


class ReplayedJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one send of a rule, and what kept it quiet."""

    rule: str
    destination: str
    key: str
    outcome: str
    by: str


class ReplayedStep(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one message, or of a timer: ``of`` is ``TOPIC:OFFSET``, or the name of the timer's row."""

    at: str
    of: str
    judgements: list[ReplayedJudgement]
    posts: list[ReplayedPost]


class BundleReplay(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a bundle: the same wherever it is asked. ``cut`` when more timers were due than are played."""

    explanation: ExplanationView
    steps: list[ReplayedStep]
    cut: bool


def replay_bundle(bundle: Bundle) -> BundleReplay:
    """Decide the subject of a bundle again. Raises ProblemsFound for rules that cannot be read, ValueError."""
    rule_set = rules_in(bundle)
    silences = SilenceBook(tuple(compile_silence(silence) for silence in bundle.silences))
    rehearsal = Rehearsal(rule_set, silences=silences)
    steps, cut = _play(rehearsal, bundle)
    subject = next(message for message in bundle.messages if _is_subject(bundle, message))
    needs = tuple(match(rule_set, subject, bundle.now_us).needs)
    rows: Mapping[str, StateValue] = rehearsal.state.read(needs, bundle.now_us) if bundle.scrubbed else bundle.rows
    context = DecideContext(bundle.now_us, silences, bundle.key_counts)
    state = {name: rows.get(name, ABSENT) for name in needs}
    explanation = explain_rules(rule_set, subject, state, context)
    return BundleReplay(explanation=explanation_view(explanation), steps=steps, cut=cut)


def rules_in(bundle: Bundle) -> RuleSet:
    """The rule set of a bundle. Raises ProblemsFound, ValueError."""
    return rebuild(bundle.sources.to_bytes(), World(destinations={to.name: to for to in bundle.destinations}))


def _is_subject(bundle: Bundle, message: Incoming) -> bool:
    return (message.topic, message.offset) == (bundle.subject.topic, bundle.subject.offset)


def _play(rehearsal: Rehearsal, bundle: Bundle) -> tuple[list[ReplayedStep], bool]:
    """Every message and every timer in turn; and whether that was cut short."""
    steps: list[ReplayedStep] = []
    try:
        steps.extend(
            _view(step)
            for step in _steps(rehearsal, bundle)
            if step.incoming is not None or step.decision.sends or step.decision.shadows
        )
    except TooManySteps:
        return steps, True
    return steps, False


def _steps(rehearsal: Rehearsal, bundle: Bundle) -> Iterator[DryRunStep]:
    for message in bundle.messages:
        yield from rehearsal.run_to(message.publish_time_us, _MOST_STEPS)
        yield rehearsal.take(message, message.publish_time_us)
    yield from rehearsal.run_to(bundle.now_us, _MOST_STEPS)


def _view(step: DryRunStep) -> ReplayedStep:
    decision, incoming = step.decision, step.incoming
    timer = step.timer.key if step.timer is not None else ""
    return ReplayedStep(
        at=rfc3339(step.at_us),
        of=f"{incoming.topic}:{incoming.offset}" if incoming is not None else timer,
        judgements=[msgspec.convert(each, ReplayedJudgement, from_attributes=True) for each in decision.judgements],
        posts=[
            ReplayedPost(
                rule=send.rule,
                destination=send.destination,
                phase=send.phase,
                key=send.key,
                text=send.post.text[:_SHOWN_RUNES],
            )
            for send in (*decision.sends, *decision.shadows)
        ],
    )
