"""How far subscriptions are behind and which pushes fail: over the API, on the page and for Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from bridge.core.push_trouble import PushTrouble
from bridge.observe.subscription_lag import OTHERS, SubscriptionMetrics, SubscriptionState
from tests.fakes.control import a_daemon
from tests.fakes.pages import log_in
from tests.line.stage import Stage

SUBSCRIPTION = "projects/P/subscriptions/pulled"


async def subscribed(stage: Stage, name: str = "pulled", **push: Any) -> None:
    """A subscription of T."""
    body = {"topic": "projects/P/topics/T", "pushConfig": push}
    (await stage.http.put(f"/v1/projects/P/subscriptions/{name}", json=body)).raise_for_status()


async def states(stage: Stage) -> dict[str, dict[str, Any]]:
    """What the API says, by name."""
    answer = await stage.http.get("/api/subscriptions?project=P")
    return {one["subscription"].rpartition("/")[2]: one for one in answer.json()["subscriptions"]}


async def test_a_subscription_is_behind_by_what_it_has_not_acknowledged(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await subscribed(stage)
        assert (await states(stage))["pulled"]["behind"] == 0
        for n in range(3):
            await stage.publish({"note": str(n)})
        assert (await states(stage))["pulled"]["behind"] == 3
        assert (
            f'ams_bridge_subscription_behind{{subscription="{SUBSCRIPTION}"}} 3.0'
            in (await stage.http.get("/metrics")).text
        )
        await stage.http.post(f"/v1/{SUBSCRIPTION}:pull", json={"maxMessages": 2})
        await stage.http.post(f"/v1/{SUBSCRIPTION}:acknowledge", json={"ackIds": [f"{SUBSCRIPTION}:1"]})
        assert (await states(stage))["pulled"]["behind"] == 1
        await log_in(stage)
        page = (await stage.http.get("/subscriptions")).text
        assert SUBSCRIPTION in page
        assert "pulled" in page


async def test_a_push_that_fails_is_shown_with_its_reason_until_it_succeeds(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await subscribed(stage, "pushed", type="mattermost", mattermostUrl="http://127.0.0.1:9/hooks/secret-of-ours")
        await stage.publish({"note": "one"})
        for _ in range(200):
            await stage.clock.advance(0.1)
            if (await states(stage))["pushed"]["failing_since"]:
                break
        found = (await states(stage))["pushed"]
        assert found["failing_since"] is not None
        assert found["why"]
        assert (found["push"], found["behind"], found["endpoint"]) == ("mattermost", 1, "http://127.0.0.1:9/***")
        metrics = (await stage.http.get("/metrics")).text
        assert 'ams_bridge_push_failing_since_seconds{subscription="projects/P/subscriptions/pushed"} 1.7' in metrics
        await log_in(stage)
        page = (await stage.http.get("/subscriptions")).text
        assert "failing since" in page
        assert "secret-of-ours" not in page + metrics + str(found)


async def test_an_unknown_project_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.get("/api/subscriptions?project=p")
        assert answer.status_code == 404
        assert 'did you mean "P"' in answer.json()["error"]["message"]


def test_the_metrics_name_two_hundred_subscriptions_and_sum_up_the_rest() -> None:
    registry = CollectorRegistry()
    trouble = PushTrouble(1_000_000, "why")
    many = [SubscriptionState(f"s{n}", "t", 5, "", "", False, "", trouble) for n in range(250)]
    metrics = SubscriptionMetrics(registry)
    for _ in range(2):
        metrics.show(many)
    found = {one.labels["subscription"]: one.value for one in _samples(registry, "ams_bridge_subscription_behind")}
    assert len(found) == 201
    assert found[OTHERS] == 250
    assert len(_samples(registry, "ams_bridge_push_failing_since_seconds")) == 200
    metrics.show([])
    assert _samples(registry, "ams_bridge_subscription_behind") == []


def _samples(registry: CollectorRegistry, name: str) -> list[Any]:
    return [sample for metric in registry.collect() if metric.name == name for sample in metric.samples]
