"""The page of metrics names each one as Prometheus shows it, with its labels, and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.reading import ROOT

SUFFIXES = {
    "Counter": "_total",
    "CounterMetricFamily": "_total",
    "Gauge": "",
    "GaugeMetricFamily": "",
    "Histogram": "",
}


def made_in_the_code() -> Iterator[str]:
    """Each metric as the page writes it: ``name{label,label}``."""
    for path in sorted((ROOT / "bridge").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SUFFIXES:
                match node.args:
                    case [ast.Constant(value=str(name)), *rest] if name.startswith("ams_bridge_"):
                        labels = [label for part in (*rest, *node.keywords) for label in labels_in(part)]
                        yield f"{name}{SUFFIXES[node.func.id]}" + (f"{{{','.join(labels)}}}" if labels else "")


def labels_in(part: ast.AST) -> list[str]:
    """The texts of a list, which only labels are."""
    said = part.value if isinstance(part, ast.keyword) else part
    return [str(ast.literal_eval(one)) for one in said.elts] if isinstance(said, ast.List) else []


def test_the_page_lists_each_metric_with_its_labels_and_no_other() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    told = re.findall(r"^\| `(ams_bridge_[a-z_]+(?:\{[a-z,]+\})?)` \|", page, flags=re.MULTILINE)
    made = list(made_in_the_code())
    assert len(made) > 20
    assert sorted(made) == sorted(told)
