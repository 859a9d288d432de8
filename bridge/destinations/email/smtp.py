"""One talk with a mail server: connect, TLS, log in, and hand over one mail (RFC 5321). Blocking; runs in a thread.

What a failure means depends on how far the talk came: until the mail's last line has left us the server cannot have
taken it, afterwards only its answer tells.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bridge.core.domains import ascii_domain
from bridge.core.secret import Secret
from bridge.core.tls_failure import look_at_certificate, tls_fault, tls_text
from bridge.destinations.base import Delivered, Later, Outcome, Refused

Security: TypeAlias = Literal["starttls", "tls", "none"]
_LOOK_S: Final = 1.5  # what looking at a certificate may take
_SHOWN_RUNES: Final = 300
_READY: Final = 354
_GOING_AWAY: Final = 421
_LOGIN_WANTED: Final = frozenset({530, 535, 538})
_TOO_LARGE: Final = frozenset({523, 534, 552})


@dataclass(frozen=True, slots=True)
class Server:
    """Where the mail server is, and how it is spoken to. ``hello`` is our name in EHLO.

    ``tls`` says whom to trust; it raises OSError for a file that cannot be used.
    """

    host: str
    port: int
    security: Security
    tls: Callable[[], ssl.SSLContext]
    username: str
    password: Secret | None
    hello: str


class Talk:
    """One connection, used once. ``left_s`` says how much time is left; each step gets that."""

    def __init__(self, server: Server, left_s: Callable[[], float], redact: Callable[[str], str]) -> None:
        self._server = server
        self._left_s = left_s
        self._redact = redact
        self._letter_left = False

    def hand_over(self, sender: str, recipients: Sequence[str], letter: bytes, *, to_some: bool) -> Outcome:
        """Give the mail to the server. ``to_some`` is content when it takes it for some of the recipients only."""
        return self._talk(lambda smtp: self._mail(smtp, sender, recipients, letter, to_some=to_some))

    def ask(self, sender: str, recipients: Sequence[str]) -> Outcome:
        """Whether the server would take a mail, without giving it one."""
        return self._talk(lambda smtp: self._address(smtp, sender, recipients, to_some=False) or Delivered())

    def _talk(self, step: Callable[[smtplib.SMTP], Outcome]) -> Outcome:
        try:
            smtp = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            return self._failure(error)
        except ValueError:  # no name of a host has such letters, or labels that long
            return Later(f"{self._server.host} is no name of a mail server", misconfigured=True)
        try:
            return self._log_in(smtp) or step(smtp)
        except (OSError, smtplib.SMTPException) as error:
            return self._failure(error)
        finally:
            # The answer to QUIT tells nothing: the mail was taken before, or it was not.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._step(smtp)
                smtp.quit()
            smtp.close()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        timeout_s = max(0.001, self._left_s())
        host, hello = ascii_domain(server.host), ascii_domain(server.hello)
        if server.security == "tls":
            return smtplib.SMTP_SSL(host, server.port, hello, timeout=timeout_s, context=server.tls())
        return smtplib.SMTP(host, server.port, hello, timeout=timeout_s)

    def _log_in(self, smtp: smtplib.SMTP) -> Outcome | None:
        """None when the server may be given a mail; else why not."""
        server = self._server
        self._step(smtp).ehlo_or_helo_if_needed()
        if server.security == "starttls":
            if not smtp.has_extn("starttls"):
                return Later("the mail server offers no STARTTLS; nothing was sent in the clear")
            self._step(smtp).starttls(context=server.tls())
            self._step(smtp).ehlo_or_helo_if_needed()
        if server.password is not None:
            try:
                self._step(smtp).login(server.username, server.password.reveal())
            except smtplib.SMTPAuthenticationError as error:
                if _is_permanent(error.smtp_code):
                    text = self._answer_text(error.smtp_code, error.smtp_error)
                    return Later(f"the login is not accepted: {text}", misconfigured=True)
                raise
            except ValueError:  # a UnicodeError: the library sends ASCII
                return Later("the login has letters that this mail server cannot be told", misconfigured=True)
        return None

    def _address(
        self, smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], *, to_some: bool
    ) -> Later | Refused | None:
        """Name sender and recipients. None when the server takes a mail for them."""
        code, text = self._step(smtp).mail(sender)
        if not 200 <= code < 300:
            return self._answer(code, text)
        refused: list[tuple[str, int, bytes]] = []
        for recipient in recipients:
            code, text = self._step(smtp).rcpt(recipient)
            if code == _GOING_AWAY:
                return self._answer(code, text)
            if not 200 <= code < 300:
                refused.append((recipient, code, text))
        if not refused or (to_some and len(refused) < len(recipients)):
            return None
        return self._not_for_all(refused, len(recipients))

    def _not_for_all(self, refused: Sequence[tuple[str, int, bytes]], asked: int) -> Later | Refused:
        reason = "; ".join(f"<{recipient}> {self._answer_text(code, text)}" for recipient, code, text in refused)[
            :_SHOWN_RUNES
        ]
        if all(_is_permanent(code) for _, code, _ in refused):
            return Refused(reason, plainer="to-some" if len(refused) < asked else None)
        return Later(reason)

    def _mail(
        self, smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], letter: bytes, *, to_some: bool
    ) -> Outcome:
        refusal = self._address(smtp, sender, recipients, to_some=to_some)
        if refusal is not None:
            return refusal
        code, text = self._step(smtp).docmd("DATA")
        if code != _READY:
            return self._answer(code, text)
        self._step(smtp)
        self._letter_left = True
        smtp.send(_stuff(letter) + b".\r\n")
        code, text = self._step(smtp).getreply()
        self._letter_left = False
        return Delivered() if 200 <= code < 300 else self._answer(code, text)

    def _step(self, smtp: smtplib.SMTP) -> smtplib.SMTP:
        """The connection, with what is left of the time for its next step."""
        if smtp.sock is not None:
            smtp.sock.settimeout(max(0.001, self._left_s()))
        return smtp

    def _answer(self, code: int, text: bytes) -> Later | Refused:
        given = self._answer_text(code, text)
        if not _is_permanent(code):
            return Later(given)
        if code in _LOGIN_WANTED:
            return Later(f"a login is wanted: {given}", misconfigured=True)
        return Refused(given, plainer="cut" if code in _TOO_LARGE else None)

    def _failure(self, error: OSError | smtplib.SMTPException) -> Later | Refused:
        if isinstance(error, smtplib.SMTPResponseException) and not self._letter_left:
            return self._answer(error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b"")
        kind = "no answer" if self._letter_left else "no talk"
        text = self._redact(self._why(error)) or type(error).__name__
        return Later(f"{kind}: {text}"[:_SHOWN_RUNES], unclear=self._letter_left)

    def _why(self, error: OSError | smtplib.SMTPException) -> str:
        fault, server = tls_fault(error), self._server
        if fault is None:
            return str(error)
        shown = ""
        if isinstance(fault, ssl.SSLCertVerificationError) and server.security == "tls" and self._left_s() > _LOOK_S:
            shown = look_at_certificate(ascii_domain(server.host), server.port)
        return f"{server.host}:{server.port}: {tls_text(fault)}" + (f" ({shown})" if shown else "")

    def _answer_text(self, code: int, text: bytes | str) -> str:
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return f"SMTP {code} {' '.join(self._redact(words).split())}"[:_SHOWN_RUNES]


def _is_permanent(code: int) -> bool:
    return 500 <= code < 600


def _stuff(letter: bytes) -> bytes:
    """The mail with every dot at the start of a line doubled (RFC 5321, 4.5.2), ending in a line end."""
    letter = letter if letter.endswith(b"\r\n") else letter + b"\r\n"
    return (b"." if letter.startswith(b".") else b"") + letter.replace(b"\r\n.", b"\r\n..")
