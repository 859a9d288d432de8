"""What a reaction or a reply asks for. Pure; what is no command of ours is None, for people talk below posts too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.chat.requests import ChatRequest, SilenceRequest, Take, Verdict, Why

_HOUR_S: Final = 3_600.0
_DAY_S: Final = 86_400.0
_SHORTEST_S: Final = 60.0
_LONGEST_S: Final = 30 * _DAY_S

REACTIONS: Final[Mapping[str, ChatRequest]] = {
    "eyes": Take(),
    "raised_hand": Take(),
    "hand": Take(),
    "raising_hand": Take(),
    "zzz": SilenceRequest(_HOUR_S),
    "mute": SilenceRequest(_HOUR_S),
    "clock1": SilenceRequest(_HOUR_S),
    "no_bell": SilenceRequest(4 * _HOUR_S),
    "clock4": SilenceRequest(4 * _HOUR_S),
    "calendar": SilenceRequest(_DAY_S),
    "date": SilenceRequest(_DAY_S),
    "question": Why(),
    "grey_question": Why(),
}
"""Emoji by the names that Mattermost gives them, without skin tone."""
THUMBS: Final[Mapping[str, ChatRequest]] = {
    "+1": Verdict(useful=True),
    "thumbsup": Verdict(useful=True),
    "-1": Verdict(useful=False),
    "thumbsdown": Verdict(useful=False),
}
"""What else asks for something where people are asked whether posts are of use."""

HELP: Final = (
    "Below a post of mine I know `take`, `silence 4h` (or any time from `1m` to `30d`; alone it is an hour) and `why`. "
    "Reactions do the same: :eyes: or :raised_hand: take, :zzz: is silence for an hour, :no_bell: for four, "
    ":calendar: for a day, :question: is why."
)

_SKIN_TONE: Final = re.compile(r"_(?:(?:medium_)?(?:light|dark)|medium)_skin_tone$")
_TAKE: Final = re.compile(r"(?:i |i'll |i’ll |i will )?take(?: (?:it|this|over))?")
_VERDICT: Final = re.compile(r"(?P<useful>useful)|noise|(?:not useful|useless)")
_WHY: Final = re.compile(r"why(?: (?:is )?this)?(?: post)?")
_SILENCE: Final = re.compile(
    r"(?:silence|mute)(?: (?:it|this))?(?: for)?"
    r"(?: (?P<number>\d{1,4}) ?(?P<unit>m|min|mins|minutes?|h|hours?|d|days?|w|weeks?))?"
)
_UNITS_S: Final[Mapping[str, float]] = {"m": 60.0, "h": _HOUR_S, "d": _DAY_S, "w": 7 * _DAY_S}


@dataclass(frozen=True, slots=True)
class Unknown:
    """We were spoken to, and do not know what is wanted."""


def request_of_reaction(emoji: str, *, feedback: bool = False) -> ChatRequest | None:
    """What an emoji asks for, whatever its skin tone; with ``feedback`` thumbs are a word, too."""
    name = _SKIN_TONE.sub("", emoji)
    return REACTIONS.get(name) or (THUMBS.get(name) if feedback else None)


def request_of_reply(text: str, bot: str, *, feedback: bool = False) -> ChatRequest | Unknown | None:
    """What a reply asks for; ``bot`` is the name by which we are spoken to.

    With ``feedback`` it may say whether the post was of use.

    Without our name a reply has to be nothing but the command. With it in front, whatever else it says is ``Unknown``.
    """
    given = " ".join(text.casefold().split())
    named = re.match(rf"@{re.escape(bot.casefold())}(?![\w-]|\.\w)[ :,]*", given)
    given = _plain(given[named.end() :] if named else given)
    verdict = _VERDICT.fullmatch(given) if feedback else None
    if verdict is not None:
        return Verdict(verdict["useful"] is not None)
    request = _read_request(given)
    return Unknown() if request is None and named else request


def _plain(text: str) -> str:
    """Without what people put around a command: quotes, stops, and please."""
    text = text.strip(" `*_'\".!?…")
    return text.removeprefix("please ").removesuffix(" please").strip(" `*_'\".!?…,")


def _read_request(text: str) -> ChatRequest | Unknown | None:
    if _TAKE.fullmatch(text):
        return Take()
    if _WHY.fullmatch(text):
        return Why()
    asked = _SILENCE.fullmatch(text)
    if asked is None:
        return None
    if asked["number"] is None:
        return SilenceRequest(_HOUR_S)
    span_s = int(asked["number"]) * _UNITS_S[asked["unit"][0]]
    return SilenceRequest(span_s) if _SHORTEST_S <= span_s <= _LONGEST_S else Unknown()
