"""A rendered post as bytes: what the outbox keeps, so that a retry or a replay sends exactly what was decided.

The trace that it was decided in stands before it, in the same object; a post outside of traces has nothing there.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.core.tracing import TraceContext, read_trace_context, trace_headers
from rules.model import Post
from rules.rendering.markdown_escape import make_storable

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Post)
_TRACED: Final = b'{"traceparent":'


class _Traced(msgspec.Struct, frozen=True):
    """What stands before a post that is part of a trace."""

    traceparent: str
    tracestate: str = ""


_TRACE_DECODER: Final = msgspec.json.Decoder(_Traced)


def post_to_bytes(post: Post, trace: TraceContext | None = None) -> bytes:
    """The post as JSON; halves of surrogate pairs, which no encoding can carry, become U+FFFD.

    Raises TypeError when its ``body`` or an override holds something JSON cannot say.
    """
    try:
        kept = _ENCODER.encode(post)
    except UnicodeEncodeError:
        kept = _ENCODER.encode(_whole(msgspec.to_builtins(post)))
    return kept if trace is None else _ENCODER.encode(trace_headers(trace))[:-1] + b"," + kept[1:]


def trace_of_post(kept: bytes) -> TraceContext | None:
    """The trace that a post was decided in; None for one outside of traces."""
    if not kept.startswith(_TRACED):
        return None
    traced = _TRACE_DECODER.decode(kept)
    return read_trace_context(traced.traceparent, traced.tracestate)


def _whole(value: Any) -> Any:
    match value:
        case str():
            return make_storable(value)
        case dict():
            return {_whole(key): _whole(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_whole(inner) for inner in value]
        case _:
            return value


def post_from_bytes(kept: bytes) -> Post:
    """The post that ``post_to_bytes`` wrote; fields added since take their defaults."""
    return _DECODER.decode(kept)
