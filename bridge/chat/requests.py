"""What people ask for below a post, by whatever means: a button, a reaction, a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from bridge.destinations.signed_context import ActionName

SILENCES_S: Final[Mapping[ActionName, float]] = {"silence1h": 3_600.0, "silence4h": 14_400.0, "silence1d": 86_400.0}


@dataclass(frozen=True, slots=True)
class Take:
    """Take the incident: no more reminders."""


@dataclass(frozen=True, slots=True)
class SilenceRequest:
    """Somebody asks to hear nothing more of this for ``span_s`` seconds."""

    span_s: float


@dataclass(frozen=True, slots=True)
class Why:
    """Explain which rule, message and conditions led to the post."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say whether the post was of use."""

    useful: bool


ChatRequest: TypeAlias = Take | SilenceRequest | Why | Verdict


def request_of(action: ActionName) -> ChatRequest:
    """What a button asks for."""
    match action:
        case "take":
            return Take()
        case "why":
            return Why()
        case "useful" | "noise":
            return Verdict(action == "useful")
        case _:
            return SilenceRequest(SILENCES_S[action])


def word_of(request: ChatRequest) -> str:
    """The request in one word, as metrics count it: that of its button, or ``silence`` when no button is that long."""
    match request:
        case Take():
            return "take"
        case Why():
            return "why"
        case Verdict(useful):
            return "useful" if useful else "noise"
        case SilenceRequest(span_s):
            return next((name for name, button_s in SILENCES_S.items() if button_s == span_s), "silence")
        case _:
            assert_never(request)
