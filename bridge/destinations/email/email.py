"""Mail over SMTP: text and HTML, with STARTTLS or TLS, one thread per incident.

The Message-ID is made of the delivery's id, so a mailbox that looks for repeats finds them; later news of an incident
refer to its first mail, so that mail programs show them as one conversation.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, Final, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from bridge.core.quantities import Pacing
from bridge.core.secret import Secret
from bridge.core.tls_settings import TlsClientSettings
from bridge.core.trust import trust_as, trust_system
from bridge.destinations.base import Delivered, Outcome, Parcel, PartSize, Preview, Refused
from bridge.destinations.config import CHAT_RATE, DestinationConfig
from bridge.destinations.email.mime_message import (
    MAX_SUBJECT_RUNES,
    Envelope,
    NoAddress,
    draw,
    message_id,
    parse_addresses,
)
from bridge.destinations.email.smtp import Security, Server, Talk
from bridge.destinations.kit.receipt import find_open_post, pack_receipt, receipt_of
from bridge.destinations.kit.redact import Redactor, in_base64
from broker.clock import Clock
from rules.model import DestinationFacts

_OVERRIDES: Final = frozenset({"recipients", "cc", "reply_to", "subject"})
_PORTS: Final[Mapping[Security, int]] = {"starttls": 587, "tls": 465, "none": 25}
_PATIENCE_TRIES: Final = 5  # how often a mail waits for a recipient whom the server does not take just now
_MAX_TEXT_RUNES: Final = 100_000
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

EmailForm: TypeAlias = Literal["", "to-some", "cut"]
"""The full form, and the plainer ones: for those recipients whom the server takes; short text."""


class EmailConfig(TlsClientSettings, DestinationConfig):
    """Settings of mail."""

    type: Literal["email"] = "email"
    rate: Pacing | None = Field(CHAT_RATE, description="Mails per time at most; null: as fast as it goes")
    host: str = Field(min_length=1, description="The mail server")
    port: int | None = Field(None, ge=1, le=65_535, description="Its port; empty: 587, with tls 465, with none 25")
    security: Security = Field("starttls", description="starttls, tls from the first byte, or none")
    username: str = Field("", description="Login name")
    password: Secret | None = Field(None, description="Login password")
    sender: str = Field(alias="from", description="Who writes: an address, or NAME <ADDRESS>")
    to: tuple[str, ...] = Field(min_length=1, description="Who gets it; each an address or NAME <ADDRESS>")
    cc: tuple[str, ...] = Field((), description="Who gets a copy")
    reply_to: tuple[str, ...] = Field((), description="Where answers go")
    subject_prefix: str = Field("", description="Put before each subject, such as [alerts]")
    hello: str = Field("", description="Our name in EHLO; empty: the machine's")

    @field_validator("sender")
    @classmethod
    def _is_one_address(cls, text: str) -> str:
        if len(parse_addresses(text)) != 1:
            raise ValueError("one address is wanted")
        return text

    @field_validator("to", "cc", "reply_to")
    @classmethod
    def _are_addresses(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            parse_addresses(text)
        return texts

    @model_validator(mode="after")
    def _password_is_safe(self) -> Self:
        if (self.password is None) != (not self.username):
            raise ValueError("username and password belong together")
        if self.password is not None and self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("a password is sent over TLS only: security is starttls or tls")
        return self


class Email:
    """Sends posts as mails."""

    def __init__(self, name: str, config: EmailConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._server = _server_of(config)
        self._redact = Redactor(_secrets_of(config))
        self._threads = ThreadPoolExecutor(config.concurrency, thread_name_prefix=f"mail:{name}")
        self.facts = DestinationFacts(
            name=name, kind="email", max_text_runes=_MAX_TEXT_RUNES, long_text="cut", overrides=_OVERRIDES
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        earlier = find_open_post(parcel, notifies=True)
        try:
            envelope = envelope_of(parcel, self._config)
            letter = draw(parcel, envelope, self._config.subject_prefix, earlier).as_bytes()
            recipients = envelope.recipients
        except NoAddress as error:
            return Refused(str(error))
        to_some = parcel.form == "to-some" or parcel.attempt > _PATIENCE_TRIES
        sender = parse_addresses(envelope.sender)[0].addr_spec
        outcome = await self._in_thread(partial(self._talk().hand_over, sender, recipients, letter, to_some=to_some))
        match outcome:
            case Delivered():
                mail = message_id(parcel, envelope.sender)
                root = mail if earlier is None else earlier.root or earlier.post
                return Delivered(pack_receipt(receipt_of(parcel, mail, root=root, follows=earlier), parcel))
            case Refused() if parcel.form:
                return Refused(outcome.reason, destination_gone=outcome.destination_gone)
            case _:
                return outcome

    async def probe(self) -> Outcome:
        """Log in and name sender and recipients, and leave without a mail."""
        sender = parse_addresses(self._config.sender)[0].addr_spec
        recipients = Envelope(self._config.sender, self._config.to, self._config.cc).recipients
        return await self._in_thread(partial(self._talk().ask, sender, recipients))

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination. The body is shown as its parts."""
        target = f"smtp://{self._server.host}:{self._server.port}"
        try:
            envelope = envelope_of(parcel, self._config)
            mail = draw(parcel, envelope, self._config.subject_prefix, find_open_post(parcel, notifies=True))
        except NoAddress as error:
            return Preview(target, remarks=(f"would be refused: {error}",))
        headers = {name: str(value) for name, value in mail.items() if not name.lower().startswith(("content", "mime"))}
        body = {part.get_content_subtype(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        cut = ("the text is cut",) if parcel.form == "cut" else ()
        sizes = (
            PartSize("subject", len(headers["Subject"]), MAX_SUBJECT_RUNES),
            PartSize("text", len(parcel.post.text), _MAX_TEXT_RUNES),
            PartSize("mail", len(mail.as_bytes()), None, "bytes"),
        )
        return Preview(target, headers, body, cut, sizes)

    async def close(self) -> None:
        """See Destination. A talk under way ends by itself, within its timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _talk(self) -> Talk:
        ends = self._clock.monotonic() + self._config.timeout
        return Talk(self._server, lambda: ends - self._clock.monotonic(), self._redact)

    async def _in_thread(self, talk: Any) -> Outcome:
        outcome: Outcome = await asyncio.get_running_loop().run_in_executor(self._threads, talk)
        return outcome


def _secrets_of(config: EmailConfig) -> list[Secret]:
    """The password, also in the forms in which a server is given it and may repeat it."""
    if config.password is None:
        return []
    text = config.password.reveal()
    sent = (in_base64(text), in_base64(f"\0{config.username}\0{text}"))
    return [config.password, *map(Secret, sent)]


def envelope_of(parcel: Parcel, config: EmailConfig) -> Envelope:
    """Who writes to whom: as the send asks, else as the settings say."""
    asked = parcel.post.overrides
    return Envelope(
        sender=config.sender,
        to=_address_list(asked.get("recipients")) or config.to,
        cc=_address_list(asked.get("cc")) or config.cc,
        reply_to=_address_list(asked.get("reply_to")) or config.reply_to,
    )


def _address_list(asked: object) -> tuple[str, ...]:
    """The addresses of an override: a text with commas, or a list."""
    values = asked if isinstance(asked, (list, tuple)) else [asked]
    return tuple(str(value) for value in values if value and str(value).strip())


def _trust(config: EmailConfig) -> ssl.SSLContext:
    return trust_as(config.ca_file, config.client_pair) or trust_system()


def _server_of(config: EmailConfig) -> Server:
    return Server(
        host=config.host,
        port=config.port or _PORTS[config.security],
        security=config.security,
        tls=cache(partial(_trust, config)),
        username=config.username,
        password=config.password,
        hello=config.hello or socket.gethostname(),
    )
