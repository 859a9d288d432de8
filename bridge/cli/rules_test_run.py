"""``rules test``: runs the ``tests:`` of rule files, with a diff where one fails."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from bridge.cli.command_context import Context
from bridge.cli.junit import junit_xml
from bridge.cli.loading import load_rules
from bridge.cli.output import EXIT_FAILED, Failed, Output, format_count
from bridge.cli.problem_listing import from_here
from bridge.cli.visible import VisibleText
from rules.case import Case
from rules.ruleset import RuleSet
from rules.workbench.run_cases import CaseResult, KeptQuiet, ToldSend, run_case, show_send

_DIFF_COLORS = {"-": "red", "+": "green", "@": "cyan"}


def run_test(context: Context, wanted: tuple[str, ...], junit: Path | None, *, update: bool, verbose: bool) -> None:
    """Run the tests of the rule files, and tell what failed."""
    rule_set = asyncio.run(load_rules(context)).rule_set
    cases = [case for case in rule_set.cases if _is_wanted(case, wanted)]
    if wanted and not cases:
        raise Failed(
            f"none of the {format_count(len(rule_set.cases), 'test')} has a name or file with {' or '.join(wanted)}"
        )
    results = [run_case(rule_set, case, _snapshot) for case in cases]
    if update:
        written = _update(results)
        results = [run_case(rule_set, case, _snapshot) for case in cases]
        context.output.say(f"{format_count(written, 'snapshot')} written")
    if junit is not None:
        _write(junit, junit_xml(results))
    failed = sum(not result.passed for result in results)
    if context.output.as_json:
        context.output.print_value(_value(results))
    else:
        _tell(context.output, rule_set, results, verbose=verbose)
    if failed:
        sys.exit(EXIT_FAILED)


def _is_wanted(case: Case, wanted: Sequence[str]) -> bool:
    label = f"{case.name}\n{from_here(case.place.file)}".lower()
    return not wanted or any(text.lower() in label for text in wanted)


def _tell(output: Output, rule_set: RuleSet, results: Sequence[CaseResult], *, verbose: bool) -> None:
    if output.quiet:
        return
    if not results:
        rules = format_count(len(rule_set.rules), "rule")
        output.say(f"There is no test; {rules} in force. Tests stand under tests: in rule files.")
        return
    for file, group in groupby(results, key=lambda result: result.case.place.file):
        output.console.print(VisibleText(from_here(file), style="bold"), soft_wrap=True)
        for result in group:
            _tell_one(output, result, verbose=verbose)
    failed = sum(not result.passed for result in results)
    line = VisibleText(f"{format_count(len(results), 'test')}: ", style="bold")
    line.append(f"{len(results) - failed} passed", style="green")
    if failed:
        line.append(f", {failed} failed", style="bold red")
    output.console.print(line)


def _tell_one(output: Output, result: CaseResult, *, verbose: bool) -> None:
    line = VisibleText("  ")
    line.append("✓" if result.passed else "✗", style="green" if result.passed else "bold red")
    output.console.print(line.append(f" {result.case.name}"), soft_wrap=True)
    for difference in result.differences:
        for text in from_here_in(difference).splitlines():
            color = _DIFF_COLORS.get(text.strip()[:1], "") if text.startswith("    ") else ""
            output.console.print(VisibleText(f"      {text}", style=color), soft_wrap=True)
    if verbose:
        for send in result.told:
            output.console.print(VisibleText(f"      sent: {show_send(send)}", style="dim"), soft_wrap=True)
        for quiet in result.quiet:
            judgement = quiet.judgement
            by = f" by {judgement.by}" if judgement.by else ""
            line = VisibleText(
                f"      {judgement.outcome}: {judgement.rule} to {judgement.destination}{by}", style="dim"
            )
            output.console.print(line, soft_wrap=True)


def from_here_in(text: str) -> str:
    """A text with the places in it named from the current folder on."""
    return text.replace(f"{Path.cwd()}/", "")


def _value(results: Sequence[CaseResult]) -> dict[str, Any]:
    cases = [
        {
            "name": result.case.name,
            "file": from_here(result.case.place.file),
            "line": result.case.place.line,
            "passed": result.passed,
            "differences": [from_here_in(difference) for difference in result.differences],
            "sent": [_sent_value(send) for send in result.told],
            "quiet": [_quiet_value(quiet) for quiet in result.quiet],
        }
        for result in results
    ]
    failed = sum(not result.passed for result in results)
    return {"passed": len(results) - failed, "failed": failed, "tests": cases}


def _sent_value(entry: ToldSend) -> dict[str, Any]:
    send, post = entry.send, entry.post
    return {
        "at_s": entry.at_us / 1_000_000,
        "rule": send.rule,
        "to": send.destination,
        "phase": send.phase,
        "key": send.key,
        "shadow": entry.shadow,
        "title": post.title,
        "text": post.text,
        "severity": post.severity,
    }


def _quiet_value(quiet: KeptQuiet) -> dict[str, Any]:
    judgement = quiet.judgement
    return {
        "at_s": quiet.at_us / 1_000_000,
        "rule": judgement.rule,
        "to": judgement.destination,
        "key": judgement.key,
        "outcome": judgement.outcome,
        "by": judgement.by,
    }


def _snapshot_file(case: Case, name: str) -> Path:
    """The file of a snapshot: beside the rule file. Raises Failed for one that would lie elsewhere."""
    folder = Path(case.place.file).parent.resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise Failed(f"{case.place}: the snapshot {name} lies outside of {folder}")
    return path


def _snapshot(case: Case, name: str) -> str | None:
    path = _snapshot_file(case, name)
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"cannot read {path}: {error}") from error


def _update(results: Sequence[CaseResult]) -> int:
    """Write the snapshots that differ from what stands; says how many."""
    written = 0
    for result in results:
        for name, text in result.snapshots.items():
            if _snapshot(result.case, name) != text:
                _write(_snapshot_file(result.case, name), text)
                written += 1
    return written


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}") from error
