"""W3C Trace Context: what is a trace, and what is not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bridge.app import tracer_choice
from bridge.app.unusable_settings import fault_lines
from bridge.core.posts import post_from_bytes, post_to_bytes, trace_of_post
from bridge.core.tracing import TraceContext, exemplar_of, read_trace_context, trace_context_in, trace_headers
from bridge.settings.model import Settings
from bridge.settings.tracing_settings import TracingSettings
from rules.model import Post

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HERE = TraceContext(TRACE, SPAN, is_sampled=True)


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # a flag of a later version beside it
        (f" 00-{TRACE}-{SPAN}-01 ", True),
        (f"01-{TRACE}-{SPAN}-01-more", True),  # a later version may say more
    ],
)
def test_a_trace_is_read_as_the_specification_says(text: str, sampled: bool) -> None:
    assert read_trace_context(text) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
    ],
)
def test_what_is_no_trace_is_none(text: str) -> None:
    assert read_trace_context(text) is None


@pytest.mark.parametrize("state", ["x" * 513, "a=\nb", "a=ä"])
def test_a_state_that_no_header_can_bear_is_left_out(state: str) -> None:
    assert trace_headers(read_trace_context(HERE.traceparent, state)) == {"traceparent": HERE.traceparent}


def test_a_sender_may_say_it_in_several_ways_and_the_header_comes_first() -> None:
    other = f"00-{'1' * 32}-{SPAN}-01"
    assert trace_context_in({"traceparent": HERE.traceparent, "tracestate": "a=b", "ce-traceparent": other}) == (
        TraceContext(TRACE, SPAN, is_sampled=True, state="a=b")
    )
    assert trace_context_in({"traceparent": "nonsense", "ce-traceparent": HERE.traceparent}) == HERE
    assert trace_context_in({"googclient_traceparent": HERE.traceparent}) == HERE
    assert trace_context_in({"tracestate": "a=b"}) is None


def test_a_post_keeps_the_trace_that_it_was_decided_in_and_is_the_same_post() -> None:
    post = Post(text="\ud800 x", title="t", body={"a": [1, None]})
    traced = TraceContext(TRACE, SPAN, is_sampled=False, state='a="b"')
    assert trace_of_post(post_to_bytes(post, traced)) == traced
    assert post_from_bytes(post_to_bytes(post, traced)) == post_from_bytes(post_to_bytes(post))
    assert trace_of_post(post_to_bytes(post)) is None


def test_a_post_kept_by_an_earlier_version_is_of_no_trace() -> None:
    kept = b'{"text":"traceparent","title":"","url":""}'
    assert trace_of_post(kept) is None
    assert post_from_bytes(kept).text == "traceparent"


def test_only_what_is_recorded_becomes_an_exemplar() -> None:
    assert exemplar_of(HERE) == {"trace_id": TRACE, "span_id": SPAN}
    assert exemplar_of(TraceContext(TRACE, SPAN, is_sampled=False)) is None
    assert exemplar_of(None) is None


@pytest.mark.parametrize(
    "endpoint", ["localhost:4318", "grpc://collector:4317", "http://", "http://collector:0/v1/traces"]
)
def test_an_endpoint_that_no_trace_can_be_sent_to_is_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="no address of a collector"):
        TracingSettings(endpoint=endpoint)


def test_traces_without_the_library_end_the_check_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> None:
        raise ModuleNotFoundError(name)

    settings = Settings(store="memory", tracing=TracingSettings(endpoint="http://localhost:4318/v1/traces"))
    assert fault_lines(settings) == []
    monkeypatch.setattr(tracer_choice, "find_spec", find_nothing)
    assert fault_lines(settings) == ["tracing.endpoint: tracing needs its extra: pip install 'ams-bridge[otel]'"]
    assert fault_lines(Settings(store="memory")) == []
