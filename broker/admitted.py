"""Reads from a log what a subscription's filter admits, and says how far it looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.attribute_filters import admits, read_filter
from broker.model import Message
from broker.store import Log

_SLICE: Final = 1_000
_MOST_LOOKED_AT: Final = 10_000
"""In one read: what is not admitted is passed over, and the next read goes on behind it."""


@dataclass(frozen=True, slots=True)
class AdmittedRead:
    """What was admitted, and the offset behind everything that was looked at."""

    messages: Sequence[Message]
    end: int


async def read_admitted(
    log: Log, topic_uid: str, filter_text: str, offset: int, max_messages: int, max_bytes: int
) -> AdmittedRead:
    """Up to ``max_messages`` that the filter admits, from ``offset`` on; an empty filter admits all.

    ``end`` lies right behind the last admitted one when that many were found, and behind what is not admitted else.
    """
    if not filter_text:
        messages = await log.read(topic_uid, offset, max_messages, max_bytes)
        return AdmittedRead(messages, messages[-1].offset + 1 if messages else offset)
    wanted = read_filter(filter_text)
    admitted: list[Message] = []
    end, looked_at, size = offset, 0, 0
    while looked_at < _MOST_LOOKED_AT:
        rows = await log.read(topic_uid, end, _SLICE, max_bytes)
        for row in rows:
            if admits(wanted, row.attributes):
                size += len(row.data)
                if admitted and size > max_bytes:
                    return AdmittedRead(admitted, end)
                admitted.append(row)
            end = row.offset + 1
            if len(admitted) >= max_messages:
                return AdmittedRead(admitted, end)
        looked_at += len(rows)
        if not rows:
            break
    return AdmittedRead(admitted, end)
