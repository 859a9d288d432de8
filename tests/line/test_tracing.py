"""One trace from the sender's call to the receiver's, told to a collector; and none where nobody asked for them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from bridge.fakes.exchange import Reply
from bridge.fakes.listening import running
from bridge.fakes.webhook import FakeWebhook
from tests.fakes.otlp import FakeCollector, ToldSpan
from tests.line.stage import Stage, a_stage

TRACE, SENDER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SENDER}-01"
RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "n={{ data.n }}", send: hook}
"""
OPENMETRICS = {"accept": "application/openmetrics-text"}


def delivered(found: Sequence[object]) -> bool:
    return bool(found) and all(delivery.state == "delivered" for delivery in found)  # type: ignore[attr-defined]


@asynccontextmanager
async def traced(
    folder: Path,
    collector: FakeCollector,
    hook: FakeWebhook,
    *,
    rules: str = RULES,
    settings: str = "",
    store: str = "",
) -> AsyncIterator[Stage]:
    """A daemon that tells the collector of its traces; all of them are there once it has stopped."""
    more = f"tracing: {{endpoint: '{collector.traces_url}'{settings}}}\npush: {{allow_private: true}}"
    destination = (
        f"  hook: {{type: webhook, url: '{hook.base_url}/x'}}\n  other: {{type: topic, topic: projects/P/topics/OTHER}}"
    )
    async with a_stage(folder, rules, destination, more=more, store=store or "sqlite:state/bridge.db") as stage:
        yield stage


async def publish(stage: Stage, *attributes: dict[str, str], **headers: str) -> None:
    data = base64.b64encode(b'{"n": 1}').decode()
    messages = [{"data": data, "attributes": said} for said in attributes or ({},)]
    answer = await stage.http.post("/v1/projects/P/topics/T:publish", json={"messages": messages}, headers=headers)
    answer.raise_for_status()


async def pulled(stage: Stage) -> list[dict[str, str]]:
    """The attributes of the messages that a consumer gets."""
    answer = await stage.http.post("/v1/projects/P/subscriptions/S:pull", json={"maxMessages": "10"})
    return [entry["message"].get("attributes", {}) for entry in answer.json()["receivedMessages"]]


def tree(spans: Sequence[ToldSpan]) -> dict[str, str]:
    """Each step with the name of the one that it follows from; what came from outside is ``the sender``."""
    names = {span.span_id: span.name for span in spans} | {SENDER: "the sender", "": "nobody"}
    return {span.name: names[span.parent_id] for span in spans}


async def test_one_trace_leads_from_the_senders_call_to_the_settled_delivery(tmp_path: Path) -> None:
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook) as stage:
            await publish(stage, traceparent=TRACEPARENT, tracestate="vendor=a1")
            await stage.until(delivered)
        spans, (request,) = collector.spans, hook.requests
    assert {span.trace_id for span in spans} == {TRACE}
    assert tree(spans) == {
        "receive": "the sender",
        "append": "receive",
        "decide": "receive",
        "lease": "decide",
        "attempt": "decide",
        "settle": "decide",
    }
    (attempt,) = [span for span in spans if span.name == "attempt"]
    assert request.header("traceparent") == f"00-{TRACE}-{attempt.span_id}-01"
    assert request.header("tracestate") == "vendor=a1"
    assert attempt.facts["ams_bridge.destination"] == "hook"
    assert attempt.service["service.name"] == "ams-bridge"
    assert all(span.began_ns <= span.ended_ns and not span.fault for span in spans)


async def test_a_retry_is_a_step_of_the_same_trace_with_what_went_wrong(tmp_path: Path) -> None:
    with running(FakeCollector()) as collector, running(FakeWebhook(reply=Reply(503, b"busy"))) as hook:
        async with traced(tmp_path, collector, hook) as stage:
            await publish(stage, traceparent=TRACEPARENT)
            await stage.until(lambda found: bool(found) and found[0].tries >= 1)
            hook.reply = Reply(200)
            await stage.until(delivered, step_s=1.0)
        attempts = [span for span in collector.spans if span.name == "attempt"]
        sent = [request.header("traceparent") for request in hook.requests]
    assert attempts[0].fault == "HTTP 503 Service Unavailable: busy"
    assert attempts[-1].fault == ""
    assert [span.facts["ams_bridge.attempt"] for span in attempts] == list(range(1, len(attempts) + 1))
    assert sent == [f"00-{TRACE}-{span.span_id}-01" for span in attempts]
    assert {span.facts["ams_bridge.state"] for span in collector.spans if span.name == "settle"} == {
        "waiting",
        "delivered",
    }


@pytest.mark.parametrize("name", ["traceparent", "googclient_traceparent"])
async def test_a_message_that_says_its_trace_keeps_what_it_says(tmp_path: Path, name: str) -> None:
    said = {name: TRACEPARENT, "kind": "x"}
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook) as stage:
            await publish(stage, said)
            await stage.until(delivered)
            assert await pulled(stage) == [said]
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert tree(collector.spans)["decide"] == "the sender"


async def test_each_message_of_a_call_is_told_in_its_own_trace(tmp_path: Path) -> None:
    other = "00-11111111111111111111111111111111-2222222222222222-01"
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook) as stage:
            await publish(stage, {"traceparent": TRACEPARENT}, {}, {"traceparent": other})
            await stage.until(lambda found: len(found) == 3 and delivered(found))
            kept = [said["traceparent"] for said in await pulled(stage)]
        traces = {span.trace_id for span in collector.spans if span.name == "attempt"}
    assert kept[0], kept[2] == (TRACEPARENT, other)
    assert len(traces) == 3
    assert {TRACE, "1" * 32} < traces
    assert kept[1][3:35] in traces


async def test_a_call_to_a_receiver_names_its_trace_in_a_header(tmp_path: Path) -> None:
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook) as stage:
            headers = {"x-api-key": "hook-token", "traceparent": TRACEPARENT}
            answer = await stage.http.post("/hooks/hook", json={"n": 1}, headers=headers)
            assert answer.status_code == 200, answer.text
            await stage.until(delivered)
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert tree(collector.spans)["receive"] == "the sender"


async def test_a_push_endpoint_is_told_of_the_trace(tmp_path: Path) -> None:
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook, rules="rules: []\n") as stage:
            push = {
                "type": "mattermost",
                "mattermostUrl": f"{hook.base_url}/hooks/p",
                "retryPolicy": {"type": "linear"},
            }
            body = {"topic": "projects/P/topics/T", "pushConfig": push}
            (await stage.http.put("/v1/projects/P/subscriptions/push", json=body)).raise_for_status()
            await publish(stage, traceparent=TRACEPARENT)
            await stage.until(lambda found: bool(hook.requests), step_s=0.1)
        (pushed,) = [span for span in collector.spans if span.name == "push"]
        assert hook.requests[0].header("traceparent") == f"00-{TRACE}-{pushed.span_id}-01"


async def test_a_trace_goes_on_through_another_topic(tmp_path: Path) -> None:
    rules = (
        RULES.replace("send: hook", "send: other")
        + """
  - {name: behind, topic: projects/P/topics/OTHER, text: behind, send: hook}
"""
    )
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook, rules=rules) as stage:
            await publish(stage, traceparent=TRACEPARENT)
            await stage.until(lambda found: len(found) == 2 and delivered(found))
        assert (
            hook.requests[0].header(
                "traceparent",
            )[3:35]
            == TRACE
        )  # type: ignore[index]
    assert len([span for span in collector.spans if span.name == "decide" and span.trace_id == TRACE]) == 2


async def test_a_trace_that_its_sender_does_not_record_is_handed_on_and_not_told(tmp_path: Path) -> None:
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook) as stage:
            await publish(stage, traceparent=TRACEPARENT[:-1] + "0")
            await stage.until(delivered)
        (request,) = hook.requests
    assert collector.spans == []
    assert (request.header("traceparent") or "").startswith(f"00-{TRACE}-")
    assert (request.header("traceparent") or "").endswith("-00")


async def test_a_trace_begins_here_for_the_part_that_is_sampled(tmp_path: Path) -> None:
    for part, folder in ((1, tmp_path / "all"), (0, tmp_path / "none")):
        folder.mkdir()
        with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
            async with traced(folder, collector, hook, settings=f", sample: {part}") as stage:
                await publish(stage)
                await stage.until(delivered)
                kept = await pulled(stage)
            (request,) = hook.requests
        assert bool(collector.spans) == bool(part)
        assert ("traceparent" in kept[0]) == bool(part)
        assert (request.header("traceparent") is not None) == bool(part)


async def test_what_a_timer_sends_has_a_trace_of_its_own(tmp_path: Path) -> None:
    rules = RULES.replace("send: hook", "group: {by: [$.n], wait: 10s}, send: hook")
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook, rules=rules) as stage:
            await publish(stage, traceparent=TRACEPARENT)
            await stage.until(delivered, step_s=1.0)
    of_the_post = [span for span in collector.spans if span.trace_id != TRACE]
    assert tree(of_the_post) == {"decide": "nobody", "lease": "decide", "attempt": "decide", "settle": "decide"}
    assert of_the_post[0].facts.get("ams_bridge.rule", "all") == "all"


async def test_histograms_lead_to_traces_in_openmetrics(tmp_path: Path) -> None:
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        async with traced(tmp_path, collector, hook) as stage:
            await publish(stage, traceparent=TRACEPARENT)
            await stage.until(delivered)
            page = (await stage.http.get("/metrics", headers=OPENMETRICS)).text
            plain = (await stage.http.get("/metrics")).text
    exemplars = {
        sample.name.removesuffix("_bucket"): sample.exemplar.labels["trace_id"]
        for family in read_openmetrics(page)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar
    }
    assert exemplars == dict.fromkeys(
        (
            "ams_bridge_api_seconds",
            "ams_bridge_decide_seconds",
            "ams_bridge_try_seconds",
            "ams_bridge_delivered_age_seconds",
        ),
        TRACE,
    )
    assert TRACE not in plain


async def test_a_collector_that_is_away_keeps_nobody_waiting(tmp_path: Path) -> None:
    with running(FakeCollector()) as collector, running(FakeWebhook()) as hook:
        gone = FakeCollector()
        gone.base_url = "http://127.0.0.1:9"
        async with traced(tmp_path, gone, hook, settings=", timeout: 1s") as stage:
            await publish(stage, traceparent=TRACEPARENT)
            await stage.until(delivered)
    assert collector.spans == []


async def test_without_settings_nothing_is_said_of_traces(tmp_path: Path) -> None:
    with running(FakeWebhook()) as hook:
        async with a_stage(tmp_path, RULES, f"  hook: {{type: webhook, url: '{hook.base_url}/x'}}") as stage:
            await publish(stage, traceparent=TRACEPARENT)
            found = await stage.until(delivered)
            assert await pulled(stage) == [{}]
            page = (await stage.http.get("/metrics", headers=OPENMETRICS)).text
        (request,) = hook.requests
    assert request.header("traceparent") is None
    assert not found[0].new.post.startswith(b'{"trace')
    assert "trace_id" not in page
