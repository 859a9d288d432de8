"""What becomes of a reaction or a reply: who asks for what, below which post of ours, and what is said to it.

Whoever can see a post may ask: the server sees to that. Webhooks and bots may not, and the text of nobody is believed:
which post is ours, and what it is about, stands in the card that we signed into it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from bridge.chat.button_dispatcher import Actor, CommandResult, NotGranted, Presser
from bridge.chat.catch_up import Account, Reader
from bridge.chat.commands import HELP, Unknown, request_of_reaction, request_of_reply
from bridge.chat.events import ChatEvent, ChatPost, Reaction
from bridge.chat.requests import ChatRequest, Why, word_of
from bridge.chat.websocket import Lost
from bridge.destinations.base import Later
from bridge.destinations.mattermost.attachment import MAX_TEXT_RUNES, shorten_to
from bridge.destinations.mattermost.bodies import MARKER
from bridge.destinations.mattermost.bot import MattermostBot
from bridge.destinations.mattermost.cards import CARD
from bridge.destinations.mattermost.rest import Made, decode_answer
from bridge.destinations.signed_context import ContextFault, PostContext

TOO_OLD: Final = "This post is too old. Nothing was done; the API and `ams-bridge silence add` still work."
_ANSWERS: Final = "answers"
"""Where a reply of ours says which event it answers."""

log = structlog.get_logger("listening")


@dataclass(frozen=True, slots=True)
class EventTime:
    """When an event is answered. ``server_ms`` is the server's time now where the event was ``missed`` before."""

    missed: bool = False
    server_ms: int = 0
    known: Mapping[str, ChatPost] = field(default_factory=dict)


NOW: Final = EventTime()


class Answerer:
    """Answers events for one bot. ``notify`` is given how somebody asked, for what, and what became of it."""

    def __init__(
        self, name: str, bot: MattermostBot, presser: Presser, notify: Callable[[str, str, str], None]
    ) -> None:
        self._name = name
        self._bot = bot
        self._presser = presser
        self._notify = notify

    async def answer(self, event: ChatEvent, me: Account, reader: Reader, moment: EventTime = NOW) -> None:
        """Carry out what a reaction or reply asks for, if it is for us.

        Raises Lost when the server does not answer, and StoreError.
        """
        request = self._read_request(event, me)
        if request is None:
            return
        root_id = event.post_id if isinstance(event, Reaction) else event.root_id
        post = moment.known.get(root_id) or await reader.post(root_id)
        card = self.card_in(post, me)
        by, word = _means(event), "help" if isinstance(request, Unknown) else word_of(request)
        if post is None or card is None or (isinstance(card, PostContext) and not await self._is_ours(card)):
            return
        person = await reader.account(event.user_id)
        if person is None or person.is_bot or person.delete_at:
            return
        if not isinstance(card, PostContext):
            self._notify(by, word, card)
            if card == "expired" and isinstance(event, ChatPost):
                await self._say(post, TOO_OLD, event, me, reader, moment)
            return
        actor = Actor(person.username, post.id, post.channel_id, self._request_us(event, moment), event.name)
        result = await self._grant(card, request, actor)
        if not isinstance(result, CommandResult):
            self._notify(by, word, result)
            if result == "expired" and isinstance(event, ChatPost):
                await self._say(post, TOO_OLD, event, me, reader, moment)
            return
        if _is_said_aloud(event, request, result):
            await self._say(post, result.text, event, me, reader, moment)
        if not result.changes:
            await self._presser.note(card, actor)
        self._notify(by, word, "done")

    async def _grant(
        self, card: PostContext, request: ChatRequest | Unknown, actor: Actor
    ) -> CommandResult | NotGranted:
        if not isinstance(request, Unknown):
            return await self._presser.press(card, request, actor)
        return "heard" if await self._presser.was_heard(card, actor) else CommandResult(HELP)

    async def show(self, post: ChatPost, me: Account, reader: Reader) -> None:
        """Let a post show what was done about it, if it does not: the click may have come as the line broke.

        Raises Lost, StoreError.
        """
        card = self.card_in(post, me)
        if not isinstance(card, PostContext) or not await self._is_ours(card):
            return
        row = await self._presser.buttons.cards.read(card.rule, card.post)
        if not row.remarks or row.find(post.id, post.channel_id) is None:
            return
        current: ChatPost | None = post
        if row.remarks[-1] not in post.message:  # or it was shown since the post was read
            current = await reader.post(post.id)
        if current is not None and row.remarks[-1] not in current.message:
            await self._presser.show_again(card, Actor("", post.id, post.channel_id))

    def card_in(self, post: ChatPost | None, me: Account) -> PostContext | ContextFault | None:
        """The card that we signed into a post of ours; None when there is none."""
        if post is None or post.user_id != me.id or post.delete_at:
            return None
        marker = (post.props or {}).get(MARKER)
        value = marker.get(CARD) if isinstance(marker, dict) else None
        if not isinstance(value, str):
            return None
        return self._presser.buttons.signed_context.verify(value, self._presser.context.clock.wall_us())

    def _read_request(self, event: ChatEvent, me: Account) -> ChatRequest | Unknown | None:
        listens, feedback = self._bot.config.listen, self._bot.config.feedback
        if event.user_id == me.id:
            return None
        if isinstance(event, Reaction):
            return (
                request_of_reaction(event.emoji_name, feedback=feedback) if listens in ("reactions", "both") else None
            )
        if listens not in ("replies", "both") or event.is_of_a_machine:
            return None
        return request_of_reply(event.message, me.username, feedback=feedback)

    async def _is_ours(self, card: PostContext) -> bool:
        """Whether this destination made the post; two of them may speak as the same bot."""
        stored = await self._presser.context.store.outbox.read(card.delivery)
        return stored is None or stored[0].new.destination == self._name

    def _request_us(self, event: ChatEvent, moment: EventTime) -> int:
        """When it was asked for, by our clock: a silence that was asked for an hour ago is an hour shorter."""
        if not moment.missed:
            return 0
        return self._presser.context.clock.wall_us() - max(0, moment.server_ms - event.at_ms) * 1_000

    async def _say(
        self, post: ChatPost, text: str, event: ChatEvent, me: Account, reader: Reader, moment: EventTime
    ) -> None:
        """Say something in the post's thread, once: what was missed may have been answered before the line broke."""
        root = post.root_id or post.id
        if moment.missed:
            for thread_post in await reader.fetch_thread(root):
                marker = (thread_post.props or {}).get(MARKER)
                if thread_post.user_id == me.id and isinstance(marker, dict) and marker.get(_ANSWERS) == event.name:
                    return
        body = {
            "channel_id": post.channel_id,
            "root_id": root,
            "message": shorten_to(text, MAX_TEXT_RUNES),
            "props": {MARKER: {_ANSWERS: event.name}},
            "pending_post_id": f"{post.id}/{event.name}",
        }
        answer = await self._bot.rest.call("POST", "/posts", body)
        if isinstance(answer, Later):
            raise Lost(answer.reason)
        if decode_answer(answer, Made) is None:
            failure = self._bot.rest.classify_failure(answer)
            if isinstance(failure, Later):
                raise Lost(failure.reason)
            log.warning("an answer was refused", destination=self._name, reason=failure.reason)


def _means(event: ChatEvent) -> str:
    return "reaction" if isinstance(event, Reaction) else "reply"


def _is_said_aloud(event: ChatEvent, request: ChatRequest | Unknown, result: CommandResult) -> bool:
    """Whether an answer goes into the thread: what was asked why, what the post does not show, and each word to us."""
    if isinstance(request, Why | Unknown) or (result.changes and not result.shown):
        return True
    return isinstance(event, ChatPost) and not result.changes
