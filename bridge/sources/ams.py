"""Pull from a remote AMS, ours or the original: pull, append, and only then acknowledge there (semantics.md item 13).

What was appended and not acknowledged before a crash comes again; the producer key (endpoint, subscription, ack id) of
each batch tells how much of it stands already. Attributes are kept; the remote's publish time and message id become
the attributes ``origin_publish_time`` and ``origin_message_id``. What our topic refuses, and what is no message at
all, is put aside as a dead letter (set_aside.py) and acknowledged like the others: it would come for ever.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import aiohttp
import msgspec
import structlog
from pydantic import Field, model_validator

from bridge.core.credentials import split_credentials
from bridge.core.fetching import CallBounds, NoAnswer
from bridge.core.http_session import LenientConnector, fetch, make_session
from bridge.core.pauses import grow_pauses, pause_s
from bridge.core.plain_reason import plain_reason
from bridge.core.proxies import read_proxies
from bridge.core.quantities import Duration, FilePath
from bridge.core.secret import Secret
from bridge.core.tls_settings import TlsClientSettings
from bridge.core.trust import trust_as, trust_system
from bridge.sources.set_aside import PutAside, RefusedMessage
from bridge.sources.source_config import SourceConfig
from broker.clock import Clock
from broker.errors import NotFound, OutcomeUnknown, Rejected, SchemaUnusable, StoreError
from broker.model import Appended, NewMessage
from rules.rendering.markdown_escape import make_storable

_BOUNDS: Final = CallBounds(timeout_s=60.0, longest_bytes=256 * 1024 * 1024)
_PULL: Final = "pull"
_SHOWN_RUNES: Final = 300
_LONGEST_PAUSE_S: Final = 60.0
_TIMED_OUT: Final = 408  # the ack came after the remote's deadline: the messages come again

log = structlog.get_logger("source")

Append = Callable[[Sequence[NewMessage], str], Awaitable[Appended]]
"""Appends a batch under a producer key to the source's topic. Raises Rejected, NotFound, StoreError."""


class AmsSourceConfig(TlsClientSettings, SourceConfig):
    """Settings of a pull from a remote AMS."""

    type: Literal["ams"] = "ams"
    endpoint: str = Field(description="Host, or host:port, of the remote AMS")
    project: str = Field(description="Project over there")
    subscription: str | tuple[str, ...] = Field(description="Subscription over there, or several")
    token: Secret = Field(description="Token of a consumer over there")
    ca: FilePath | None = Field(None, description="The name of ca_file in older settings")
    max_messages: int = Field(100, ge=1, le=1000, description="Most messages of one pull")
    poll: Duration = Field(1.0, gt=0, description="Pause after a pull that found nothing; it grows to ten times that")

    @model_validator(mode="after")
    def _names_one_authority(self) -> Self:
        if self.ca is not None and self.ca_file is not None:
            raise ValueError('"ca" and "ca_file" mean the same: keep "ca_file"')
        return self

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The remote subscriptions, one or several."""
        return (self.subscription,) if isinstance(self.subscription, str) else self.subscription

    @property
    def authority(self) -> Path | None:
        """Whom to trust, by either name."""
        return self.ca_file or self.ca

    @property
    def tls_files(self) -> tuple[Path, ...]:
        """See TlsClientSettings."""
        return (*super().tls_files, *([self.ca] if self.ca is not None else []))


class Received(msgspec.Struct, frozen=True, rename="camel"):
    """One pulled message as AMS sends it."""

    message_id: str
    publish_time: str | None = ""
    data: str | None = ""
    attributes: dict[str, str] | None = None


class Pulled(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of a pull's answer; its message is read by itself, so that a bad one costs no other."""

    ack_id: str
    message: msgspec.Raw = msgspec.Raw(b"{}")


class RemotePull(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a pull."""

    received_messages: list[Pulled] | None = None


@dataclass(frozen=True, slots=True)
class _Named:
    """A message with the id by which it is acknowledged."""

    ack_id: str
    message: NewMessage


class RemoteTrouble(Exception):
    """The remote AMS did not do what was asked; the text says what it said."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class AmsSource:
    """Pulls one remote subscription into a topic."""

    def __init__(
        self,
        config: AmsSourceConfig,
        subscription: str,
        append: Append,
        put_aside: PutAside,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._config = config
        self._append = append
        self._put_aside = put_aside
        self._clock = clock
        self._rng = rng
        self._name = f"projects/{config.project}/subscriptions/{subscription}"
        self._url = f"https://{config.endpoint}/v1/{self._name}"
        self._endpoint = split_credentials(f"https://{config.endpoint}")[0].removeprefix("https://")

    async def run(self) -> None:
        """Pull for ever; trouble over there or in our store is waited out with growing pauses."""
        async with self.session() as http:
            idle, failures, pauses = 0, 0, grow_pauses(self._config.poll * 2, _LONGEST_PAUSE_S)
            while True:
                try:
                    count = await self.step(http)
                except (RemoteTrouble, StoreError, NotFound, SchemaUnusable) as trouble:
                    failures += 1
                    rest_s = pause_s(pauses, failures) * self._rng.uniform(0.5, 1.0)
                    log.warning("cannot pull", source=self._name, reason=str(trouble), again_in_s=round(rest_s, 1))
                    await self._clock.sleep(rest_s)
                    continue
                failures, idle = 0, 0 if count else idle + 1
                if not count:
                    await self._clock.sleep(self._config.poll * min(10, idle))

    def session(self) -> aiohttp.ClientSession:
        """What to pull with: one connection, the token, the remote's authority, our certificate. Raises UnusableTls."""
        tls = trust_as(self._config.authority, self._config.client_pair) or trust_system()
        headers = {"x-api-key": self._config.token.reveal()}
        return make_session(LenientConnector(ssl=tls, limit=1), headers=headers)

    async def step(self, http: aiohttp.ClientSession) -> int:
        """Pull once, append what came, acknowledge it; says how many came.

        Raises RemoteTrouble; and StoreError, NotFound or SchemaUnusable for what only we can mend: it is waited for.
        """
        asked = {"maxMessages": str(self._config.max_messages), "returnImmediately": "true"}
        pulled = _read_pull(await self._post(http, _PULL, asked))
        if not pulled:
            return 0
        await self._keep_readable(pulled)
        try:
            await self._post(http, "acknowledge", {"ackIds": [pulled[-1].ack_id]})
        except RemoteTrouble as trouble:
            if trouble.status != _TIMED_OUT:
                raise
            log.warning("acknowledged too late; it will come again and be known", source=self._name)
        return len(pulled)

    async def _keep_readable(self, pulled: Sequence[Pulled]) -> None:
        """Append what can be read, in order, and put aside what cannot."""
        readable: list[_Named] = []
        for entry in pulled:
            try:
                readable.append(_Named(entry.ack_id, _new_message(msgspec.json.decode(entry.message, type=Received))))
            except (msgspec.DecodeError, RecursionError) as error:
                await self._keep(readable)
                readable = []
                raw = NewMessage(base64.b64encode(entry.message).decode(), {})
                await self._refuse(_Named(entry.ack_id, raw), f"this is no message of AMS: {error}", is_message=False)
        await self._keep(readable)

    async def _keep(self, named: Sequence[_Named]) -> None:
        """Append what does not stand yet. A batch that was appended before says so, and how long it was.

        A batch that the topic refuses is halved until only what it refuses is left, and that is put aside.
        """
        rest = list(named)
        while rest:
            key = f"ams:{self._endpoint}:{rest[0].ack_id}"
            try:
                appended = await self._append([entry.message for entry in rest], key)
            except OutcomeUnknown:
                continue  # the producer key makes asking again safe
            except SchemaUnusable:
                raise
            except Rejected as error:
                if len(rest) == 1:
                    await self._refuse(rest[0], str(error))
                    return
                half = len(rest) // 2
                await self._keep(rest[:half])
                rest = rest[half:]
                continue
            rest = rest[appended.count :] if appended.repeated else []

    async def _refuse(self, named: _Named, reason: str, *, is_message: bool = True) -> None:
        origin = f"{self._endpoint}/{named.ack_id}"
        await self._put_aside(RefusedMessage(self._name, origin, named.message, reason, is_message))

    async def _post(self, http: aiohttp.ClientSession, verb: str, body: Any) -> bytes:
        try:
            url, proxy = f"{self._url}:{verb}", await read_proxies().proxy_for(self._url)
            content = msgspec.json.encode(body)
            answer = await fetch(http, "POST", url, _BOUNDS, self._clock, data=content, proxy=proxy)
        except NoAnswer as error:
            raise RemoteTrouble(f"{verb}: {error}") from error
        if answer.status != 200:
            text = plain_reason(answer.body.decode("utf-8", "replace"))[:_SHOWN_RUNES]
            raise RemoteTrouble(f"{verb}: HTTP {answer.status}: {text}", answer.status)
        if answer.unread and verb == _PULL:
            raise RemoteTrouble(f"{verb}: the answer could not be read: {answer.unread}")
        return answer.body


def _read_pull(body: bytes) -> Sequence[Pulled]:
    """The entries of a pull's answer. Raises RemoteTrouble when it is none."""
    try:
        answer = _answer(body)
    except (ValueError, RecursionError) as error:
        raise RemoteTrouble(f"the answer to a pull is not AMS's: {error}") from error
    return answer.received_messages or []


def _answer(body: bytes) -> RemotePull:
    """As strict JSON; else read leniently, with U+FFFD for what no text can hold (halves of surrogate pairs)."""
    try:
        return msgspec.json.decode(body, type=RemotePull)
    except (msgspec.DecodeError, RecursionError):
        text = make_storable(json.dumps(json.loads(body.decode("utf-8", "replace")), ensure_ascii=False))
        return msgspec.json.decode(text.encode(), type=RemotePull)


def _new_message(message: Received) -> NewMessage:
    origin = {"origin_message_id": message.message_id, "origin_publish_time": message.publish_time or ""}
    return NewMessage(message.data or "", {**origin, **(message.attributes or {})})
