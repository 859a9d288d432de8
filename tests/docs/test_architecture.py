"""docs/architecture.md names files and functions that exist, in the order of the line, and the rooms as they are."""

from __future__ import annotations

import ast
import re

from tests.house.map import tables
from tests.house.reading import ROOT, named

PAGE = (ROOT / "docs" / "architecture.md").read_text()
LINE = ("receive", "append", "read", "decide", "commit", "lease", "deliver", "settle")


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_hop_of_the_walk_is_where_the_page_says() -> None:
    hops = re.findall(r"`((?:bridge|broker|rules)/[\w/]+\.py)` `(\w+)`", PAGE)
    assert len(hops) > 12
    assert not (gone := [f"{path} {name}" for path, name in hops if name not in functions_of(path)]), named(
        gone, "the walk names functions that are not there:"
    )


def test_the_walk_takes_the_steps_of_the_line_in_order() -> None:
    steps = re.findall(r"^\| ([a-z, ]+) \| `", PAGE, flags=re.MULTILINE)
    assert [step for step in steps if step in LINE] == list(LINE)


def test_every_file_that_the_page_names_is_there() -> None:
    paths = re.findall(r"`((?:bridge|broker|rules|tests)/[\w/]+\.py)", PAGE)
    assert not (gone := [path for path in paths if not (ROOT / path).is_file()]), named(gone, "not there:")


def test_the_tables_of_rooms_are_those_of_the_code() -> None:
    begin = PAGE.index("(python -m tests.house.map --markdown) -->") + len(
        "(python -m tests.house.map --markdown) -->\n"
    )
    told = PAGE[begin : PAGE.index("<!-- rooms: end -->")]
    assert told == "\n".join(tables()) + "\n", "paste what python -m tests.house.map --markdown prints"
