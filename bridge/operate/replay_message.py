"""Replays old messages through the rules of now (semantics.md items 14 and 19).

Each message is decided for itself and committed for itself, with an origin of its own (``r/<replay id>``), so nothing
it leads to can collide with what came of it before. It moves no cursor and counts as no message; what is decided enters
the second book.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
import structlog

from bridge.core.waiting import Turn
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput, NoSuchThing, Undecidable
from bridge.operate.operator_views import DecisionView, decision_view
from bridge.operate.topic_names import topic_names, topic_uid
from bridge.routing.commit_batch import Batch, incoming_of, values_of
from bridge.routing.commit_batch import RoutedTopic as RoutedTopic
from broker.clock import moment_of
from broker.conflicts import retry_on_conflict
from broker.errors import BrokerError, StateMoved
from broker.model import Commit, Message
from broker.tokens import random_uid
from rules.deciding.batch_state import Overlay
from rules.deciding.decide import decide
from rules.deciding.match import match
from rules.model import Decision, Incoming
from rules.source.bounds import count_of
from rules.workbench.replay import decide_alone

MOST_MESSAGES: Final = 1_000
_MOST_NAMES: Final = 100
_NAMED: Final = 10
_PAGE_BYTES: Final = 4 * 1024 * 1024
_TURN_S: Final = 0.005
_ATTEMPTS: Final = 10

log = structlog.get_logger("api")


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """One message: the id of its replay, its fate (decided, dropped or unmatched), and what was decided.

    ``deliveries`` are the ids of those that came of it; ``shadows`` of those that rules in shadow would have sent.
    """

    message: str
    replay: str
    fate: str
    decisions: list[DecisionView]
    deliveries: list[str]
    shadows: list[str]


class ReplayAnswer(msgspec.Struct, frozen=True):
    """What was decided anew, in the order given; ``missing`` are no longer in their topics."""

    replayed: list[Replayed]
    missing: list[str]


async def replay_messages(context: OperatorContext, by: Requester, names: Sequence[str], *, live: bool) -> ReplayAnswer:
    """Decide messages anew. Raises InvalidInput, NoSuchThing, Undecidable, StoreUnavailable."""
    if not 1 <= len(names) <= _MOST_NAMES:
        raise InvalidInput("messages", f"name 1 to {_MOST_NAMES} messages as TOPIC:OFFSET or TOPIC:FIRST-LAST")
    spans = [_span(context, name) for name in names]
    if sum(last - first + 1 for _, first, last in spans) > MOST_MESSAGES:
        raise InvalidInput("messages", f"that is more than {MOST_MESSAGES} messages; replay them in several calls")
    topics = topic_names(context.broker)
    done: list[Replayed] = []
    missing: list[str] = []
    turn = Turn(context.clock, _TURN_S)
    for uid, first, last in spans:
        topic = RoutedTopic(topics[uid], uid)
        messages = await _messages(context, uid, first, last)
        there = {message.offset for message in messages}
        missing += [f"{topic.name}:{offset}" for offset in range(first, last + 1) if offset not in there]
        for message in messages:
            done.append(await _replay(context, topic, message, live=live))
            await turn.give()
    if not done:
        raise NoSuchThing("message", missing[0], f"none of these messages is there any more; the first is {missing[0]}")
    counts = {"messages": len(done), "live": live, "deliveries": sum(len(replayed.deliveries) for replayed in done)}
    await context.note(by, "message.replay", ", ".join(names[:_NAMED]), after=counts)
    return ReplayAnswer(done, missing)


async def _replay(context: OperatorContext, topic: RoutedTopic, message: Message, *, live: bool) -> Replayed:
    """One message, decided and committed. Raises Undecidable."""
    name = random_uid(context.entropy)
    incoming = replace(incoming_of(topic, message), origin=f"r/{name}")

    async def step() -> Replayed:
        now = moment_of(context.clock)
        batch = Batch(topic, context.in_force.rule_set.version, now.wall_us, late=True, told_at=now)
        try:
            decision, commit = await (_live if live else _alone)(context, incoming, batch)
        except BrokerError:
            raise
        except Exception as error:  # a bug costs this message alone, as in a router
            log.exception("replaying broke", topic=topic.name, offset=message.offset)
            raise Undecidable(message.offset, type(error).__name__) from error
        await context.store.commit(commit)
        context.in_force.ring()
        return Replayed(
            message=f"{topic.name}:{message.offset}",
            replay=name,
            fate=decision.fate or "unmatched",
            decisions=[decision_view(record) for record in batch.records],
            deliveries=[delivery.id for delivery in batch.deliveries],
            shadows=[shadow.id for shadow in batch.shadows],
        )

    return await retry_on_conflict(step, what="the state this message needs", on=StateMoved, attempts=_ATTEMPTS)


async def _alone(context: OperatorContext, incoming: Incoming, batch: Batch) -> tuple[Decision, Commit]:
    in_force = context.in_force
    decision = decide_alone(in_force.rule_set, incoming, in_force.context(batch.now_us))
    batch.add(_mark(decision), incoming.offset)
    return decision, batch.commit((), {}, (), {})


async def _live(context: OperatorContext, incoming: Incoming, batch: Batch) -> tuple[Decision, Commit]:
    in_force = context.in_force
    rule_set = in_force.rule_set
    matches = match(rule_set, incoming, batch.now_us)
    rows = await context.store.state.read(matches.needs) if matches.needs else {}
    overlay = Overlay(values_of(rows))
    decision = decide(rule_set, matches, overlay, in_force.context(batch.now_us))
    overlay.apply(decision)
    batch.add(_mark(decision), incoming.offset)
    return decision, batch.commit((), overlay.reads, overlay.changes, rows)


def _mark(decision: Decision) -> Decision:
    """The decision as it is booked: no message was received, and its records say that it was a replay."""
    marked = tuple(replace(judgement, by=f"replay {judgement.by}".strip()) for judgement in decision.judgements)
    return replace(decision, fate=None, judgements=marked)


async def _messages(context: OperatorContext, uid: str, first: int, last: int) -> Sequence[Message]:
    messages: list[Message] = []
    while (at := messages[-1].offset + 1 if messages else first) <= last:
        page = await context.store.log.read(uid, at, last - at + 1, _PAGE_BYTES)
        page = [message for message in page if message.offset <= last]
        if not page:
            break
        messages += page
    return messages


def _span(context: OperatorContext, name: str) -> tuple[str, int, int]:
    topic, colon, offsets = name.rpartition(":")
    first, dash, last = offsets.partition("-")
    begin, end = count_of(first), count_of(last if dash else first)
    if not colon or begin is None or end is None:
        raise InvalidInput(
            "messages", f"{name[:100]!r} is no message; write TOPIC:OFFSET, or TOPIC:FIRST-LAST for several"
        )
    if end < begin:
        raise InvalidInput("messages", f"{name[:100]!r} ends before it begins")
    return topic_uid(context.broker, topic), begin, end
