"""What a destination that can change its posts keeps of one, and which later news belong into it.

A receipt is a short JSON text. The store keeps it for (destination, order key) and hands it back as
``Parcel.earlier``, so it survives restarts. Rules with the same ``key:`` share an order key: only the same rule's post
is changed, and what is still open of the other rules is carried along.
"""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.core.severities import rank_of
from bridge.destinations.base import Parcel
from broker.clock import US_PER_S
from rules.source.words import duration_text

_OVER: Final = frozenset({"resolved", "stale"})
_OPEN: Final = frozenset({"firing", "reminder", "flapping", "escalation"})
_MOST_CARRIED: Final = 9


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One post that stands at the service.

    ``post`` is the service's id of it and ``channel`` where it stands; ``root`` is the post whose thread it is in.
    ``phase`` and ``severity`` are the last told, ``since_us`` when the first was decided, ``updates`` how many
    followed. ``card`` is the name under which the store keeps what people did about it.
    """

    post: str
    channel: str = ""
    root: str = ""
    rule: str = ""
    incident: str = ""
    phase: str = ""
    severity: str = ""
    since_us: int = 0
    updates: int = 0
    card: str = ""


def pack_receipt(receipt: Receipt, parcel: Parcel) -> str:
    """The receipt as it is stored, with those of other rules' posts that may still change."""
    mine = (receipt.rule, receipt.incident)
    open_ones = [receipt for receipt in _read(parcel.earlier) if receipt.incident and receipt.phase not in _OVER]
    others = [receipt for receipt in open_ones if (receipt.rule, receipt.incident) != mine][:_MOST_CARRIED]
    return msgspec.json.encode([receipt, *others] if others else receipt).decode()


def receipt_of(
    parcel: Parcel, post: str, *, channel: str = "", root: str = "", follows: Receipt | None = None, card: str = ""
) -> Receipt:
    """The receipt of a post just made; ``follows`` is the incident's post in whose place it stands from now on."""
    if follows is not None:
        return msgspec.structs.replace(
            update_receipt(follows, parcel, card=card), post=post, channel=channel, root=root
        )
    return Receipt(
        post=post,
        channel=channel,
        root=root,
        rule=parcel.rule,
        incident=parcel.incident,
        phase=parcel.phase,
        severity=parcel.post.severity,
        since_us=parcel.created_us,
        card=card,
    )


def update_receipt(receipt: Receipt, parcel: Parcel, *, card: str = "") -> Receipt:
    """The receipt after this news, too, was told in its post."""
    severity = parcel.post.severity or receipt.severity
    return msgspec.structs.replace(
        receipt, phase=parcel.phase, severity=severity, updates=receipt.updates + 1, card=card
    )


def find_open_post(parcel: Parcel, *, notifies: bool = False) -> Receipt | None:
    """The post that this news belongs into; None when it wants a post of its own.

    Into the post of an open incident belong reminders, flapping, its end, and that it fires again; but not that it
    became worse: a changed post notifies nobody. ``notifies`` is for services where all news do, such as mail.
    """
    earlier = _earlier(parcel)
    if earlier is None:
        return None
    match parcel.phase:
        case "flapping":
            belongs = True
        case "calm":
            belongs = earlier.phase not in _OVER
        case "resolved" | "stale" | "reminder":
            belongs = bool(parcel.incident) and earlier.phase not in _OVER
        case "firing":
            was_told = notifies or not _is_worse(parcel, earlier)
            belongs = bool(parcel.incident) and earlier.phase in _OPEN and was_told
        case _:
            belongs = False
    return earlier if belongs else None


def find_card_to_continue(parcel: Parcel) -> str:
    """The card of the incident's last post, for the next one; "" when there is none, or it told that all is over."""
    earlier = _earlier(parcel) if parcel.incident else None
    return earlier.card if earlier is not None and earlier.phase not in _OVER else ""


def begins_anew(parcel: Parcel, earlier: Receipt) -> bool:
    """Whether a post that told the end of an incident tells of the next one now."""
    return earlier.phase in _OVER and parcel.phase not in _OVER


def course_of(parcel: Parcel, earlier: Receipt) -> str:
    """How the incident went, for the reader of a changed post: ``lasted 2h5m · update 3``."""
    since_s = max(0, parcel.created_us - earlier.since_us) // US_PER_S
    word = "lasted" if parcel.phase in _OVER else "for"
    return f"{word} {duration_text(since_s)} · update {earlier.updates + 1}"


def _earlier(parcel: Parcel) -> Receipt | None:
    mine = (parcel.rule, parcel.incident)
    return next((receipt for receipt in _read(parcel.earlier) if (receipt.rule, receipt.incident) == mine), None)


def _read(stored: str | None) -> list[Receipt]:
    """The receipts, newest first; none of what another kind of destination stored that had this name before."""
    if not stored:
        return []
    try:
        read = msgspec.json.decode(stored, type=Receipt | list[Receipt])
    except (msgspec.DecodeError, RecursionError):
        return []
    return read if isinstance(read, list) else [read]


def _is_worse(parcel: Parcel, earlier: Receipt) -> bool:
    return rank_of(parcel.post.severity) > rank_of(earlier.severity)
