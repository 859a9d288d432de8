"""The filters this product adds to Jinja's own; the reference in docs/ is made of these docstrings.

A filter is a pure function of its arguments and of the decision's time. What makes Markdown returns ``Authored`` text,
which is not escaped again; everything else returns plain values, which are escaped where they are printed. None of them
fails for an odd value where showing that value is possible.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from jinja2.environment import Environment
from jinja2.runtime import Undefined
from jinja2.utils import pass_environment

from rules.conditions.jsonpath import compile_path
from rules.conditions.regex import compile_regex
from rules.events.moments import describe_age as ago_in_words
from rules.events.moments import from_us, named_time, spell_duration
from rules.events.status import COLOR, EMOJI, meaning_of
from rules.rendering.budget import METER, TooMuch, charge_deep, weight
from rules.rendering.escape import clean, escape_md, fence_for, link_target, strip_mentions
from rules.rendering.formatting import format_time
from rules.rendering.list_filters import differences_filter, subjects_filter, tally_filter
from rules.rendering.markdown import Authored, MarkdownBlock, Mixed, join_parts, json_text, print_part, take_runes
from rules.rendering.split import continues
from rules.source.words import duration_s, suggest

MAX_REPLACED_RUNES: Final = 16_777_216
_MATCH_STEPS: Final = 4


def text_of(value: Any) -> str:
    """``value`` as the text that printing it would show, unescaped; text of known hands stays as it is."""
    if isinstance(value, (Authored, Mixed)):
        return value
    return str.__str__(print_part(value))


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'there is no time zone "{name}"{suggest(name, available_timezones())}') from None


def emoji_for(status: Any) -> Authored:
    """The emoji of a status.

    `{{ data.status | emoji_for }}` gives `:red_circle:` for CRITICAL. Knows the words of ARGO, Nagios, Icinga, Zabbix,
    Alertmanager and Grafana in any case, and exit codes 0 to 3; anything else, a missing name included, gives
    `:white_circle:`.
    """
    return Authored(EMOJI[meaning_of(status)])


def status_color(status: Any) -> Authored:
    """The colour of a status as `#rrggbb`, for `color:`; the same words as `emoji_for`."""
    return Authored(COLOR[meaning_of(status)])


def ago(value: Any) -> str:
    """How long before the decision something was.

    `{{ data.startsAt | ago }}` gives `5 min ago`, `3 days ago` or `in 2 h`. Takes RFC 3339 text, epoch numbers (seconds
    to nanoseconds) and times. What is no time is shown as it is; the year 1, which stands for "no time", as nothing.
    """
    moment = named_time(_require_known(value))
    return _not_a_time(value) if moment is None else ago_in_words(moment, from_us(METER.get().now_us))


def duration(value: Any, until: Any = None) -> str:
    """A length of time in words.

    `{{ 7800 | duration }}` gives `2 h 10 min`. Takes seconds, a duration such as `5m` or `1h30m`, or a difference of
    times. With `until`, the time from the value to it: `{{ data.startsAt | duration(data.endsAt) }}`, or
    `duration(now)` for how long something has lasted.
    """
    if until is not None:
        start, end = named_time(_require_known(value)), named_time(_require_known(until))
        return "" if start is None or end is None else spell_duration((end - start).total_seconds())
    if isinstance(value, timedelta):
        return spell_duration(value.total_seconds())
    seconds = _seconds(_require_known(value))
    return text_of(value) if seconds is None else spell_duration(seconds)


def localtime(value: Any, tz: str = "UTC", format: str = "%Y-%m-%d %H:%M %Z") -> str:  # noqa: A002
    """A time in a time zone.

    `{{ data.startsAt | localtime('Europe/Athens') }}` gives `2026-01-03 12:00 EET`; `format` is a strftime format. What
    is no time is shown as it is. An unknown zone is an error when the rules are loaded.
    """
    moment = named_time(_require_known(value))
    if moment is None:
        return _not_a_time(value)
    try:
        return format_time(moment.astimezone(zone_of(str(tz))), format)
    except OverflowError:
        return _not_a_time(value)


def truncate_text(value: Any, length: int = 200, end: str = "…") -> str:
    """The text cut to a length.

    `{{ data.summary | truncate_text(80) }}` has at most 80 characters, `end` included, and stops at the end of a word
    where one is near.
    """
    text, length = text_of(value), int(length)
    if len(text) <= length:
        return text
    room = max(0, length - len(end))
    while room > 0 and continues(text, room):
        room -= 1
    kept = take_runes(text, room)
    last = kept.rfind(" ")
    if text[room : room + 1] not in (" ", "\n", "") and last >= room * 4 // 5:
        kept = take_runes(kept, last)
    kept = take_runes(kept, len(kept.rstrip()))
    return join_parts((kept if isinstance(kept, (Authored, Mixed)) else print_part(kept), Authored(end[:length])))


def escape_md_filter(value: Any) -> Authored:
    """The text with all its Markdown made harmless, as printing does by itself.

    For a value that becomes part of a text you mark `safe_md`.
    """
    return Authored(escape_md(_to_look_through(value)))


def no_mentions(value: Any) -> Authored:
    """The text with its Markdown alive but unable to ping anybody.

    For senders whose formatting you trust: `{{ data.message | no_mentions }}`.
    """
    return Authored(strip_mentions(_to_look_through(value)))


def safe_md(value: Any) -> Authored:
    """The text as it is, with Markdown, links and mentions: "I mean it".

    For values you trust as much as your own template.
    """
    return Authored(text_of(value))


def code_block(value: Any, language: str = "") -> str:
    """The text in a fenced code block, on lines of its own; nothing for an empty text.

    `{{ data.details | code_block('json') }}`; the language is for colours and may be left out.
    """
    text = clean(_to_look_through(value)).strip("\n")
    if not text.strip():
        return Authored("")
    fence = fence_for(text)
    word = "".join(sign for sign in language if sign.isalnum() or sign in "+-_#.")[:30]
    return MarkdownBlock(f"{fence}{word}\n{text}\n{fence}")


def link(url: Any, text: Any = "") -> str:
    """A Markdown link with a text.

    `{{ data.generatorURL | link('graph') }}` gives `[graph](http://...)`; without a text the address is shown. What is
    no http, https or mailto address becomes the text alone.
    """
    address, label = _to_look_through(_require_known(url)), _to_look_through(_require_known(text))
    target = link_target(address)
    if not target:
        return label
    words = label if isinstance(label, Authored) else escape_md(label.replace("\n", " "))
    if not words.strip():
        return Authored(target)
    return Authored(f"[{words}]({target})")


def regex_replace(value: Any, pattern: str, replacement: str = "", count: int = 0) -> str:
    r"""Each match of a regular expression (RE2 syntax) replaced.

    `{{ data.host | regex_replace('[.].*', '') }}` gives the first name of a host; `\1` in the replacement is the first
    group.
    """
    text = _to_look_through(value)
    if (len(text) + 1) * (len(replacement) + 1) > MAX_REPLACED_RUNES:
        raise TooMuch("regex_replace: the text and its replacement are too long together")
    regex = compile_regex(str(pattern))
    METER.get().charge(regex.steps(len(text)))
    result = regex.sub(str(replacement), str.__str__(text), count, lambda: METER.get().charge(_MATCH_STEPS))
    METER.get().charge_runes(len(result))
    return result


def from_json(value: Any) -> Any:
    """The value that a JSON text stands for; what is no JSON is an error.

    `{{ (data.payload | from_json).name }}`
    """
    try:
        return msgspec.json.decode(str.__str__(text_of(value)))
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"from_json: {error}") from None


def to_json(value: Any, indent: int | None = None) -> str:
    """The value as JSON, for `body:` templates and code blocks.

    `{{ data | to_json(indent=2) | code_block('json') }}`
    """
    return json_text(value, None if indent is None else max(0, min(indent, 8)))


def b64decode(value: Any) -> str:
    """The text that base64 stands for; what is no base64 is an error.

    The URL-safe letters and missing padding are fine; bytes that are no UTF-8 become U+FFFD.
    """
    text = "".join(text_of(value).split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"b64decode: {error}") from None


def jsonpath(value: Any, path: str) -> list[Any]:
    """All values that a JSONPath finds, as a list; add `| first` for one.

    `{{ data | jsonpath('$.alerts[*].labels.job') | join(', ') }}`
    """
    compiled, whole = compile_path(str(path)), _require_known(value)
    if not compiled.is_simple:
        charge_deep(whole)
    matches = compiled.find(whole)
    METER.get().charge(weight(matches))
    return matches


@pass_environment
def lookup(environment: Environment, value: Any, table: str, default: Any = None) -> Any:
    """What a lookup table holds for a key, or `default`.

    `{{ (data.site | lookup('owners', {})).mail | default('nobody') }}`
    """
    tables: Mapping[str, Any] = getattr(environment, "tables", {})
    if table not in tables:
        raise ValueError(f'there is no table "{table}"{suggest(str(table), tables)}')
    rows = tables[table]
    key = _require_known(value)
    if isinstance(rows, Mapping):
        return rows.get(key if isinstance(key, str) else text_of(key), default)
    if isinstance(rows, list) and isinstance(key, int) and 0 <= key < len(rows):
        return rows[key]
    return default


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "emoji_for": emoji_for,
    "status_color": status_color,
    "ago": ago,
    "duration": duration,
    "localtime": localtime,
    "truncate_text": truncate_text,
    "escape_md": escape_md_filter,
    "no_mentions": no_mentions,
    "safe_md": safe_md,
    "code_block": code_block,
    "link": link,
    "regex_replace": regex_replace,
    "from_json": from_json,
    "to_json": to_json,
    "tojson": to_json,
    "b64decode": b64decode,
    "jsonpath": jsonpath,
    "lookup": lookup,
    "subjects": subjects_filter,
    "tally": tally_filter,
    "differences": differences_filter,
}
"""By the names they have in templates; ``tojson`` is Jinja's word for ``to_json``."""


def _to_look_through(value: Any) -> str:
    """``text_of(value)``, at the price of a look at each of its characters."""
    text = text_of(value)
    METER.get().charge(weight(text) * 8)
    return text


def _require_known(value: Any) -> Any:
    """``value``; raises UndefinedError when it is a missing name."""
    if isinstance(value, Undefined):
        str(value)
    return value


def _not_a_time(value: Any) -> str:
    text = text_of(value)
    return "" if text.startswith("0001-01-01") else text


def _seconds(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if abs(value) < 1e15 else None
    if isinstance(value, str):
        try:
            return duration_s(value)
        except ValueError:
            return None
    return None
