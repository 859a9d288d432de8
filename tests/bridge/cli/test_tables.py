"""Tables: at every width none of their lines is wider, and ids, times and numbers stay whole."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bridge.cli.fitting_tables import Column, draw_tables, id_column, short_ids, text_column, time_column
from tests.bridge.cli.test_walk import cells

TIME = "2026-01-05 12:00:00Z"
TEXTS = st.one_of(
    st.text("ab /-漢🔥\n\x1b\u202e", max_size=60),
    st.sampled_from(["k" * 200, "漢字" * 60, "🔥" * 60, "👩\u200d🚒" * 40, "a\tb" * 30, "👍🏽❤️" * 30, ""]),
)


def drawn(rows: list[dict[str, object]], columns: list[Column], width: int, title: str = "") -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width)
    for part in draw_tables(rows, columns, width, title):
        console.print(part)
    return out.getvalue().splitlines()


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries({"id": st.uuids().map(str), "n": st.integers(0, 10**9), "a": TEXTS, "b": TEXTS,
                                         "c": TEXTS}), min_size=1, max_size=4, unique_by=lambda row: row["id"]),
    width=st.integers(60, 200),
)  # fmt: skip
def test_no_line_is_wider_than_the_terminal_and_what_is_whole_is_on_one_line(rows: list[dict], width: int) -> None:
    columns = [
        id_column(rows), time_column("At", lambda row: TIME), text_column("A", "a"), text_column("B", "b"),
        Column("N", lambda row: row["n"], number=True), text_column("C", "c", below=True),
    ]  # fmt: skip
    lines = drawn(rows, columns, width, "A title")
    assert [line for line in lines if cells(line) > width] == []
    text = "\n".join(lines)
    short = short_ids([str(row["id"]) for row in rows])
    assert all(short[str(row["id"])] in text and str(row["n"]) in text for row in rows)
    assert text.count(TIME) == len(rows)


def test_what_fits_is_one_table() -> None:
    rows = [{"id": "a" * 32, "a": "x", "b": "y"}]
    assert drawn(rows, [id_column(rows), text_column("A", "a"), text_column("B", "b", below=True)], 80) == [
        "Id        A  B",
        "aaaaaaaa  x  y",
    ]


def test_a_long_text_stands_below_its_row() -> None:
    rows = [{"id": "a" * 32, "a": "x" * 30, "b": "y" * 90}]
    lines = drawn(rows, [id_column(rows), text_column("A", "a"), text_column("B", "b", below=True)], 56)
    assert [line.rstrip() for line in lines] == [
        "Id        A",
        f"aaaaaaaa  {'x' * 30}",
        f"    {'y' * 52}",
        f"    {'y' * 38}",
    ]


def test_what_does_not_fit_beside_one_another_is_a_list() -> None:
    rows = [{str(n): n for n in range(20)}]
    columns = [Column(f"Number {n}", lambda row, n=n: row[str(n)], number=True) for n in range(20)]
    lines = drawn(rows, columns, 80)
    assert [line.split() for line in lines[:2]] == [["Number", "0", "0"], ["Number", "1", "1"]]


@pytest.mark.parametrize(
    ("ids", "short"),
    [
        (["0123456789ab"], ["01234567"]),
        (["0123456789ab", "1123456789ab"], ["01234567", "11234567"]),
        (["0123456789ab", "0123456789ac"], ["0123456789ab", "0123456789ac"]),
        (["0123456700ab", "0123456711ac", "9"], ["012345670", "012345671", "9"]),
    ],
)
def test_an_id_is_as_short_as_tells_it_apart(ids: list[str], short: list[str]) -> None:
    assert [short_ids(ids)[one] for one in ids] == short
