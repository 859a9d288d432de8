"""What a request of a person in chat does, by whatever means it came: the act, its remark in the post, and the answer.

The means are the edges' own: ``button_endpoint.py`` hears clicks, ``replies.py`` reactions and replies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
import structlog

from bridge.chat.explain_command import explain_post
from bridge.chat.requests import ChatRequest, SilenceRequest, Take, Verdict, Why, word_of
from bridge.delivery.parcels import parcel_of
from bridge.destinations.base import Parcel
from bridge.destinations.buttons import Buttons, Changeable, PostState, Redrawable
from bridge.destinations.post_records import PostRecord, ShownPost
from bridge.destinations.signed_context import PostContext
from bridge.operate.feedback import FEEDBACK, note_feedback
from bridge.operate.incident_commands import Nothing, Over, Silenced, Taken, TooLate, silence_key, take_incident
from bridge.operate.operator_context import OperatorContext, Requester
from broker.model import Delivery, Leased
from rules.deciding.quiet.notes import format_moment
from rules.rendering.escape import escape_md

_REDRAWINGS: Final = 5

_CHAT: Final = "chat"
"""Where a command from chat comes from, on the audit trail: a person's address is known to the chat server only."""

log = structlog.get_logger("actions")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, and where: the chat server's ids of the post and its channel.

    ``asked_us`` is when, if that was not just now; ``event`` names this one request, so that it is granted once however
    often it is heard.
    """

    who: str
    post_id: str
    channel_id: str
    asked_us: int = 0
    event: str = ""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What the person is told, and how the post is to look if the answer can change it.

    ``changes`` is whether anything is otherwise than before, and ``shown`` whether the post says so.
    """

    text: str
    update: dict[str, Any] | None = None
    changes: bool = False
    shown: bool = True


CommandOutcome: TypeAlias = Taken | Over | Silenced | TooLate | Nothing

NotGranted: TypeAlias = Literal["elsewhere", "heard", "expired"]
"""The card belongs to another post; this request was granted before; what the card is about is not kept any more."""


class Presser:
    """Carries out what people ask for below posts."""

    def __init__(self, context: OperatorContext, buttons: Buttons) -> None:
        self.context = context
        self.buttons = buttons

    async def press(self, card: PostContext, request: ChatRequest, actor: Actor) -> CommandResult | NotGranted:
        """Carry out a request below a post that has this card. Raises StoreUnavailable, OutcomeUnknown.

        That it was granted is kept with what it changes; where it changes nothing, ``note`` it once it is answered.
        """
        bound = await self.buttons.cards.bind(card, actor.post_id, actor.channel_id)
        if bound is None:
            return "elsewhere"
        if actor.event and actor.event in bound.heard:
            return "heard"
        whole = await self._whole(card)
        if whole is None:
            return "expired"
        return await self._grant(whole, request, actor, bound)

    async def _grant(self, card: PostContext, request: ChatRequest, actor: Actor, bound: PostRecord) -> CommandResult:
        if isinstance(request, Why):
            post = bound.find(actor.post_id, actor.channel_id)
            text = post.delivery if post is not None else card.delivery
            return CommandResult(await explain_post(self.context, card, await self._delivery(text or card.delivery)))
        if isinstance(request, Verdict):
            return await self._count(card, request, actor, bound)
        log.info("asked for in chat", wish=word_of(request), rule=card.rule, key=card.key, who=actor.who)
        done = await self._carry_out(card, request, actor)
        remark = _remark(done, card, self.context.clock.wall_us(), who=actor.who, was_taken=bound.taken)
        if not remark or remark in bound.remarks:
            return CommandResult(_reply_text(done, card))
        row = await self.buttons.cards.bind(
            card, actor.post_id, actor.channel_id, remark=remark, takes=isinstance(done, Taken), heard=actor.event
        )
        shown, update = await self._show(card, row or bound, actor)
        return CommandResult(_reply_text(done, card, shown=shown), update, changes=True, shown=shown)

    async def _count(self, card: PostContext, request: Verdict, actor: Actor, bound: PostRecord) -> CommandResult:
        """Keep what somebody says of the post; the last word counts, and the same word once."""
        begun = f"{FEEDBACK}{actor.who}/"
        words = [name for name in bound.heard if name.startswith(begun)]
        if not words or not words[-1].endswith(f"/{word_of(request)}"):
            heard = f"{begun}{len(words)}/{word_of(request)}"
            await self.buttons.cards.bind(card, actor.post_id, actor.channel_id, heard=heard)
            by = Requester(actor.who, _CHAT)
            await note_feedback(self.context, by, card.rule, card.key, card.post, useful=request.useful)
        return CommandResult("Thank you: it counts as useful." if request.useful else "Thank you: it counts as noise.")

    async def was_heard(self, card: PostContext, actor: Actor) -> bool:
        """Whether nothing more is to be said to this very request. Raises StoreUnavailable."""
        row = await self.buttons.cards.read(card.rule, card.post)
        return actor.event in row.heard

    async def note(self, card: PostContext, actor: Actor) -> None:
        """Note that this very request needs no more hearing. Raises StoreUnavailable, OutcomeUnknown."""
        if actor.event:
            await self.buttons.cards.bind(card, actor.post_id, actor.channel_id, heard=actor.event)

    async def show_again(self, card: PostContext, actor: Actor) -> bool:
        """Draw the post as it is to stand; False when that cannot be. Raises StoreUnavailable."""
        row = await self.buttons.cards.read(card.rule, card.post)
        return (await self._show(card, row, actor))[0]

    async def _carry_out(self, card: PostContext, request: Take | SilenceRequest, actor: Actor) -> CommandOutcome:
        by = Requester(actor.who, _CHAT)
        if isinstance(request, Take):
            return await take_incident(self.context, by, card.rule, card.incident)
        return await silence_key(self.context, by, card.rule, card.key, request.span_s, asked_us=actor.asked_us)

    async def _show(self, card: PostContext, row: PostRecord, actor: Actor) -> tuple[bool, dict[str, Any] | None]:
        """Whether the post will show it, and the update by which the answer makes it so where only that can."""
        shown = row.find(actor.post_id, actor.channel_id) or ShownPost(actor.post_id, actor.channel_id, card.delivery)
        delivery = await self._delivery(shown.delivery or card.delivery)
        if delivery is None:
            return False, None
        destination: object = self.context.destinations().get(delivery.new.destination)
        if isinstance(destination, Changeable):
            return await self._redraw(destination, card, row, shown), None
        if not isinstance(destination, Redrawable):
            return False, None
        redrawn = destination.redraw(await self._parcel(delivery), _standing(card, row))
        return True, {"message": redrawn.message, "props": redrawn.props}

    async def _redraw(self, destination: Changeable, card: PostContext, row: PostRecord, shown: ShownPost) -> bool:
        """Draw the card's posts until they look as the row has it; whoever changes the row meanwhile does the same.

        The answer to a click would change the post too late: after an edit of the courier's it would bring back the
        old text.
        """
        for _ in range(_REDRAWINGS):
            ends = [row.find(shown.post_id, shown.channel_id) or shown, *row.shown[-1:]]
            is_shown = [await self._draw(destination, card, row, post) for post in dict.fromkeys(ends)]
            record = await self.buttons.cards.read(card.rule, card.post)
            if record.looks_like(row):
                return is_shown[0]
            row = record
        return False

    async def _draw(self, destination: Changeable, card: PostContext, row: PostRecord, shown: ShownPost) -> bool:
        delivery = await self._delivery(shown.delivery or card.delivery)
        if delivery is None:
            return False
        parcel = await self._parcel(delivery)
        return await destination.show(parcel, shown.post_id, shown.course, _standing(card, row))

    async def _parcel(self, delivery: Delivery) -> Parcel:
        earlier = await self.context.store.outbox.receipt(delivery.new.destination, delivery.new.order_key)
        return parcel_of(Leased(delivery, "", earlier))

    async def _whole(self, card: PostContext) -> PostContext | None:
        """The card with its key and incident; None when its delivery, which has them, is past its retention."""
        if not card.is_short:
            return card
        delivery = await self._delivery(card.delivery)
        if delivery is None:
            return None
        return msgspec.structs.replace(card, key=delivery.new.key, incident=delivery.new.incident, is_short=False)

    async def _delivery(self, delivery_id: str) -> Delivery | None:
        stored = await self.context.store.outbox.read(delivery_id)
        return stored[0] if stored is not None else None


def _standing(card: PostContext, row: PostRecord) -> PostState:
    return PostState(card.post, max(row.expires_us, card.expires_us), row.remarks, row.taken)


def _remark(done: CommandOutcome, card: PostContext, now_us: int, *, who: str, was_taken: bool) -> str:
    """What the post says from now on; "" when nothing changed.

    What the same person did already, but the post does not say (it was done below another post, or we broke off), it
    says from now on.
    """
    match done:
        case Taken(_, before) if who != before or not was_taken:
            instead = f" from {escape_md(before)}" if before and before != who else ""
            return f"Taken by {escape_md(who)}{instead}, {format_moment(now_us)}"
        case Silenced(by, until_us, _, stood) if not stood or by == who:
            return f"Silenced by {escape_md(by)} until {format_moment(until_us)}{_what(card)}"
        case _:
            return ""


def _reply_text(done: CommandOutcome, card: PostContext, *, shown: bool = True) -> str:
    """What the person is told."""
    lost = "" if shown else " The post itself could not be changed."
    match done:
        case Over():
            return "This incident is over: there is nothing to take."
        case Nothing():
            return "There is nothing to take or to silence here: ask why."
        case TooLate(until_us):
            return f"Nobody heard this in time: such a silence was over at {format_moment(until_us)}."
        case Taken(who, before) if who == before:
            return "It is yours already."
        case Taken():
            return f"It is yours: no more reminders.{lost}"
        case Silenced(who, until_us, _, True):
            return f"It is silent already, until {format_moment(until_us)}, by {escape_md(who)}."
        case Silenced(_, until_us, suppressed):
            waiting = f" {suppressed} that waited will not be sent." if suppressed else ""
            return f"Silent until {format_moment(until_us)}{_what(card)}.{waiting}{lost}"


def _what(card: PostContext) -> str:
    return "" if card.key else f": everything rule {escape_md(card.rule)} says"
