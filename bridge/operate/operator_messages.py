"""Lists the newest stored messages, each with what was decided about it."""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_views import SeenMessage, decision_view, fate_of, message_view
from bridge.operate.time_spans import TimeSpan
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from broker.names import router_cursor
from rules.events.decode import AUTO

_PAGE: Final = 50
_LONGEST_PAGE: Final = 200
_BYTES: Final = 4 * 1024 * 1024


class MessagesPage(msgspec.Struct, frozen=True):
    """Messages, newest first; ``next`` is the ``before`` of the next page, null on the last.

    ``complete`` is false when more fit than are on this page; pages of one topic lead on to them.
    """

    messages: list[SeenMessage]
    next: int | None
    complete: bool = True


async def list_messages(
    context: OperatorContext,
    topic: str = "",
    *,
    before: int | None = None,
    limit: int | None = None,
    span: TimeSpan | None = None,
) -> MessagesPage:
    """The newest messages: of one topic page by page, of all topics together; with ``span`` those published within it.

    Raises InvalidInput, NoSuchThing, StoreUnavailable.
    """
    most = min(limit or _PAGE, _LONGEST_PAGE)
    only = topic_uid_or_none(context.broker, topic)
    if before is not None and only is None:
        raise InvalidInput("before", "before pages through one topic: name it with topic")
    messages: list[tuple[int, SeenMessage]] = []
    rest = 0
    for uid, name in topic_names(context.broker).items():
        if only in (None, uid):
            within = await _within(context, uid, before, span)
            messages += await _of_topic(context, uid, name, within, most)
            rest += max(0, len(within) - most)
    messages.sort(key=lambda entry: (entry[0], entry[1].topic, entry[1].offset), reverse=True)
    shown = [message for _, message in messages[:most]]
    rest += len(messages) - len(shown)
    more = only is not None and bool(shown) and rest > 0
    return MessagesPage(shown, shown[-1].offset if more else None, complete=not rest)


async def _within(context: OperatorContext, uid: str, before: int | None, span: TimeSpan | None) -> range:
    """The offsets of a topic that are meant."""
    log = context.store.log
    bounds = await log.bounds(uid)
    first, end = bounds.first, bounds.end if before is None else min(before, bounds.end)
    if span is not None:
        since = await log.offset_at(uid, span.since_us)
        until = await log.offset_at(uid, span.until_us)
        first, end = max(first, end if since is None else since), end if until is None else min(end, until)
    return range(first, max(first, end))


async def _of_topic(
    context: OperatorContext, uid: str, name: str, within: range, limit: int
) -> list[tuple[int, SeenMessage]]:
    """The last ``limit`` messages of some offsets, each with its time; payloads are cut as read."""
    store, rule_set = context.store, context.in_force.rule_set
    end = within.stop
    cursor = await store.cursors.get(router_cursor(uid)) if rule_set.list_heard_topics([name]) else None
    spec = rule_set.decode.get(name, AUTO)
    messages: list[tuple[int, SeenMessage]] = []
    position = max(within.start, end - limit)
    while position < end and (read := await store.log.read(uid, position, end - position, _BYTES)):
        for message in read:
            decisions = [
                decision_view(record) for record in await store.decisions.list_for_message(uid, message.offset)
            ]
            fate = fate_of(message.offset, decisions, None if cursor is None else cursor.offset)
            messages.append((message.publish_time_us, message_view(name, message, spec, fate, decisions)))
        position = read[-1].offset + 1
    return messages
