"""What is shipped for Prometheus and Grafana, taken apart for tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.house.reading import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
NAME = re.compile(r"\bams_bridge_[a-z_]+\b")
_VARIABLES = {"$__rate_interval": "5m", "$job": ".+", "$instance": ".+"}


def alerts() -> list[dict[str, Any]]:
    """Every alert rule."""
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard, rows among them."""
    return list(json.loads((FOLDER / "dashboard.json").read_text())["panels"])


def queries() -> Iterator[tuple[str, str]]:
    """Each query of the dashboard with its panel's title, its variables filled in as Grafana would."""
    for panel in panels():
        for target in panel.get("targets", []):
            query = str(target["expr"])
            for variable, value in _VARIABLES.items():
                query = query.replace(variable, value)
            yield panel["title"], query


def metrics_in(query: str) -> set[str]:
    """The names of our metrics that a query uses."""
    return set(NAME.findall(query))
