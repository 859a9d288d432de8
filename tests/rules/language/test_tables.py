from __future__ import annotations

from pathlib import Path

import pytest

from rules.language.tables import read_table, read_tables


def a_file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problem_lines(path: Path) -> list[str]:
    table, problems = read_table(path)
    assert table is None
    return [str(problem).replace(str(path), path.name) for problem in problems]


def test_a_csv_of_two_columns_maps_key_to_value(tmp_path: Path):
    table, problems = read_table(a_file(tmp_path, "owners.csv", "site,owner\nSITE-A,ann\nSITE-B, bob \n\n"))
    assert (table, problems) == ({"SITE-A": "ann", "SITE-B": "bob"}, [])


def test_a_wider_csv_maps_key_to_columns_by_name(tmp_path: Path):
    table, _ = read_table(a_file(tmp_path, "t.csv", '\ufeffsite;owner;mail\r\nA;"ann; the one";a@x\r\n'))
    assert table == {"A": {"owner": "ann; the one", "mail": "a@x"}}


def test_values_of_a_csv_stay_text(tmp_path: Path):
    table, _ = read_table(a_file(tmp_path, "t.tsv", "id\tphone\n007\t0030\n"))
    assert table == {"007": "0030"}


def test_yaml_follows_the_core_schema(tmp_path: Path):
    table, _ = read_table(a_file(tmp_path, "t.yaml", "SITE-A: {mail: a@x, on: no, id: 0123}\n"))
    assert table == {"SITE-A": {"mail": "a@x", "on": "no", "id": "0123"}}


def test_json_is_read_as_it_is(tmp_path: Path):
    table, _ = read_table(a_file(tmp_path, "t.json", '[{"a": 1.5}]'))
    assert table == [{"a": 1.5}]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "a,b\nx,1\nx,2\n", 't.csv:3:1  the key "x" stands twice'),
        ("t.csv", "a,b\nx\n", "t.csv:2:1  the line has 1 columns, the first line names 2"),
        ("t.csv", "a,b,b\n", 't.csv:1:1  the column "b" stands twice'),
        ("t.csv", "a,,c\n", "t.csv:1:1  a column has no name; the first line names the columns"),
        ("t.csv", "", "t.csv:1:1  a table has at least two columns, a key and a value, named in the first line"),
        ("t.csv", 'a,b\n"x,1\n', "t.csv:2:1  the table is no CSV: unexpected end of data"),
        ("t.csv", b"a,b\nx,\xff\n", "t.csv:2:1  the table is not UTF-8; save it as UTF-8"),
        ("t.json", "{", "t.json:1:1  the table is no JSON: Input data was truncated"),
        ("t.json", "3", "t.json:1:1  a table is a mapping or a list"),
        ("t.yaml", "just words", "t.yaml:1:1  a table is a mapping or a list"),
        ("t.yaml", "a: 1\na: 2", None),
        ("t.xls", "", 't.xls:1:1  a table is a file named .yaml, .yml, .json, .csv, .tsv, not ".xls"'),
    ],
)
def test_a_bad_table_is_a_problem_with_its_line(tmp_path: Path, name: str, text: str | bytes, said: str | None):
    lines = problem_lines(a_file(tmp_path, name, text))
    assert lines == [said] if said is not None else len(lines) == 1


def test_a_missing_file_is_a_problem_and_the_other_tables_are_read(tmp_path: Path):
    good = a_file(tmp_path, "good.csv", "a,b\nx,1\n")
    tables, problems = read_tables({"good": good, "gone": tmp_path / "gone.csv"})
    assert dict(tables) == {"good": {"x": "1"}}
    assert [problem.text for problem in problems] == ["cannot read the table: No such file or directory"]
