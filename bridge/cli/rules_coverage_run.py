"""``rules coverage``: what of the rules never mattered to the messages in the store."""

from __future__ import annotations

from typing import Any

from bridge.cli.command_context import Context
from bridge.cli.drawing import short_topic
from bridge.cli.fitting_tables import Column
from bridge.cli.history import Wanted, open_history, print_result
from bridge.cli.loading import facts_now, world_for
from bridge.cli.output import BadConfiguration, Output, format_count
from bridge.cli.problem_listing import as_lines, from_here
from bridge.cli.setup import settings_without_secrets
from bridge.cli.spilling import SpillingState
from bridge.cli.visible import VisibleText
from bridge.routing.rule_files import rules_of
from rules.source.problems import Place, ProblemsFound
from rules.workbench.coverage import CoverageResult, RuleCoverage
from rules.workbench.coverage import coverage as run_coverage


def measure_coverage(context: Context, since: float, topics: tuple[str, ...], limit: int | None) -> None:
    """Run the stored messages through the rules, and tell what none of them reached."""
    settings = settings_without_secrets(context).settings
    facts = facts_now(settings)
    wanted = Wanted(since, topics, limit)
    with open_history(settings) as history:
        world = world_for(context, settings, facts, history.broker)
        try:
            rule_set = rules_of(settings, world)
        except ProblemsFound as error:
            raise BadConfiguration(as_lines(error.problems)) from error
        stretches = history.find_stretches(wanted, lambda name: bool(rule_set.list_heard_topics([name])))
        with history.walk(context.output, stretches, limit) as walk:
            result = run_coverage(
                rule_set,
                world,
                walk.stream,
                until_us=walk.until_us,
                progress=walk.progress,
                stopped=walk.stopped,
                make_state=SpillingState,
            )
    print_result(context.output, stretches, wanted, result, _value(result), lambda: _tell(context.output, result))


def _tell(output: Output, result: CoverageResult) -> None:
    partial = " so far (partial: it was interrupted)" if result.partial else ""
    output.say(f"{format_count(result.messages, 'message')}{partial}, {result.unmatched} of them wanted by no rule")
    silent = sum(not rule.acted for rule in result.rules)
    unheld = sum(not line.held for rule in result.rules for line in rule.lines)
    untaken = sum(not branch.taken for rule in result.rules for branch in rule.branches)
    never = f"{format_count(silent, 'rule')} acted, {format_count(unheld, 'condition')} held"
    output.say(f"never: {never}, {untaken} branches taken\n")
    columns = [
        Column("Rule", lambda row: row.rule),
        Column("Acted", lambda row: row.acted, number=True, style=lambda row: "" if row.acted else "bold red"),
        Column("Sends", lambda row: row.sends, number=True),
        Column("Conditions", lambda row: _share(sum(line.held for line in row.lines), len(row.lines)), number=True),
        Column(
            "Branches", lambda row: _share(sum(branch.taken for branch in row.branches), len(row.branches)), number=True
        ),
    ]
    if any(rule.hidden_by for rule in result.rules):
        columns.append(Column("Hidden by", lambda row: ", ".join(f"{name} ({n})" for name, n in row.hidden_by.items())))
    output.print_rows(result.rules, columns, empty="There is no rule.")
    if output.quiet:
        return
    for rule in result.rules:
        _tell_rule(output, rule)
    if result.unwanted:
        output.console.print(VisibleText("\nWanted by no rule, one of each shape", style="bold"))
        for event in result.unwanted:
            text = " ".join(event.text.split())[:200]
            output.console.print(VisibleText(f"  {short_topic(event.topic)}:{event.offset}  {text}"), soft_wrap=True)


def _tell_rule(output: Output, rule: RuleCoverage) -> None:
    never = [f"{_here(line.place)}  never held: {line.text}" for line in rule.lines if not line.held]
    never += [f"{_here(branch.place)}  never taken: {branch.kind}" for branch in rule.branches if not branch.taken]
    if never:
        output.console.print(VisibleText(f"\n{rule.rule}", style="bold"))
        for text in never:
            output.console.print(VisibleText(f"  {text}"), soft_wrap=True)


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole}"


def _here(place: Place) -> str:
    return f"{from_here(place.file)}:{place.line}:{place.column}"


def _value(result: CoverageResult) -> dict[str, Any]:
    return {
        "version": result.version,
        "messages": result.messages,
        "unmatched": result.unmatched,
        "undecodable": result.undecodable,
        "rules": [
            {
                "rule": rule.rule,
                "place": _here(rule.place),
                "acted": rule.acted,
                "sends": rule.sends,
                "hidden_by": rule.hidden_by,
                "conditions": [
                    {"place": _here(line.place), "text": line.text, "held": line.held} for line in rule.lines
                ],
                "branches": [
                    {"place": _here(branch.place), "kind": branch.kind, "taken": branch.taken}
                    for branch in rule.branches
                ],
            }
            for rule in result.rules
        ],
        "unwanted": [{"topic": event.topic, "offset": event.offset, "text": event.text} for event in result.unwanted],
    }
