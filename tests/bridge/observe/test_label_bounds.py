"""However much people make and whatever they ask, the number of series stays within bounds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bridge.core.label_bounds import OTHERS, LabelBound
from tests.docs.test_metrics import made_in_the_code
from tests.line.stage import a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "{{ data.n }}", send: inbox}
"""
CLOSED = {
    "action",
    "by",
    "fate",
    "kind",
    "outcome",
    "python",
    "reason",
    "result",
    "route",
    "state",
    "status",
    "version",
}
"""Labels whose values are words of ours, statuses of HTTP, or fixed while the process lives."""
BOUNDED = {"calendar", "destination", "setting", "source", "subscription", "topic", "worker"}
"""Labels whose values are names that people give: summed up beyond a number, or from bridge.yaml alone."""
MADE = 230


def test_each_label_is_of_a_closed_list_or_bounded() -> None:
    labels = {label for name in made_in_the_code() if "{" in name for label in name.partition("{")[2][:-1].split(",")}
    assert labels == CLOSED | BOUNDED


def test_the_first_names_stay_and_later_ones_share_one() -> None:
    bound = LabelBound(2)
    assert [bound.name_of(name) for name in ("a", "b", "c", "a", "d", "b")] == ["a", "b", OTHERS, "a", OTHERS, "b"]


async def test_topics_subscriptions_and_calls_without_end_make_no_series_without_end(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store="memory") as stage:
        for n in range(MADE):
            topic = f"projects/P/topics/many-{n}"
            (await stage.http.put(f"/v1/{topic}", json={})).raise_for_status()
            body = {"topic": topic, "pushConfig": {}}
            (await stage.http.put(f"/v1/projects/P/subscriptions/many-{n}", json=body)).raise_for_status()
            await stage.publish({"n": n}, topic=f"many-{n}")
            await stage.http.get(f"/v1/projects/P/nothing-{n}/at-all")
            await stage.http.request(f"ODD{n}", f"/v1/projects/P/topics/gone-{n}")
            await stage.http.post(f"/hooks/nobody-{n}", json={})
            await stage.http.post("/actions", json={"context": {"token": f"odd-{n}", "action": f"odd-{n}"}})
        page = (await stage.http.get("/metrics")).text
    series: Counter[str] = Counter()
    values: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            series[family.name] += 1
            for label, value in sample.labels.items():
                values.setdefault(label, set()).add(value)
    assert {label: len(found) for label, found in values.items() if len(found) > 201 and label != "worker"} == {}
    assert OTHERS in values["topic"]
    assert OTHERS in values["subscription"]
    assert max(series.values()) <= 6 * 201
    assert not [value for found in values.values() for value in found if "nobody-" in value or "odd-" in value.lower()]


async def test_what_is_summed_up_is_not_lost(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store="memory") as stage:
        for n in range(MADE):
            (await stage.http.put(f"/v1/projects/P/topics/many-{n}", json={})).raise_for_status()
            await stage.publish({"n": n}, topic=f"many-{n}")
        page = (await stage.http.get("/metrics")).text
    unrouted = [
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "ams_bridge_messages" and sample.labels["fate"] == "unrouted"
    ]
    assert sum(unrouted) == MADE
    assert len(unrouted) == 201


async def test_a_topic_that_was_deleted_is_told_no_longer(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store="memory") as stage:
        (await stage.http.put("/v1/projects/P/topics/short", json={})).raise_for_status()
        assert "topics/short" in (await stage.http.get("/metrics")).text
        (await stage.http.delete("/v1/projects/P/topics/short")).raise_for_status()
        assert 'topic="projects/P/topics/short"' not in (await stage.http.get("/metrics")).text
