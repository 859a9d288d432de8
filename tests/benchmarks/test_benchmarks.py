"""Every benchmark runs, as small as it goes. What is measured is never asserted on: only that it is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

import benchmarks
from benchmarks import nodes, postgres
from benchmarks.__main__ import ALL
from benchmarks.counts import count, grown, kept
from benchmarks.rows import BEGIN, END, PAGE, Row, as_markdown, put_between_marks, quantile_ms, ratio_of
from benchmarks.scale import TINY, Run
from tests.bridge.destinations.postgres import find_programs


@pytest.mark.parametrize("path", sorted(Path(next(iter(benchmarks.__path__))).glob("*.py")), ids=lambda path: path.stem)
def test_every_file_of_them_follows_what_it_imports(path: Path) -> None:
    import_module(f"benchmarks.{path.stem}")


EVERYWHERE = [name for name in ALL if name != nodes.NAME]
"""Those that need nothing but what is here: a page that is written without PostgreSQL has no rows of nodes."""


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_benchmark_runs_and_stands_beside_its_limit(name: str, tmp_path: Path) -> None:
    told: list[str] = []

    rows = await ALL[name](Run(TINY, tmp_path, told.append))

    assert rows
    assert all(row.group == name and row.ours and row.beside and row.limit and row.ratio for row in rows)


async def test_nodes_stand_beside_psycopg_and_beside_one_node(tmp_path: Path) -> None:
    find_programs()
    rows = await nodes.measure_all(Run(TINY, tmp_path, lambda text: None))
    assert [row.beside for row in rows] == ["psycopg alone"] * 6 + ["one node"]
    assert all(row.ours and row.limit and row.ratio for row in rows)


async def test_nodes_are_left_out_with_a_word_where_there_is_no_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_PLACES", (tmp_path,))
    told: list[str] = []
    assert await nodes.measure(Run(TINY, tmp_path, told.append)) == []
    assert told == ["PostgreSQL is not here: nothing is measured (apt-get install postgresql)"]


async def test_a_message_costs_no_more_than_is_kept_in_the_repository(tmp_path: Path) -> None:
    counted = await count(tmp_path, 5)
    assert list(grown(counted, kept())) == [], "make it cheaper again, or say why: python -m benchmarks.counts --keep"


@pytest.mark.parametrize("name", EVERYWHERE)
def test_the_page_has_rows_of_each_benchmark(name: str) -> None:
    _, _, measured = PAGE.read_text().partition(BEGIN)
    assert f"\n| {name}: " in measured.partition(END)[0]


def test_the_table_goes_between_the_marks_and_the_prose_stays() -> None:
    table = as_markdown([Row("pull", "100", "5 msg/s", "bare", "10 msg/s", "0.50")], "2 cores.")

    page = put_between_marks(f"# Title\n\n{BEGIN}\nold\n{END}\n\nProse.\n", table)

    assert page.startswith("# Title\n")
    assert page.endswith(f"{END}\n\nProse.\n")
    assert "| pull: 100 | 5 msg/s | bare | 10 msg/s | 0.50 |  |" in page
    assert "old" not in page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        put_between_marks("# Title\n", "")


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert ratio_of([(1.0, 2.0), (3.0, 4.0), (10.0, 10.0)]) == "0.75"


def test_the_slowest_in_a_hundred_is_told_in_milliseconds() -> None:
    assert quantile_ms([n / 1_000 for n in range(1, 101)], 0.99) == 100.0
