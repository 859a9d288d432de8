"""The form of the page of metrics is its reader's choice."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from bridge.observe.exposition import prefers_openmetrics
from tests.line.stage import a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "{{ data.n }}", send: inbox}
"""
OF_PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
OF_PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        (OF_PROMETHEUS_2, True),
        (OF_PROMETHEUS_3, True),
        ("application/openmetrics-text", True),
        ('Application/OpenMetrics-Text; Version="1.0.0"; q=1.0', True),
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain", False),
        ("text/plain, application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nan", False),
        ("application/openmetrics-text;q=7", False),
        ("application/openmetrics-text;q=", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", False),
        (";;,,=,q", False),
    ],
)
def test_openmetrics_is_for_those_who_like_it_best(accept: str, *, openmetrics: bool) -> None:
    assert prefers_openmetrics(accept) is openmetrics


async def test_both_forms_tell_the_same(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}") as stage:
        await stage.publish({"n": 1}, {"n": 2})
        await stage.settled(2)
        plain = await stage.http.get("/metrics")
        open_form = await stage.http.get("/metrics", headers={"Accept": OF_PROMETHEUS_2})
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert open_form.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert {plain.headers["vary"], open_form.headers["vary"]} == {"Accept"}
    assert open_form.text.endswith("# EOF\n")
    names = {sample.name for family in read_openmetrics(open_form.text) for sample in family.samples}
    assert names == {sample.name for family in read_text(plain.text) for sample in family.samples}
