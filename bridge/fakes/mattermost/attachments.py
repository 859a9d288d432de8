"""Attachments as the server keeps them: with every name that it knows, filled in or not, and measured so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

_TEXTS = (
    "fallback",
    "color",
    "pretext",
    "author_name",
    "author_link",
    "author_icon",
    "title",
    "title_link",
    "text",
    "image_url",
    "thumb_url",
    "footer",
    "footer_icon",
)
_EMPTY: Mapping[str, Any] = {"id": 0, **dict.fromkeys(_TEXTS, ""), "fields": None, "ts": None}
_EMPTY_FIELD: Mapping[str, Any] = {"title": "", "value": None, "short": False}


def fill_in(attachment: Mapping[str, Any]) -> dict[str, Any]:
    """The attachment with all its names; names that the server does not know are gone."""
    known = {name: value for name, value in attachment.items() if name in _EMPTY and value is not None}
    filled = {**_EMPTY, **known}
    if attachment.get("fields"):
        filled["fields"] = [{**_EMPTY_FIELD, **field} for field in attachment["fields"] if field]
    if attachment.get("actions"):
        filled["actions"] = attachment["actions"]
    return filled


def props_runes(
    props: Mapping[str, Any], attachments: Iterable[Mapping[str, Any]] = (), *, fills_in: bool = True
) -> int:
    """How long the props of a post are as the server writes them down, where ``<`` takes six characters."""
    all_of_them = [fill_in(each) if fills_in else each for each in attachments]
    said = {**props, **({"attachments": all_of_them} if all_of_them else {})}
    written = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    return len(written) + 5 * sum(written.count(mark) for mark in "<>&\u2028\u2029")
