"""Sends or previews one post for one destination, to see whether it arrives and what it looks like.

A test post is tried once, past rules, pace, breaker and retries. One that is too long is split or cut as a rule's would
be. An inbox keeps its posts as deliveries, so there it becomes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, assert_never

import msgspec

from bridge.core.posts import post_to_bytes
from bridge.destinations.base import Delivered, Destination, Later, Outcome, Parcel, Preview, Refused
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_views import attempt_view
from broker.clock import moment_of
from broker.model import Commit, NewDelivery
from broker.tokens import random_uid
from rules.deciding.emit import parts_of
from rules.model import Field, Post
from rules.source.words import suggest_of

TEST_RULE: Final = "(test)"
"""In place of a rule's name in a test post."""

_KEEPS_DELIVERIES: Final = "inbox"
_LONGEST_WAIT_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.05
_LONGEST_TRY_S: Final = 120.0


class Outgoing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A post to send: its text as Markdown, other parts, and keys a send entry may override (``channel`` ...)."""

    destination: str
    text: str = ""
    title: str = ""
    url: str = ""
    severity: str = ""
    color: str = ""
    icon: str = ""
    fields: list[Field] = []
    footer: str = ""
    mention: str = ""
    body: Any = None
    overrides: dict[str, Any] = {}


class TextFate(msgspec.Struct, frozen=True):
    """How long a text is, how much of it one post takes, and whether it is whole, split or cut."""

    characters: int
    most: int | None
    fate: str
    parts: int


class PostPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly what would be sent, part by part, secrets redacted; ``preview`` is the first part."""

    destination: str
    kind: str
    text: TextFate
    preview: Preview
    parts: list[Preview]


class OutcomeView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a try: its name, the reason, and what a delivery would do ``next``, in words."""

    outcome: str
    reason: str
    receipt: str | None
    next: str


class PartSent(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a post as it was sent, and what became of it."""

    preview: Preview
    outcome: str
    reason: str
    receipt: str | None
    next: str


class PostSent(msgspec.Struct, frozen=True, kw_only=True):
    """A post that was tried: the parts up to the first that did not arrive, and what became of that or the last."""

    destination: str
    kind: str
    text: TextFate
    took_s: float
    preview: Preview
    parts: list[PartSent]
    outcome: str
    reason: str
    receipt: str | None
    next: str


def preview_post(context: OperatorContext, outgoing: Outgoing) -> PostPreview:
    """Exactly what would be sent of a post; nothing goes out. Raises InvalidInput, NoSuchThing."""
    destination = _destination(context, outgoing.destination)
    parcels = _parcels(context, outgoing, destination)
    shown = [destination.preview(parcel) for parcel in parcels]
    return PostPreview(
        destination=outgoing.destination,
        kind=destination.facts.kind,
        text=_text_fate(outgoing, destination, parcels),
        preview=shown[0],
        parts=shown,
    )


async def send_post(context: OperatorContext, by: Requester, outgoing: Outgoing) -> PostSent:
    """Try each part once, in order, up to the first that does not arrive. Raises InvalidInput, NoSuchThing."""
    destination = _destination(context, outgoing.destination)
    parcels = _parcels(context, outgoing, destination)
    began = context.clock.monotonic()
    parts: list[PartSent] = []
    outcome: Outcome = Delivered()
    for parcel in parcels:
        if destination.facts.kind == _KEEPS_DELIVERIES:
            outcome = await _send_durably(context, outgoing.destination, parcel)
        else:
            outcome = await _try(context, destination, parcel)
        parts.append(PartSent(preview=destination.preview(parcel), **msgspec.structs.asdict(outcome_view(outcome))))
        if not isinstance(outcome, Delivered):
            break
    view = outcome_view(outcome)
    await context.note(by, "post.send", outgoing.destination, after={"outcome": view.outcome, "parts": len(parts)})
    return PostSent(
        destination=outgoing.destination,
        kind=destination.facts.kind,
        text=_text_fate(outgoing, destination, parcels),
        took_s=round(context.clock.monotonic() - began, 3),
        preview=parts[0].preview,
        parts=parts,
        **msgspec.structs.asdict(view),
    )


def outcome_view(outcome: Outcome) -> OutcomeView:
    """An outcome in words."""
    match outcome:
        case Delivered():
            return OutcomeView(outcome="delivered", reason="", receipt=outcome.receipt, next="")
        case Later():
            after = f"in {outcome.after_s:g} s, as it asked" if outcome.after_s is not None else "after a pause"
            unclear = "; it may have arrived all the same" if outcome.unclear else ""
            next_step = f"a delivery would be tried again {after}{unclear}"
            return OutcomeView(outcome="later", reason=outcome.reason, receipt=None, next=next_step)
        case Refused():
            next_step = (
                f"a delivery would be tried once more in the form {outcome.plainer!r}"
                if outcome.plainer
                else "a delivery would become a dead letter"
            )
            return OutcomeView(outcome="refused", reason=outcome.reason, receipt=None, next=next_step)
        case _:
            assert_never(outcome)


def _destination(context: OperatorContext, name: str) -> Destination:
    known = context.destinations()
    if name not in known:
        text = f'there is no destination "{name[:100]}"{suggest_of(name, known, "destinations")}'
        raise NoSuchThing("destination", name, text)
    return known[name]


def _parcels(context: OperatorContext, outgoing: Outgoing, destination: Destination) -> list[Parcel]:
    """The post as deliveries would bring it: one part, or as many as its text takes."""
    facts = destination.facts
    for key in outgoing.overrides:
        if key not in facts.overrides:
            hint = suggest_of(key, sorted(facts.overrides), "keys")
            raise InvalidInput("overrides", f'{facts.kind} takes no "{key}" in a send{hint}')
    if outgoing.body is not None and not facts.takes_body:
        raise InvalidInput("body", f"{facts.kind} takes no body; give a text")
    if not (outgoing.text or outgoing.body is not None):
        raise InvalidInput("text", "text is empty")
    given = msgspec.structs.asdict(outgoing)
    del given["destination"]
    posts = parts_of(Post(**given | {"fields": tuple(outgoing.fields)}), facts)
    test = random_uid(context.entropy)
    return [
        Parcel(
            id=random_uid(context.entropy),
            post=post,
            phase="message",
            order_key=f"test/{test}",
            rule=TEST_RULE,
            part=part,
            parts=len(posts),
            created_us=context.clock.wall_us(),
        )
        for part, post in enumerate(posts)
    ]


def _text_fate(outgoing: Outgoing, destination: Destination, parcels: Sequence[Parcel]) -> TextFate:
    size, most = len(outgoing.text), destination.facts.max_text_runes
    if len(parcels) > 1:
        fate = "split"
    elif len(parcels[0].post.text) < size:
        fate = "cut"
    else:
        fate = "whole"
    return TextFate(size, most, fate, len(parcels))


async def _try(context: OperatorContext, destination: Destination, parcel: Parcel) -> Outcome:
    try:
        async with context.clock.timeout(_LONGEST_TRY_S):
            return await destination.deliver(parcel)
    except TimeoutError:
        return Later(f"no answer within {_LONGEST_TRY_S:g} s", unclear=True)


async def _send_durably(context: OperatorContext, name: str, parcel: Parcel) -> Outcome:
    """Make the post a delivery and wait for its courier."""
    store, clock = context.store, context.clock
    now = moment_of(clock)
    await store.commit(Commit(deliveries=[_delivery(name, parcel, now.wall_us)], told_at=now))
    ends = clock.monotonic() + _LONGEST_WAIT_S
    while clock.monotonic() < ends:
        stored = await store.outbox.read(parcel.id)
        if stored is not None and stored[0].state == "delivered":
            return Delivered(receipt=parcel.id)
        if stored is not None and stored[1]:
            return Later(attempt_view(stored[1][-1]).reason)
        await clock.sleep(_LOOK_EVERY_S)
    return Later(f"its courier has not taken it within {_LONGEST_WAIT_S:g} s; it waits")


def _delivery(name: str, parcel: Parcel, now_us: int) -> NewDelivery:
    return NewDelivery(
        id=parcel.id,
        origin=parcel.order_key,
        rule=TEST_RULE,
        send=0,
        part=0,
        parts=1,
        destination=name,
        order_key=parcel.order_key,
        priority=1,
        post=post_to_bytes(parcel.post),
        phase=parcel.phase,
        key="",
        incident="",
        stands_for=1,
        topic_uid="",
        offset=-1,
        version="",
        places={},
        severity=parcel.post.severity,
        due_us=now_us,
        created_us=parcel.created_us,
    )
