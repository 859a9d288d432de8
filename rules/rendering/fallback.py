"""The rendering that cannot fail: what an event says, in plain words, without a template.

Used where a rule has neither ``text:`` nor ``template:``, and where a template has failed: an alert is never lost to a
mistake in its template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rules.events.status import EMOJI, meaning_of
from rules.model import Event
from rules.rendering.escape import clean, escape_md, fence_for
from rules.rendering.markdown_escape import make_storable

MAX_PAYLOAD_RUNES: Final = 2000
MAX_VALUE_RUNES: Final = 200
MAX_FIELDS: Final = 8

_STATUS: Final = ("status", "state", "severity", "level", "priority")
_NAME: Final = ("title", "alertname", "name", "endpoint_group", "site", "event", "subject", "type", "service", "host")
_SUMMARY: Final = ("summary", "message", "description", "details", "output", "text", "body")
_MORE: Final = (
    *("service", "service_flavour", "hostname", "node_name", "host", "instance", "metric", "test_name", "job", "vo"),
    *("url", "url.history", "urlhistory", "link", "generatorURL", "externalURL"),
)
_WITHIN: Final = ("labels", "annotations", "alert", "event", "check", "host", "service")


def render_fallback(event: Event, *, now: datetime | None = None, note: str = "") -> str:
    """The main fields, the status, a summary and the beginning of the payload, as Markdown that pings nobody.

    ``note`` says why this is shown in place of the rule's template. Never raises, whatever the event holds.
    """
    words = _words(event.data)
    lines = [_headline(event, words)]
    summary = words.get("summary")
    if summary:
        lines.append(_one_line(summary))
    lines.extend(f"**{escape_md(name)}**: {_one_line(value)}" for name, value in _fields(event.data, words))
    if event.undecodable:
        lines.append(f"**Undecodable**: {_one_line(event.undecodable)}")
    payload = _payload(event, summary)
    if payload:
        lines.append(payload)
    if note:
        lines.append(f"_{_one_line(note)}_")
    return make_storable("\n".join(lines))


def _headline(event: Event, words: Mapping[str, str]) -> str:
    name = words.get("name") or event.message.topic or "message"
    status = words.get("status", "")
    emoji = EMOJI[meaning_of(status)] if status else ":speech_balloon:"
    return f"{emoji} **{_one_line(name)}**" + (f" is {_one_line(status)}" if status else "")


def _words(data: Any) -> dict[str, str]:
    """What the event calls itself, how it is, and what it says of that, as far as its keys tell."""
    places = [data] if isinstance(data, Mapping) else []
    places += [data[key] for key in _WITHIN if places and isinstance(data.get(key), Mapping)]
    words: dict[str, str] = {}
    for role, keys in (("status", _STATUS), ("name", _NAME), ("summary", _SUMMARY)):
        for key in keys:
            value = next((text for place in places if (text := _scalar(place.get(key)))), "")
            if value and role not in words:
                words[role] = value
    return words


def _fields(data: Any, words: Mapping[str, str]) -> list[tuple[str, str]]:
    if not isinstance(data, Mapping):
        return []
    shown = set(words.values())
    fields = []
    for key in _MORE:
        value = _scalar(data.get(key))
        if value and value not in shown:
            shown.add(value)
            fields.append((key, value))
    return fields[:MAX_FIELDS]


def _payload(event: Event, summary: str | None) -> str:
    """The first 2,000 characters of the payload (of the item, with ``for_each``) in a code block."""
    text = event.text if event.parent is None else _json(event.data) or event.text
    text = clean(text).strip("\n")
    if not text.strip() or text == summary:
        return ""
    if len(text) > MAX_PAYLOAD_RUNES:
        text = f"{text[: MAX_PAYLOAD_RUNES - 1]}…"
    fence = fence_for(text)
    return f"{fence}\n{text}\n{fence}"


def _json(data: Any) -> str:
    try:
        return json.dumps(data, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return ""


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e18:
        return ""
    return str(value)


def _one_line(text: str) -> str:
    text = " ".join(clean(text).split())
    return escape_md(text if len(text) <= MAX_VALUE_RUNES else f"{text[: MAX_VALUE_RUNES - 1]}…")
