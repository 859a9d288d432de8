"""What Rocket.Chat's answers mean: JSON with ``success`` and, where it is false, ``error``."""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.plugin import HttpAnswer, Later, Outcome, Redactor, Refused, not_expected, outcome_of, reason_of

_US_PER_MS: Final = 1_000
_US_PER_S: Final = 1_000_000
_LONGEST_PAUSE_S: Final = 3_600.0
_SWITCHED_OFF_S: Final = 600.0
GONE: Final = ("Invalid integration id or token provided",)
_TOO_MUCH: Final = ("error-message-size-exceeded", "Invalid attachment field", "Match error", "Invalid href value")


class Answered(msgspec.Struct, frozen=True):
    """The body of an answer, as far as it matters."""

    success: bool | None = None
    error: str = ""
    message: Posted | str | None = None


class Posted(msgspec.Struct, frozen=True):
    """A message that stands at the server."""

    id: str = msgspec.field(name="_id", default="")


def read_answer(answer: HttpAnswer) -> Answered | None:
    """The body of an answer; None when it is not Rocket.Chat's."""
    try:
        return msgspec.json.decode(answer.text, type=Answered)
    except (msgspec.DecodeError, RecursionError):
        return None


def outcome_of_answer(answer: HttpAnswer, form: str, now_us: int, redact: Redactor) -> Outcome:
    """The outcome that an answer to a message stands for."""
    read = read_answer(answer)
    if answer.status == 200:
        return (
            outcome_of(answer, now_us, redact)
            if read and read.success
            else not_expected(answer, "Rocket.Chat's", redact)
        )
    error = read.error if read is not None else ""
    outcome = outcome_of(answer, now_us, redact)
    if answer.status == 429 and isinstance(outcome, Later):
        return Later(outcome.reason, after_s=outcome.after_s or _pause_s(answer, now_us), throttled=True)
    if answer.status == 503 and error == "Service Unavailable":  # what it says of an integration that is switched off
        return Later(f"the integration is switched off: {outcome.reason}", after_s=outcome.after_s or _SWITCHED_OFF_S)
    if error.startswith(GONE):
        return Refused(f"the integration is gone or its token is wrong: {outcome.reason}", destination_gone=True)
    if isinstance(outcome, Refused):
        may_pass = error.startswith(_TOO_MUCH) or answer.status == 413
        plainer = "plain" if may_pass and not form else None
        return Refused(reason_of(answer, redact), plainer=plainer, destination_gone=outcome.destination_gone)
    return outcome


def _pause_s(answer: HttpAnswer, now_us: int) -> float | None:
    """``X-RateLimit-Reset`` is a moment here, in milliseconds."""
    reset = answer.headers.get("x-ratelimit-reset", "")
    if not reset.isascii() or not reset.isdecimal() or len(reset) > 15:
        return None
    return min(max(0.0, (int(reset) * _US_PER_MS - now_us) / _US_PER_S), _LONGEST_PAUSE_S)
