"""The alert rules and the dashboard: read by Debian's promtool, explained in the runbook, each alert tried."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.monitoring import FOLDER, alerts, metrics_in, panels, queries
from tests.docs.test_metrics import made_in_the_code
from tests.house.reading import ROOT
from tests.house.requirements import require_program

ENDINGS = ("_bucket", "_sum", "_count")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = require_program("promtool", package="prometheus")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=50, check=False)


def known_metrics() -> set[str]:
    """Every metric as Prometheus stores it."""
    plain = {name.partition("{")[0] for name in made_in_the_code()}
    return plain | {f"{name}{ending}" for name in plain for ending in ENDINGS}


def test_prometheus_reads_the_rules() -> None:
    answer = promtool("check", "rules", FOLDER / "alerts.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(alerts())} rules found" in answer.stdout


def test_prometheus_reads_the_settings() -> None:
    answer = promtool("check", "config", "--syntax-only", FOLDER / "prometheus.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_each_alert_fires_at_what_it_is_for_and_at_nothing_else() -> None:
    answer = promtool("test", "rules", FOLDER / "alerts-test.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_an_alert_that_does_not_fire_would_be_seen(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(FOLDER, tmp_path / "monitoring"))
    rules = copied / "alerts.yaml"
    rules.write_text(rules.read_text().replace("ams_bridge_set_aside > 0", "ams_bridge_set_aside > 5"))
    assert promtool("test", "rules", copied / "alerts-test.yaml").returncode == 1


def test_each_alert_is_tried_to_its_firing() -> None:
    tried = set()
    for case in yaml.safe_load((FOLDER / "alerts-test.yaml").read_text())["tests"]:
        for query in case["promql_expr_test"]:
            tried |= {name for sample in query["exp_samples"] for name in re.findall(r"AmsBridge\w+", sample["labels"])}
    assert tried == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_how_bad_it_is_and_where_help_stands(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    assert anchor == str(rule["alert"]).lower()
    assert rule["alert"] in headings


def test_the_runbook_explains_no_alert_that_is_not_there() -> None:
    headings = re.findall(r"^## (AmsBridge\w+)$", (ROOT / "docs" / "runbook.md").read_text(), flags=re.MULTILINE)
    assert headings == [rule["alert"] for rule in alerts()]


def test_alerts_and_panels_ask_for_metrics_that_there_are() -> None:
    asked = {name for rule in alerts() for name in metrics_in(str(rule["expr"]))}
    asked |= {name for _, query in queries() for name in metrics_in(query)}
    assert asked - known_metrics() == set()


def test_the_dashboard_shows_every_metric() -> None:
    shown = {name for _, query in queries() for name in metrics_in(query)}
    left = {name.partition("{")[0] for name in made_in_the_code()}
    assert {name for name in left if not shown & {name, f"{name}_bucket"}} == set()


def test_the_queries_of_the_dashboard_are_promql(tmp_path: Path) -> None:
    """A recording rule for each: promtool parses them as Prometheus would."""
    rules = [{"record": f"panel:query:{n}", "expr": query} for n, (_, query) in enumerate(queries())]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    answer = promtool("check", "rules", file)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_panels_stand_beside_each_other_and_have_a_number_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        fields = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not fields & taken, panel["title"]
        assert max(x for x, _ in fields) < 24, panel["title"]
        taken |= fields
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_each_panel_asks_the_chosen_data_source_and_says_what_it_shows() -> None:
    shown = [panel for panel in panels() if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in shown} == {"${datasource}"}
    assert [panel["title"] for panel in shown if not panel["description"]] == []
