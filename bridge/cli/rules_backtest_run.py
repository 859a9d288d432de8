"""``rules backtest``: what other rules would have told of the messages in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge.cli.command_context import Context
from bridge.cli.fitting_tables import Column
from bridge.cli.history import (
    Stretch,
    Wanted,
    format_origin,
    open_history,
    print_result,
)
from bridge.cli.loading import facts_now, world_for
from bridge.cli.output import BadConfiguration, Failed, Output, format_count
from bridge.cli.problem_listing import as_lines
from bridge.cli.setup import settings_without_secrets
from bridge.cli.spilling import SpillingState
from bridge.cli.typed import show_time
from bridge.cli.visible import VisibleText
from bridge.operate.operator_times import rfc3339
from bridge.routing.rule_files import load_last_good, rules_of
from broker.broker import Broker
from rules.language.read import read_rules_folder
from rules.language.sources import World
from rules.ruleset import RuleSet
from rules.source.problems import ProblemsFound
from rules.workbench.backtest import BacktestResult, RuleDifference, Sample
from rules.workbench.backtest import backtest as run_backtest

_KINDS = ("now sends", "no longer sends", "text changed")
_COLORS = {"-": "red", "+": "green"}


def backtest_rules(
    context: Context, since: float, topics: tuple[str, ...], limit: int | None, against: Path | None
) -> None:
    """Compare old and new rules over the stored messages, and tell the difference."""
    settings = settings_without_secrets(context).settings
    facts = facts_now(settings)
    wanted = Wanted(since, topics, limit)
    with open_history(settings) as history:
        world = world_for(context, settings, facts, history.broker)
        try:
            new = rules_of(settings, world)
            old = read_rules_folder([against], world) if against is not None else _in_force(history.broker, world)
        except ProblemsFound as error:
            raise BadConfiguration(as_lines(error.problems)) from error
        stretches = history.find_stretches(
            wanted, lambda name: bool(old.list_heard_topics([name]) or new.list_heard_topics([name]))
        )
        with history.walk(context.output, stretches, limit) as walk:
            result = run_backtest(
                old,
                new,
                walk.stream,
                until_us=walk.until_us,
                progress=walk.progress,
                stopped=walk.stopped,
                make_state=SpillingState,
            )
    print_result(
        context.output, stretches, wanted, result, _value(result), lambda: _tell(context.output, result, stretches)
    )


def _in_force(broker: Broker, world: World) -> RuleSet:
    """The rule set that the daemon runs, as the store keeps it."""
    kept = load_last_good(broker, world)
    if kept is None:
        raise Failed("the store keeps no rule set to compare with: has the daemon run? Else name a folder: --against")
    return kept[0]


def _tell(output: Output, result: BacktestResult, stretches: list[Stretch]) -> None:
    span = (
        f" from {show_time(rfc3339(result.first_us))} to {show_time(rfc3339(result.last_us))}"
        if result.messages
        else ""
    )
    partial = " so far (partial: it was interrupted)" if result.partial else ""
    messages = format_count(result.messages, "message")
    output.say(f"{messages}{span}{partial}, rules {result.old_version} and {result.new_version}")
    if result.old_version == result.new_version:
        output.say("Both are the same rules: edit the files first, or name older ones with --against DIR.")
    before, after = result.unmatched
    output.say(f"no rule wanted {before} of them before, {after} now")
    if not result.changed:
        output.confirm("nothing would be told otherwise")
    else:
        columns = [
            Column("Rule", lambda row: row.rule),
            Column("Posts before", lambda row: row.old, number=True),
            Column("Now", lambda row: row.new, number=True),
            *(_difference(kind) for kind in _KINDS),
        ]
        output.say("")
        output.print_rows(result.changed, columns, title="What would be told otherwise")
        for changed in result.changed:
            for sample in changed.samples:
                _tell_sample(output, changed, sample, format_origin(sample.origin, stretches))
    if result.list_noisiest() and not output.quiet:
        output.say("")
        noisy = [
            Column("Rule", lambda row: row.rule),
            Column("Posts before", lambda row: row.old, number=True),
            Column("Now", lambda row: row.new, number=True),
        ]
        output.print_rows(result.list_noisiest(), noisy, title="The noisiest")


def _difference(kind: Any) -> Column:
    return Column(kind.capitalize(), lambda row: row.differences.get(kind, 0), number=True)


def _tell_sample(output: Output, changed: RuleDifference, sample: Sample, origin: str) -> None:
    if output.quiet:
        return
    head = VisibleText(f"\n{changed.rule} to {sample.destination}: ", style="bold")
    head.append(f"{sample.kind}{f' ({sample.why})' if sample.why else ''}", style="yellow")
    head.append(f"  {origin}", style="dim")
    output.console.print(head, soft_wrap=True)
    for line in sample.diff():
        output.console.print(VisibleText(f"  {line}", style=_COLORS.get(line[:1], "")), soft_wrap=True)


def _value(result: BacktestResult) -> dict[str, Any]:
    return {
        "old_version": result.old_version,
        "new_version": result.new_version,
        "messages": result.messages,
        "first": rfc3339(result.first_us) if result.messages else None,
        "last": rfc3339(result.last_us) if result.messages else None,
        "unmatched": {"old": result.unmatched[0], "new": result.unmatched[1]},
        "rules": [
            {
                "rule": rule_result.rule,
                "old": rule_result.old,
                "new": rule_result.new,
                "differences": dict(rule_result.differences),
                "samples": [_sample_value(sample) for sample in rule_result.samples],
            }
            for rule_result in sorted(result.rules.values(), key=lambda rule_result: rule_result.rule)
        ],
        "noisiest": [rule_result.rule for rule_result in result.list_noisiest()],
    }


def _sample_value(sample: Sample) -> dict[str, str]:
    return {
        "kind": sample.kind,
        "origin": sample.origin,
        "destination": sample.destination,
        "old_text": sample.old_text,
        "new_text": sample.new_text,
        "why": sample.why,
    }
