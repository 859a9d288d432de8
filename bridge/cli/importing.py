"""``rules import``: configurations of other systems as rule files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from bridge.cli.command_context import CliGroup, Context, pass_context
from bridge.cli.output import BadConfiguration, Failed, counted
from bridge.cli.problem_listing import as_lines, as_values
from rules.events.topic_filter import topic_problem
from rules.importing.alertmanager import TOPIC, Converted, convert
from rules.source.problems import ProblemsFound

RULES_FILE: Final = Path("rules.d", "alertmanager.yaml")
SETTINGS_FILE: Final = Path("bridge-alertmanager.yaml")


@click.group("import", cls=CliGroup)
def importing() -> None:
    """Make rule files of other systems' configurations: alertmanager."""


@importing.command("alertmanager")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files below DIR, not to the screen."
)
@click.option("--topic", default=TOPIC, show_default=True, help="Where the alerts will come in.")
@pass_context
def alertmanager(context: Context, file: Path, out: Path | None, topic: str) -> None:
    """Convert the Alertmanager configuration FILE (- reads standard input).

    Routes become rules, receivers destinations, time intervals and inhibition rules what they are here. With --out,
    rules go to rules.d/alertmanager.yaml and what to add to your settings to bridge-alertmanager.yaml; nothing that
    exists is overwritten. What could not be converted is named with its place. No secret is copied.
    """
    if (problem := topic_problem(topic)) is not None or set(topic) & set("*?["):
        raise click.BadParameter(problem or "a glob is no topic to bring alerts to", param_hint="--topic")
    try:
        converted = convert(_text_of(file), file="stdin" if str(file) == "-" else str(file), topic=topic)
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error
    written = _write(out, converted) if out is not None else []
    output = context.output
    if output.as_json:
        found = {"rules": converted.rules, "settings": converted.settings}
        output.value({**found, "remarks": as_values(converted.remarks), "written": [str(path) for path in written]})
        return
    if out is None:
        output.document(f"{converted.rules}---\n{converted.settings}")
    for path in written:
        output.done(f"{path} written")
    if converted.remarks and not output.quiet:
        output.errors.print(f"\n{counted(len(converted.remarks), 'remark')}: look at these", style="bold")
        output.errors.print(as_lines(converted.remarks), markup=False, soft_wrap=True)


def _text_of(file: Path) -> str:
    try:
        with click.open_file(str(file), encoding="utf-8-sig") as stream:
            return str(stream.read())
    except UnicodeDecodeError as error:
        raise Failed(f"{file} is not UTF-8") from error
    except OSError as error:
        raise Failed(f"cannot read {file}: {error.strerror}") from error


def _write(folder: Path, converted: Converted) -> list[Path]:
    wanted = {folder / RULES_FILE: converted.rules, folder / SETTINGS_FILE: converted.settings}
    standing = [str(path) for path in wanted if path.exists()]
    if standing:
        raise Failed(f"these exist already: {', '.join(standing)}. Nothing was written; choose another folder.")
    try:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise Failed(f"cannot write {error.filename}: {error.strerror}") from error
    return list(wanted)
