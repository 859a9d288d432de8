"""``rules record``: tests made of real traffic, names and secrets scrubbed."""

from __future__ import annotations

from pathlib import Path

from bridge.cli.command_context import Context
from bridge.cli.history import Wanted, open_history
from bridge.cli.loading import facts_now, world_for
from bridge.cli.output import BadConfiguration, Failed, Output, format_count
from bridge.cli.problem_listing import as_lines
from bridge.cli.setup import settings_without_secrets
from bridge.routing.rule_files import rules_of
from rules.source.problems import ProblemsFound
from rules.workbench.record import RecordResult
from rules.workbench.record import record as run_record


def record_tests(
    context: Context, file: Path | None, since: float, topics: tuple[str, ...], limit: int | None, most: int
) -> None:
    """Write tests of what stored messages do."""
    if file is not None and str(file) != "-" and file.exists():
        raise Failed(f"{file} exists already; name a new file")
    if file is not None and not file.absolute().parent.is_dir():
        raise Failed(f"there is no folder {file.parent} to write {file.name} into")
    settings = settings_without_secrets(context).settings
    facts = facts_now(settings)
    with open_history(settings) as history:
        try:
            rule_set = rules_of(settings, world_for(context, settings, facts, history.broker))
        except ProblemsFound as error:
            raise BadConfiguration(as_lines(error.problems)) from error
        wanted = Wanted(since, topics, limit)
        stretches = history.find_stretches(wanted, lambda name: bool(rule_set.list_heard_topics([name])))
        with history.walk(context.output, stretches, limit) as walk:
            result = run_record(rule_set, walk.stream, max_tests=most, progress=walk.progress, stopped=walk.stopped)
    _write(context.output, file, result)
    if result.partial:
        context.output.end_partial(result.messages)


def _write(output: Output, file: Path | None, result: RecordResult) -> None:
    if result.otherwise:
        output.warn(
            f"{format_count(result.otherwise, 'test')} of made-up names took another path than the real messages did:"
            " a rule looks at names that were made up"
        )
    if result.left_out:
        output.warn(f"{format_count(result.left_out, 'path')} left out: no test could repeat what happened")
    if file is None or str(file) == "-":
        output.print_document(result.text)
        return
    try:
        file.write_text(result.text, "utf-8")
    except OSError as error:
        raise Failed(f"cannot write {file}: {error.strerror}") from error
    text = f"{file} written: {format_count(result.tests, 'test')} of {format_count(result.messages, 'message')}"
    output.confirm(
        text, {"file": str(file), "tests": result.tests, "messages": result.messages, "partial": result.partial}
    )
