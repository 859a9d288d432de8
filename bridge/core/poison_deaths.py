"""The file of deaths: what the daemon died of, how often, and what was set aside because of it.

It is written whole and lasting, and only when a death was found or a suspect is none any more: hardly ever.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
import structlog

from broker.clock import us

DEATHS_ALLOWED: Final = 2
"""After so many deaths with it in hand, something is done no more."""
_KILLS_ALLOWED: Final = 4  # of a suspect in hand, without a trace: so often is no chance either
_SUSPECT_FOR_S: Final = 86_400.0  # of what is done no more in any case: its topic or its row is gone
_KEPT_FOR_S: Final = 30 * 86_400.0

log = structlog.get_logger("poison")


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """What was under decision when the daemon died: how often, and when last.

    ``deaths`` are the first, and the later ones that left a trace; ``kills`` the later ones that left none. ``about``
    names it for people once it is set aside; ``set_aside_us`` is 0 before.
    """

    deaths: int = 0
    kills: int = 0
    last_us: int = 0
    about: str = ""
    set_aside_us: int = 0


class Deaths(msgspec.Struct, frozen=True):
    """The file of deaths; ``counted`` is the last run whose notes are in it, so that none is counted twice."""

    counted: str = ""
    suspects: dict[str, Suspect] = {}


def count_death(suspect: Suspect | None, trace: str, now_us: int) -> Suspect:
    """What is known of something after the daemon died with it in hand; ``trace`` is "" where it left none."""
    if suspect is None:
        return Suspect(deaths=1, last_us=now_us)
    if not trace and suspect.kills + 1 < _KILLS_ALLOWED:
        return msgspec.structs.replace(suspect, kills=suspect.kills + 1, last_us=now_us)
    return msgspec.structs.replace(suspect, deaths=suspect.deaths + 1, last_us=now_us)


def is_forgotten(suspect: Suspect, now_us: int) -> bool:
    """Whether a suspect, or what was set aside, is so old that it is remembered no more."""
    kept_s = _SUSPECT_FOR_S if suspect.deaths < DEATHS_ALLOWED else _KEPT_FOR_S
    return now_us - suspect.last_us > us(kept_s)


def read_deaths(path: Path) -> Deaths:
    """Read the file of deaths; nothing where there is none, or none that can be read, which is logged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Deaths)
    except FileNotFoundError:
        return Deaths()
    except (OSError, msgspec.MsgspecError) as error:
        log.error("what the daemon died of before cannot be read", path=str(path), reason=str(error))
        return Deaths()


def write_deaths(path: Path, deaths: Deaths) -> None:
    """Write the file of deaths, whole or not at all, and lasting."""
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.encode(deaths))
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
