"""The worker that listens for one bot: connect, read what was missed, then hear one event after the other.

Nothing is missed and nothing done twice: each connection first reads the channels from a little before the last moment
of which everything is known, and what was done is kept by name in the card's row. An event is only behind us when its
answer is done; what cannot be done now (the server does not answer) breaks the connection off, so it is read again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from bridge.chat.button_dispatcher import Presser
from bridge.chat.catch_up import Account, Reader
from bridge.chat.events import ChatEvent, ChatPost, events_of
from bridge.chat.replies import NOW, Answerer, EventTime
from bridge.chat.websocket import Connection, Lost, connect_websocket
from bridge.core.pauses import CHAT_SERVER, pause_s
from bridge.destinations.kit.redact import Redactor
from bridge.destinations.listened_channels import ListenedChannels
from bridge.destinations.mattermost.bot import MattermostBot
from broker.clock import Clock
from broker.errors import NotOwner, StoreError

_WELL_AFTER_S: Final = 60.0
_PING_EVERY_S: Final = 30.0
_NOTE_EVERY_MS: Final = 60_000
_OVERLAP_MS: Final = 60_000  # servers tell of things a little later than they happen
_CLOCKS_DIFFER_MS: Final = 300_000  # ours may be ahead of the server's by so much
_LOOKS_BACK_MS: Final = 7 * 86_400_000  # as long as a card is good
_TRIES: Final = 5

log = structlog.get_logger("listening")


@dataclass(slots=True)
class Hearing:
    """How well a destination hears: whether it is connected, why not, how often it was, and what became of wishes."""

    destination: str
    connected: bool = False
    reason: str = "not connected yet"
    connections: int = 0
    wishes: Counter[tuple[str, str, str]] = field(default_factory=Counter)


class Listener:
    """Listens for one destination."""

    def __init__(
        self,
        name: str,
        bot: MattermostBot,
        presser: Presser,
        places: ListenedChannels,
        clock: Clock,
        rng: random.Random,
        notify: Callable[[str], None],
    ) -> None:
        self.hearing = Hearing(name)
        self._name = name
        self._bot = bot
        self._places = places
        self._clock = clock
        self._rng = rng
        self._notify = notify
        self._redact = Redactor([bot.config.token])
        self._answerer = Answerer(name, bot, presser, self._count)
        self._heard_ms = 0
        self._noted_ms = 0
        self._tries: Counter[str] = Counter()

    async def run(self) -> None:
        """Listen to the chat server for ever. Raises StoreError when the store does, having given nothing up."""
        await self._places.begin(self._name, self._clock.wall_us() // 1_000 - _CLOCKS_DIFFER_MS)
        broken = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._listen()
            except Lost as lost:
                self._report_loss(str(lost))
            finally:
                self.hearing.connected = False
            if self._clock.monotonic() - began > _WELL_AFTER_S:
                broken = 0
            broken += 1
            await self._clock.sleep(pause_s(CHAT_SERVER, broken) * (0.5 + self._rng.random() / 2))

    async def _listen(self) -> None:
        """Hear over one connection until it is lost. Raises Lost, StoreError."""
        config = self._bot.config
        reader = Reader(self._bot.rest)
        me = await reader.fetch_account()
        async with connect_websocket(
            config.url, config.token, config.timeout, self._redact, config.ca_file, config.client_pair
        ) as line:
            now_ms = await self._server_ms(line)
            await self._catch_up(me, reader, now_ms)
            self.hearing.connections += 1
            self.hearing.connected, self.hearing.reason = True, ""
            self._notify("")
            log.info("listening in chat", destination=self._name, bot=me.username)
            while True:
                await self._hear(line, me, reader)

    async def _server_ms(self, line: Connection) -> int:
        """The server's time; what is heard before it answers is read again by whoever asks. Raises Lost."""
        await line.ping()
        try:
            async with self._clock.timeout(self._bot.config.timeout):
                while True:
                    heard = await line.receive()
                    if heard.event is None:
                        return heard.server_ms or self._clock.wall_us() // 1_000
        except TimeoutError as error:
            raise Lost("the server does not answer a ping") from error

    async def _catch_up(self, me: Account, reader: Reader, now_ms: int) -> None:
        """Do what was asked for while nobody listened, in the order in which it was."""
        place = await self._places.read(self._name)
        known_ms = max(place.heard_ms, self._heard_ms, place.began_ms + _OVERLAP_MS)
        since_ms = max(min(known_ms, now_ms) - _OVERLAP_MS, now_ms - _LOOKS_BACK_MS)
        posts: dict[str, ChatPost] = {}
        for channel_id in place.channels:
            posts |= await reader.fetch_changed(channel_id, since_ms)
        moment = EventTime(missed=True, server_ms=now_ms, known=posts)
        for event in sorted(events_of(posts, since_ms), key=lambda entry: (entry.at_ms, entry.name)):
            await self._answer(event, me, reader, moment)
        for post in posts.values():
            if post.user_id == me.id:
                await self._answerer.show(post, me, reader)
        await self._note(now_ms)

    async def _hear(self, line: Connection, me: Account, reader: Reader) -> None:
        try:
            async with self._clock.timeout(_PING_EVERY_S):
                heard = await line.receive()
        except TimeoutError:
            await line.ping()
            return
        if heard.event is not None:
            await self._answer(heard.event, me, reader, NOW)
        await self._note(heard.event.at_ms if heard.event is not None else heard.server_ms)

    async def _answer(self, event: ChatEvent, me: Account, reader: Reader, moment: EventTime) -> None:
        """Answer one event. One that breaks us, or at which the server fails each time, is passed over and told."""
        try:
            await self._answerer.answer(event, me, reader, moment)
        except (StoreError, NotOwner):
            raise
        except Lost as lost:
            self._tries[event.name] += 1
            if self._tries[event.name] < _TRIES:
                raise
            log.error("a wish in chat is passed over", destination=self._name, event=event.name, reason=str(lost))
            self._count("", "", "failed")
        except Exception:  # a bug of ours: told by name, and the next one is heard
            log.exception("a wish in chat broke", destination=self._name, event=event.name)
            self._count("", "", "failed")
        self._tries.pop(event.name, None)

    async def _note(self, heard_ms: int) -> None:
        """Everything until then is behind us; the store is told now and then."""
        self._heard_ms = max(self._heard_ms, heard_ms)
        if self._heard_ms - self._noted_ms >= _NOTE_EVERY_MS:
            await self._places.note_heard(self._name, self._heard_ms)
            self._noted_ms = self._heard_ms

    def _report_loss(self, reason: str) -> None:
        log.warning("chat is not heard", destination=self._name, reason=reason)
        self.hearing.reason = reason
        self._notify(f"chat is not heard: {reason}")

    def _count(self, by: str, word: str, outcome: str) -> None:
        self.hearing.wishes[by, word, outcome] += 1
