"""Words people write in settings and rules: durations, sizes, rates, and the name they probably meant.

Every reader here takes the value as YAML gave it and raises ``ValueError`` with a text that says what was said and
what would help; it never guesses a unit.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

DURATION_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
SIZE_UNITS_BYTES: Final = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
_UNIT_MEANT: Final = {
    word: unit
    for unit, words in {
        "ms": "ms msec msecs millisecond milliseconds", "s": "s sec secs second seconds",
        "m": "m min mins minute minutes", "h": "h hr hrs hour hours", "d": "d day days",
        "w": "w wk wks week weeks", "mo": "mo mon month months", "y": "y yr yrs year years",
    }.items()
    for word in words.split()
}  # fmt: skip
LARGEST_SIZE_BYTES: Final = 2**63 - 1
LONGEST_DURATION_S: Final = 100 * 366 * 86400.0
_SIZE_BY_LOWER: Final = {unit.lower(): unit for unit in SIZE_UNITS_BYTES}
_NUMBER: Final = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_DURATION_PART: Final = re.compile(rf"({_NUMBER})(ms|[smhdw])", re.ASCII)
_DURATION: Final = re.compile(rf"(?:{_NUMBER}(?:ms|[smhdw]))+", re.ASCII)
_UNSEEN: Final = re.compile("[\u00a0\u00ad\u2007\u202f\u200b-\u200f\u2060\ufeff]")
_SIZE: Final = re.compile(rf"({_NUMBER}) ?([A-Za-z]{{1,3}})", re.ASCII)
_RATE: Final = re.compile(r"([0-9]{1,9}) ?/ ?([0-9a-z.]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate: so many things in so many seconds: ``20/1m`` is ``Rate(20, 60.0)``."""

    count: int
    per_s: float


def suggest(word: str, known: Iterable[str]) -> str:
    """The tail of an error text: ``; did you mean "equals"?`` when a known word is near, else ""."""
    names = list(known)
    plain = _UNSEEN.sub("", word.partition(" //")[0]).strip(" ;,")
    if plain != word and plain in names:
        unseen = find_unseen_character(word)
        why = f"it holds {unseen}; " if unseen else ""
        return f'; {why}write "{plain}"'
    by_lower = {name.lower(): name for name in names}
    exact = by_lower.get(word.lower())
    near = [exact] if exact is not None else difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if not near:
        near = [by_lower[name] for name in difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)]
    return f'; did you mean "{near[0]}"?' if near and near[0] != word else ""


def find_unseen_character(text: str) -> str:
    """The first character of a text that people cannot tell from a blank or from nothing, named; "" when none is."""
    match = _UNSEEN.search(text)
    return f"the character U+{ord(match[0]):04X}, which is not seen" if match is not None else ""


def hint(near: str, listed: str) -> str:
    """The tail of an error text: the word that was probably meant (of ``suggest``), and what there is."""
    end = "" if not near or near[-1] in "?;" else ";"
    return f"{near}{end} {listed}" if near else f"; {listed}"


def suggest_of(word: str, known: Iterable[str], label: str) -> str:
    """The hint of ``suggest``, and all known words behind it: ``; did you mean "equals"? operators: equals, like``."""
    names = list(known)
    near = suggest(word, names)
    return hint(near, f"{label}: {', '.join(names) or 'none'}")


def duration_s(value: object) -> float:
    """Seconds of a duration such as ``300ms``, ``10s``, ``5m``, ``1h30m``, ``7d`` or ``2w``; ``0`` needs no unit.

    Raises ValueError for anything else, and for more than a hundred years.
    """
    text = _value_text(value)
    if text == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise ValueError(f'"{_short(text)}" is not a duration{_duration_help(text)}')
    total = sum(float(number) * DURATION_UNITS_S[unit] for number, unit in _DURATION_PART.findall(text))
    if total > LONGEST_DURATION_S:
        raise ValueError(f'"{_short(text)}" is longer than a hundred years')
    return total


def size_bytes(value: object) -> int:
    """Bytes of a size such as ``64KiB``, ``10MiB``, ``20GiB``, ``5MB`` or ``512B``; a fraction of a byte is cut off.

    Raises ValueError for anything else, a number without a unit included.
    """
    text = _value_text(value)
    match = _SIZE.fullmatch(text)
    unit = _SIZE_BY_LOWER.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f'"{_short(text)}" is not a size{_size_help(text)}')
    whole, _, fraction = match[1].partition(".")
    scale = SIZE_UNITS_BYTES[unit]
    billionths = int(fraction.ljust(9, "0"))
    size = int(whole) * scale + billionths * scale // 1_000_000_000
    if size > LARGEST_SIZE_BYTES:
        raise ValueError(f'"{_short(text)}" is larger than {LARGEST_SIZE_BYTES} bytes (8 EiB)')
    return size


def rate(value: object) -> Rate:
    """A rate such as ``20/1m``, ``5/10s`` or ``1/s`` (which means ``1/1s``).

    Raises ValueError for anything else, and for a rate of zero: to send nothing, say so otherwise.
    """
    text = _value_text(value)
    match = _RATE.fullmatch(text)
    if match is None:
        meant = _rate_meant(value)
        advice = f"write {meant}" if meant else "write a count, a slash and a duration, such as 20/1m or 1/s"
        raise ValueError(f'"{_short(text)}" is not a rate; {advice}')
    per = match[2]
    try:
        per_s = duration_s(f"1{per}" if per[0].isalpha() else per)
    except ValueError as error:
        raise ValueError(f'"{_short(text)}" is not a rate: {error}') from None
    count = int(match[1])
    if count < 1 or per_s <= 0:
        raise ValueError(
            f'"{_short(text)}" would never let anything pass; the smallest rate is one in a duration, such as 1/1d'
        )
    return Rate(count, per_s)


def duration_text(seconds: float) -> str:
    """A duration as people write it, in at most two units: ``1h30m``, ``300ms``."""
    if not math.isfinite(seconds):
        return str(seconds)
    left_ms = round(abs(seconds) * 1000)
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        scale_ms = round(DURATION_UNITS_S[unit] * 1000)
        count, rest_ms = divmod(left_ms, scale_ms)
        if count:
            parts.append(f"{count}{unit}")
            left_ms = rest_ms
            if len(parts) == 2:
                break
        elif parts:
            break
    return ("-" if seconds < 0 else "") + ("".join(parts) or "0s")


def _value_text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    return value.strip() if isinstance(value, str) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _duration_help(text: str) -> str:
    if re.fullmatch(_NUMBER, text):
        return f": it has no unit; write {text}s for seconds (units: ms, s, m, h, d, w)"
    if text.startswith("-"):
        return ": it cannot be negative"
    if meant := _duration_meant(text):
        return f"; write {meant}"
    return "; write a number and a unit, such as 300ms, 10s, 5m, 2h or 7d (units: ms, s, m, h, d, w)"


def _duration_meant(text: str) -> str:
    """A duration in words, of ISO 8601, of a clock or with a comma as we write it; "" when it is none of them."""
    clock = re.fullmatch(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d))?", text)
    if clock is not None:
        return duration_text(int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3] or 0))
    iso = re.fullmatch(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if iso is not None and any(iso.groups()):
        return "".join(f"{count}{unit}" for count, unit in zip(iso.groups(), "wdhms", strict=True) if count)
    parts = re.findall(r"(\d+(?:[.,]\d+)?)\s*([A-Za-z]+)\s*(?:and\s+|,\s*)?", text)
    units = [_UNIT_MEANT.get(unit.lower()) for _, unit in parts]
    whole = "".join(f"{count}{unit}" for count, unit in parts)
    if not parts or None in units or re.sub(r"\s+|and\b|,(?!\d)", "", text) != whole:
        return ""
    return "".join(_times(count.replace(",", "."), unit) for (count, _), unit in zip(parts, units, strict=True) if unit)


def _rate_meant(value: object) -> str:
    """``20 per minute``, ``20x5m`` or a mapping of two as a rate; "" when it is none of them."""
    text = (
        " per ".join(str(part) for part in value.values())
        if isinstance(value, dict) and len(value) == 2
        else _value_text(value)
    )
    match = re.fullmatch(r"(\d+)\s*(?:per|/|in|every|x)\s*(?:(\d+)\s*)?([A-Za-z]+)", text)
    unit = _UNIT_MEANT.get(match[3].lower(), "") if match is not None else ""
    return f"{match[1]}/{match[2] or 1}{unit}" if match is not None and unit in DURATION_UNITS_S else ""


def _times(count: str, unit: str) -> str:
    days = {"mo": 30, "y": 365}.get(unit)
    return f"{count}{unit}" if days is None else f"{round(float(count) * days)}d"


def _size_help(text: str) -> str:
    if re.fullmatch(_NUMBER, text):
        return f": it has no unit; write {text}B for bytes (units: {', '.join(SIZE_UNITS_BYTES)})"
    match = _SIZE.fullmatch(text)
    if match and match[2].upper() in {"K", "M", "G", "T"}:
        return f"; did you mean {match[1]}{match[2].upper()}iB?"
    return f"; write a number and a unit, such as 64KiB or 10MiB (units: {', '.join(SIZE_UNITS_BYTES)})"
