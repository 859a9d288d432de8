"""A stand-in for a mail server: real SMTP on loopback, with STARTTLS, TLS, login, and trouble on command.

It is made of aiosmtpd, which comes with ``ams-bridge[test]``.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Stage: TypeAlias = Literal["ehlo", "mail", "rcpt", "body", "taken"]
"""When: at EHLO, MAIL FROM, RCPT TO; after the body, which is lost (``body``) or was taken before (``taken``)."""
_MAX_BYTES: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it was handed over."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    over_tls: bool
    login: str

    @property
    def message(self) -> EmailMessage:
        """The mail taken apart."""
        return message_from_bytes(self.content, policy=MAIL_POLICY)

    @property
    def parts(self) -> dict[str, str]:
        """The mail's texts by kind: ``plain`` and ``html``, with plain newlines."""
        parts = [part for part in self.message.walk() if not part.is_multipart()]
        return {part.get_content_subtype(): part.get_content().replace("\r\n", "\n") for part in parts}


@dataclass(frozen=True, slots=True)
class Answer:
    """A trouble: this answer at a stage, such as ``451 4.7.1 Try again later``."""

    at: Stage
    reply: str


@dataclass(frozen=True, slots=True)
class Close:
    """A trouble: the connection is closed at a stage, without an answer."""

    at: Stage


@dataclass(frozen=True, slots=True)
class Hang:
    """A trouble: nothing is answered at a stage until ``let_go``."""

    at: Stage


Trouble: TypeAlias = Answer | Close | Hang


class FakeSmtp:
    """A mail server; ``with FakeSmtp() as server:`` listens. ``mails`` holds what it took.

    ``certificate`` (PEM file and key file) makes it speak STARTTLS, with ``tls`` from the first byte; ``login`` (name,
    password) makes it want one. ``refused`` maps recipients to the answer they get.
    """

    def __init__(
        self,
        *,
        certificate: tuple[str, str] | None = None,
        tls: bool = False,
        login: tuple[str, str] | None = None,
        refused: dict[str, str] | None = None,
    ) -> None:
        self.mails: list[Mail] = []
        self.talks = 0
        self.refused = refused or {}
        self._login = login
        self._troubles: deque[Trouble] = deque()
        self._released = threading.Event()
        self._context = _context(certificate) if certificate else None
        self._tls = tls
        self._open: list[SMTP] = []
        self._thread: threading.Thread | None = None
        self._end: Callable[[], object] = lambda: None
        self.port = 0
        """Where it listens, once it does."""

    @property
    def host(self) -> str:
        """The address on which the mail server listens."""
        return "127.0.0.1"

    def next(self, *troubles: Trouble) -> None:
        """What goes wrong when its stage is reached next, one after the other."""
        self._troubles.extend(troubles)

    def let_go(self) -> None:
        """Answer everybody who waits."""
        self._released.set()

    def __enter__(self) -> Self:
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), name="fake SMTP", daemon=True)
        self._thread.start()
        self.port = ready.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        self._end()
        if self._thread is not None:
            self._thread.join()

    async def _serve(self, ready: Future[int]) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        self._end = functools.partial(loop.call_soon_threadsafe, end.set)
        server = await loop.create_server(self._talk, self.host, 0, ssl=self._context if self._tls else None)
        ready.set_result(server.sockets[0].getsockname()[1])
        await end.wait()
        server.close()
        for talk in self._open:
            _cut(talk)
        await server.wait_closed()

    def _talk(self) -> SMTP:
        talk = SMTP(
            self,
            hostname="mail.example.org",
            data_size_limit=_MAX_BYTES,
            tls_context=None if self._tls else self._context,
            authenticator=self._authenticate if self._login else None,
            auth_required=self._login is not None,
            auth_require_tls=self._context is not None and not self._tls,
            loop=asyncio.get_running_loop(),
        )
        self._open.append(talk)
        return talk

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """See aiosmtpd."""
        self.talks += 1
        session.host_name = hostname
        trouble = await self._trouble("ehlo", server)
        return [trouble] if trouble else responses

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """See aiosmtpd."""
        trouble = await self._trouble("mail", server)
        if trouble:
            return trouble
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """See aiosmtpd."""
        trouble = await self._trouble("rcpt", server) or self.refused.get(address)
        if trouble:
            return trouble
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """See aiosmtpd."""
        trouble = await self._trouble("body", server)
        if trouble:
            return trouble
        login = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else ""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        over_tls = session.ssl is not None
        self.mails.append(Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), content, over_tls, login))
        return await self._trouble("taken", server) or "250 2.0.0 OK"

    async def _trouble(self, stage: Stage, server: SMTP) -> str:
        """Play the next trouble if it is for this stage: the answer to give, or "" when there is none."""
        if not self._troubles or self._troubles[0].at != stage:
            return ""
        match self._troubles.popleft():
            case Answer(reply=reply):
                return reply
            case Close():
                _cut(server)
                return "421 4.4.2 closing"
            case Hang():
                await asyncio.to_thread(self._released.wait)
        return ""

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, auth_data: Any) -> AuthResult:
        given = (auth_data.login.decode(), auth_data.password.decode())
        return AuthResult(success=given == self._login, handled=False, auth_data=auth_data)


def _cut(talk: SMTP) -> None:
    if isinstance(talk.transport, asyncio.Transport):
        talk.transport.abort()


def _context(certificate: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context
