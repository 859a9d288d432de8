"""What a running daemon tells Prometheus."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.line.stage import TOKEN, a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "{{ data.n }}", send: inbox}
"""


def values(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def labelled(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_the_line_is_counted_from_end_to_end(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store="memory") as stage:
        await stage.publish({"n": 1}, {"n": 2}, {"m": 3})
        await stage.settled(2)
        page = (await stage.http.get("/metrics")).text
    found = values(page)
    topic = "projects/P/topics/T"
    assert found[labelled("ams_bridge_messages", topic=topic, fate="decided")] == 2
    assert found[labelled("ams_bridge_messages", topic=topic, fate="unmatched")] == 1
    assert found[labelled("ams_bridge_books_balanced", topic=topic)] == 1
    assert found[labelled("ams_bridge_deliveries", destination="inbox", state="delivered")] == 2
    assert found[labelled("ams_bridge_tries_total", destination="inbox", outcome="delivered")] == 2
    assert found[labelled("ams_bridge_breaker_open", destination="inbox")] == 0
    assert found[labelled("ams_bridge_api_answers_total", route="topics:publish", status="200")] == 1
    assert found[labelled("ams_bridge_rules_degraded")] == 0
    assert TOKEN not in page


async def test_every_metric_has_our_prefix_and_a_meaning(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store="memory") as stage:
        page = (await stage.http.get("/metrics")).text
    for family in text_string_to_metric_families(page):
        assert family.name.startswith("ams_bridge_")
        assert family.documentation
