"""``/api/send`` and ``/api/preview``: one post for one destination, to see whether it arrives and what it looks like.

A test post is tried once, past rules, pace, breaker and retries. One that is too long is split or cut as a rule's would
be. An inbox keeps its posts as deliveries, so there it becomes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, assert_never

import msgspec

from bridge.core.posts import post_to_bytes
from bridge.destinations.base import Delivered, Destination, Later, Outcome, Parcel, Preview, Refused
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_views import attempt_view
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


async def preview(asked: OperatorRequest) -> dict[str, Any]:
    """POST /api/preview: exactly what would be sent, part by part, secrets redacted. Nothing goes out."""
    outgoing = await asked.body(Outgoing)
    destination = _destination(asked, outgoing.destination)
    parcels = _parcels(asked, outgoing, destination)
    shown = [destination.preview(parcel) for parcel in parcels]
    return {
        "destination": outgoing.destination,
        "kind": destination.facts.kind,
        "text": _text_view(outgoing, destination, parcels),
        "preview": shown[0],
        "parts": shown,
    }


async def send(asked: OperatorRequest) -> dict[str, Any]:
    """POST /api/send: tries each part once, in order, up to the first that did not arrive; with the previews."""
    outgoing = await asked.body(Outgoing)
    destination = _destination(asked, outgoing.destination)
    parcels = _parcels(asked, outgoing, destination)
    began = asked.source.clock.monotonic()
    parts: list[dict[str, Any]] = []
    outcome: Outcome = Delivered()
    for parcel in parcels:
        if destination.facts.kind == _KEEPS_DELIVERIES:
            outcome = await _kept(asked, outgoing.destination, parcel)
        else:
            outcome = await _tried(asked, destination, parcel)
        shown: Preview = destination.preview(parcel)
        parts.append({"preview": shown, **told(outcome)})
        if not isinstance(outcome, Delivered):
            break
    outcome_word = told(outcome)["outcome"]
    await asked.note("post.send", outgoing.destination, after={"outcome": outcome_word, "parts": len(parts)})
    return {
        "destination": outgoing.destination,
        "kind": destination.facts.kind,
        "text": _text_view(outgoing, destination, parcels),
        "took_s": round(asked.source.clock.monotonic() - began, 3),
        "preview": parts[0]["preview"],
        "parts": parts,
        **told(outcome),
    }


def told(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the API says it: its name, the reason, and what a delivery would do next, in words."""
    match outcome:
        case Delivered():
            return {"outcome": "delivered", "reason": "", "receipt": outcome.receipt, "next": ""}
        case Later():
            after = f"in {outcome.after_s:g} s, as it asked" if outcome.after_s is not None else "after a pause"
            unclear = "; it may have arrived all the same" if outcome.unclear else ""
            next_step = f"a delivery would be tried again {after}{unclear}"
            return {"outcome": "later", "reason": outcome.reason, "receipt": None, "next": next_step}
        case Refused():
            next_step = (
                f"a delivery would be tried once more in the form {outcome.plainer!r}"
                if outcome.plainer
                else "a delivery would become a dead letter"
            )
            return {"outcome": "refused", "reason": outcome.reason, "receipt": None, "next": next_step}
        case _:
            assert_never(outcome)


def _destination(asked: OperatorRequest, name: str) -> Destination:
    known = asked.source.destinations()
    if name not in known:
        raise Refusal(404, f'there is no destination "{name[:100]}"{suggest_of(name, known, "destinations")}')
    return known[name]


def _parcels(asked: OperatorRequest, outgoing: Outgoing, destination: Destination) -> list[Parcel]:
    """The post as deliveries would bring it: one part, or as many as its text takes."""
    facts = destination.facts
    for key in outgoing.overrides:
        if key not in facts.overrides:
            hint = suggest_of(key, sorted(facts.overrides), "keys")
            raise Refusal(400, f'{facts.kind} takes no "{key}" in a send{hint}')
    if outgoing.body is not None and not facts.takes_body:
        raise Refusal(400, f"{facts.kind} takes no body; give a text")
    if not (outgoing.text or outgoing.body is not None):
        raise Refusal(400, "text is empty")
    given = msgspec.structs.asdict(outgoing)
    del given["destination"]
    posts = parts_of(Post(**given | {"fields": tuple(outgoing.fields)}), facts)
    test = random_uid(asked.source.entropy)
    return [
        Parcel(
            id=random_uid(asked.source.entropy),
            post=post,
            phase="message",
            order_key=f"test/{test}",
            rule=TEST_RULE,
            part=part,
            parts=len(posts),
            created_us=asked.source.clock.wall_us(),
        )
        for part, post in enumerate(posts)
    ]


def _text_view(outgoing: Outgoing, destination: Destination, parcels: Sequence[Parcel]) -> dict[str, Any]:
    """How long the text is, how much of it one post takes, and what becomes of it."""
    size, most = len(outgoing.text), destination.facts.max_text_runes
    if len(parcels) > 1:
        fate = "split"
    elif len(parcels[0].post.text) < size:
        fate = "cut"
    else:
        fate = "whole"
    return {"characters": size, "most": most, "fate": fate, "parts": len(parcels)}


async def _tried(asked: OperatorRequest, destination: Destination, parcel: Parcel) -> Outcome:
    try:
        async with asked.source.clock.timeout(_LONGEST_TRY_S):
            return await destination.deliver(parcel)
    except TimeoutError:
        return Later(f"no answer within {_LONGEST_TRY_S:g} s", unclear=True)


async def _kept(asked: OperatorRequest, name: str, parcel: Parcel) -> Outcome:
    """Make the post a delivery and wait for its courier."""
    store, clock = asked.source.store, asked.source.clock
    await store.commit(Commit(deliveries=[_delivery(name, parcel)]))
    ends = clock.monotonic() + _LONGEST_WAIT_S
    while clock.monotonic() < ends:
        found = await store.outbox.read(parcel.id)
        if found is not None and found[0].state == "delivered":
            return Delivered(receipt=parcel.id)
        if found is not None and found[1]:
            return Later(attempt_view(found[1][-1]).reason)
        await clock.sleep(_LOOK_EVERY_S)
    return Later(f"its courier has not taken it within {_LONGEST_WAIT_S:g} s; it waits")


def _delivery(name: str, parcel: Parcel) -> NewDelivery:
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
        due_us=parcel.created_us,
        created_us=parcel.created_us,
    )
