"""Where subscriptions stand, and moving them by hand (ams-api.md 6.2, 7.2, 7.5, 7.7)."""

from __future__ import annotations

from bridge.api.api_errors import conflict, invalid_argument
from bridge.api.api_times import read_zulu_millis
from bridge.api.call import Call
from bridge.api.request_bodies import read_shape
from bridge.api.wire import OffsetAnswer, OffsetRequest, OffsetsAnswer


async def show(call: Call) -> OffsetsAnswer:
    """The oldest retained offset, the next to be written, and the next to be handed out."""
    offsets = await call.broker.offsets(call.subscription())
    return OffsetsAnswer(offsets.max, offsets.min, offsets.current)


async def modify(call: Call) -> None:
    """Move the subscription to an offset; out of bounds nothing moves."""
    request = await read_shape(call, OffsetRequest, "Invalid Offset Arguments")
    if request.offset is None:
        raise invalid_argument("Invalid Offset Arguments")
    await call.broker.modify_offset(call.subscription(), request.offset)


async def find_offset_of_time(call: Call) -> OffsetAnswer:
    """The offset of the first message at or after a time."""
    subscription = call.subscription()
    time_us = read_zulu_millis(call.query("time"))
    if time_us is None:
        raise invalid_argument("Time is not in valid Zulu format.")
    offset = await call.broker.offset_at(subscription, time_us)
    if offset is None:
        raise conflict("Timestamp is out of bounds for the subscription's topic/partition")
    return OffsetAnswer(offset)
