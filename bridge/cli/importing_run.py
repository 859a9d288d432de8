"""``rules import``: configurations of other systems as rule files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from bridge.cli.command_context import Context
from bridge.cli.import_check import Checked, check_converted
from bridge.cli.import_compare import Difference, compare
from bridge.cli.output import BadConfiguration, Failed, Output, format_count
from bridge.cli.problem_listing import as_lines, as_values
from rules.events.topic_filter import topic_problem
from rules.importing.alertmanager import Converted, convert
from rules.importing.grafana import convert_grafana
from rules.importing.wrappers import is_configuration
from rules.source.foreign_yaml import read_foreign_yaml
from rules.source.problems import ProblemsFound

_YAML: Final = frozenset({".yaml", ".yml", ".json"})


def run_alertmanager(context: Context, file: Path, out: Path | None, topic: str, comparing: str | None) -> None:
    """Convert an Alertmanager configuration, and tell or write what came of it."""
    _check_topic(topic)
    try:
        converted = convert(_text_of(file), file=_name_of(file), topic=topic)
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error
    checked = check_converted(converted)
    differences = _compare(file, converted, checked, by=comparing)
    written = _write(out, "alertmanager", converted) if out is not None else []
    if context.output.as_json:
        result: dict[str, object] = {"rules": converted.rule_file, "settings": converted.settings}
        result |= {} if comparing is None else {"differences": [str(difference) for difference in differences]}
        value = {**result, "remarks": as_values(converted.remarks), "written": [str(path) for path in written]}
        context.output.print_value(value)
    else:
        _tell(context.output, converted, written, out)
    _fail_unless(checked)
    if comparing is not None:
        _tell_differences(context.output, converted, differences)


def run_grafana(context: Context, files: tuple[Path, ...], out: Path | None, topic: str) -> None:
    """Convert Grafana's files, and tell or write what came of it."""
    _check_topic(topic)
    try:
        converted = convert_grafana([(_name_of(path), _text_of(path)) for path in _files_of(files)], topic=topic)
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error
    checked = check_converted(converted)
    written = _write(out, "grafana", converted) if out is not None else []
    if context.output.as_json:
        result = {"rules": converted.rule_file, "settings": converted.settings}
        written_paths = [str(path) for path in written]
        context.output.print_value({**result, "remarks": as_values(converted.remarks), "written": written_paths})
    else:
        _tell(context.output, converted, written, out)
    _fail_unless(checked)


def _check_topic(topic: str) -> None:
    if (problem := topic_problem(topic)) is not None or set(topic) & set("*?["):
        raise click.BadParameter(problem or "a glob is no topic to bring alerts to", param_hint="--topic")


def _fail_unless(checked: Checked) -> None:
    if checked.problems:
        raise Failed("what was made does not pass its own check:\n" + "\n".join(checked.problems))


def _files_of(given: tuple[Path, ...]) -> list[Path]:
    """The files, and for a folder those of YAML and JSON below it, by name."""
    paths: list[Path] = []
    for place in given:
        inner = sorted(path for path in place.rglob("*") if path.suffix in _YAML) if place.is_dir() else [place]
        if not inner:
            raise Failed(f"there is no YAML or JSON file in {place}")
        paths += inner
    return paths


def _name_of(file: Path) -> str:
    return "stdin" if str(file) == "-" else str(file)


def _tell(output: Output, converted: Converted, written: list[Path], out: Path | None) -> None:
    if out is None:
        output.print_document(f"{converted.rule_file}---\n{converted.settings}")
    for path in written:
        output.confirm(f"{path} written")
    if converted.remarks and not output.quiet:
        output.errors.print(f"\n{format_count(len(converted.remarks), 'remark')}: look at these", style="bold")
        output.errors.print(as_lines(converted.remarks), markup=False, soft_wrap=True)


def _compare(file: Path, converted: Converted, checked: Checked, *, by: str | None) -> list[Difference]:
    """What Alertmanager's own tool says otherwise; nothing where it is not asked."""
    if by is None or checked.rule_set is None:
        return []
    if str(file) == "-" or not is_configuration(read_foreign_yaml(_text_of(file), str(file))[0].value):
        raise Failed("amtool reads files that are a configuration by themselves; write yours into one to compare")
    return list(compare(file, converted, checked.rule_set))


def _tell_differences(output: Output, converted: Converted, differences: list[Difference]) -> None:
    for difference in differences:
        output.errors.print(str(difference), markup=False, soft_wrap=True)
    alerts = format_count(len(converted.samples), "made-up alert")
    if differences:
        raise Failed(f"compared with amtool: {alerts}, {format_count(len(differences), 'difference')}")
    if not output.quiet:
        output.errors.print(f"compared with amtool: {alerts}, no difference", markup=False)


def _text_of(file: Path) -> str:
    try:
        with click.open_file(str(file), encoding="utf-8-sig") as stream:
            return str(stream.read())
    except UnicodeDecodeError as error:
        raise Failed(f"{file} is not UTF-8") from error
    except OSError as error:
        raise Failed(f"cannot read {file}: {error.strerror}") from error


def _write(folder: Path, word: str, converted: Converted) -> list[Path]:
    wanted = {
        folder / "rules.d" / f"{word}.yaml": converted.rule_file,
        folder / f"bridge-{word}.yaml": converted.settings,
    }
    existing = [str(path) for path in wanted if path.exists()]
    if existing:
        raise Failed(f"these exist already: {', '.join(existing)}. Nothing was written; choose another folder.")
    try:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise Failed(f"cannot write {error.filename}: {error.strerror}") from error
    return list(wanted)
