"""The lookup tables of bridge.yaml: YAML, JSON or CSV files named in bridge.yaml, read with the rules.

A CSV file's first line names the columns, its first column is the key. A file of two columns maps key to value; one of
more maps key to a mapping of the other columns by name. All CSV values are text. ``,``, ``;`` and tab may separate
columns (whichever the first line uses).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any, Final

import msgspec

from rules.source.places import read_file
from rules.source.problems import Place, Problem

MAX_TABLE_BYTES: Final = 16 * 1024 * 1024
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".csv", ".tsv")


def read_tables(files: Mapping[str, FilePath]) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    """The tables by name, and the problems of those that cannot be used (which are left out)."""
    tables: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, path in files.items():
        table, faults = read_table(path)
        problems.extend(faults)
        if not faults:
            tables[name] = table
    return MappingProxyType(tables), tuple(problems)


def read_table(path: FilePath) -> tuple[Any, list[Problem]]:
    """One table, or its problems. A table is a mapping or a list."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        document = read_file(path)
        value, problems = document.value, [problem for problem in document.problems if problem.kind == "error"]
    else:
        text, problems = _text_of(path)
        if problems:
            return None, problems
        if suffix == ".json":
            value, problems = _json(text, str(path))
        elif suffix in (".csv", ".tsv"):
            return _csv(text, str(path))
        else:
            return None, [_problem(path, 1, f'a table is a file named {", ".join(_SUFFIXES)}, not "{suffix}"')]
    if not problems and not isinstance(value, (dict, list)):
        problems = [_problem(path, 1, "a table is a mapping or a list")]
    return (None if problems else value), problems


def _text_of(path: FilePath) -> tuple[str, list[Problem]]:
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            return "", [_problem(path, 1, f"the table is larger than {MAX_TABLE_BYTES >> 20} MiB")]
        return path.read_bytes().decode("utf-8-sig"), []
    except OSError as error:
        return "", [_problem(path, 1, f"cannot read the table: {error.strerror or error}")]
    except UnicodeDecodeError as error:
        line = bytes(error.object[: error.start]).count(b"\n") + 1
        return "", [_problem(path, line, "the table is not UTF-8; save it as UTF-8")]


def _json(text: str, file: str) -> tuple[Any, list[Problem]]:
    try:
        return msgspec.json.decode(text), []
    except (msgspec.DecodeError, RecursionError) as error:
        return None, [_problem(file, 1, f"the table is no JSON: {error}")]


def _csv(text: str, file: str) -> tuple[Any, list[Problem]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        problems = _header_problems(header, file)
        if problems:
            return None, problems
        table: dict[str, Any] = {}
        for row in rows:
            problem = _add_row(table, header, [value.strip() for value in row])
            if problem:
                problems.append(_problem(file, rows.line_num, problem))
    except csv.Error as error:
        return None, [_problem(file, rows.line_num, f"the table is no CSV: {error}")]
    return (None if problems else table), problems


def _header_problems(header: Iterable[str], file: str) -> list[Problem]:
    names = list(header)
    if len(names) < 2:
        return [_problem(file, 1, "a table has at least two columns, a key and a value, named in the first line")]
    if not all(names[1:]):
        return [_problem(file, 1, "a column has no name; the first line names the columns")]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [_problem(file, 1, f'the column "{name}" stands twice') for name in twice]


def _add_row(table: dict[str, Any], header: list[str], row: list[str]) -> str:
    """Add a row; or say what is wrong with it. Empty lines are passed over."""
    if not any(row):
        return ""
    if len(row) != len(header):
        return f"the line has {len(row)} columns, the first line names {len(header)}"
    if row[0] in table:
        return f'the key "{row[0]}" stands twice'
    table[row[0]] = row[1] if len(row) == 2 else dict(zip(header[1:], row[1:], strict=True))
    return ""


def _problem(file: object, line: int, text: str) -> Problem:
    return Problem(Place(str(file), line), "", text)
