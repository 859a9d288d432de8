"""What each rule did, as counted: by what came of it, and under the names it had."""

from __future__ import annotations

from bridge.routing.rule_counts import count_by_rule, counts_of, rule_counts
from rules.model import Decision, Judgement
from tests.fakes.rule_sets import a_rule_set


def decided(rule: str, *outcomes: tuple[str, str]) -> dict[tuple[str, str], int]:
    """The counters of topic ``t`` after a decision with these outcomes."""
    judgements = tuple(Judgement(0, rule, n, "ops", "k", outcome, by) for n, (outcome, by) in enumerate(outcomes))
    return {("t", name): n for name, n in counts_of(Decision(judgements=judgements)).items()}


def the_rule(name: str, more: str = ""):
    (rule,) = a_rule_set(f"rules: [{{name: {name}, match: {{$.a: 1}}, text: t, send: ops{more}}}]").rules
    return rule


def test_outcomes_are_counted_and_what_suppressed_them_without_its_id() -> None:
    quieted = [("suppressed", "silence:4711"), ("suppressed", "duplicate")]
    counts = rule_counts(the_rule("r"), count_by_rule(decided("r", ("sent", ""), ("held", "group"), *quieted)))
    assert (counts.decided, counts.sent, counts.held, counts.suppressed) == (4, 1, 1, 2)
    assert counts.suppressed_by == {"duplicate": 1, "silence": 1}


def test_a_renamed_rule_keeps_what_it_did_under_its_old_name() -> None:
    counters = decided("old", ("sent", "")) | {("u", name): n for (_, name), n in decided("new", ("sent", "")).items()}
    assert rule_counts(the_rule("new", ", was: [old]"), count_by_rule(counters)).sent == 2
