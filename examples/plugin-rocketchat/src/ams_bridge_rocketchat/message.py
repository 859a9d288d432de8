"""How Rocket.Chat is shown a post: a line of text and one coloured attachment. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from bridge.plugin import Dialect, Parcel, color_of, cut_text, read_markdown, read_markdown_line, write_markdown

MAX_TEXT_RUNES: Final = 4_000
"""Under the 5,000 of the server's setting Message_MaxAllowedSize, which escapes and cuts must not pass."""
_DRAWN_RUNES: Final = 5_000
_MAX_TITLE_RUNES: Final = 300
_MAX_FIELDS: Final = 40
_MAX_FIELD_RUNES: Final = 900
_MARK: Final = re.compile(r"[*_~`#\\]")
_WEB: Final = re.compile(r"https?://[^\s]+\Z")


def draw(parcel: Parcel) -> dict[str, Any]:
    """The message's ``text`` and ``attachments``; the form ``plain`` is short text alone."""
    post = parcel.post
    title = write_markdown(read_markdown_line(post.title), _DIALECT).strip()[:_MAX_TITLE_RUNES]
    head = " ".join(part for part in (post.mention.strip()[:_MAX_TITLE_RUNES], title) if part)
    text = cut_text(write_markdown(read_markdown(post.text), _DIALECT), _DRAWN_RUNES)
    if parcel.form == "plain":
        return {"text": cut_text(f"{head}\n{text}".strip() or "(no text)", _MAX_FIELD_RUNES)}
    attachment: dict[str, Any] = {"text": text}
    if color := color_of(post, parcel.phase):
        attachment["color"] = color
    if _WEB.match(post.url):  # the server refuses anything else
        attachment |= {"title": post.url[:_MAX_TITLE_RUNES], "title_link": post.url}
    fields = [_field(field.title, field.value, short=field.short) for field in post.fields[:_MAX_FIELDS]]
    if shown := [field for field in fields if field["title"] and field["value"]]:  # nor a field without one of them
        attachment["fields"] = shown
    if post.footer:
        attachment["text"] = cut_text(f"{text}\n_{post.footer[:_MAX_TITLE_RUNES]}_", _DRAWN_RUNES)
    return {"text": head or "\N{BELL}", "attachments": [attachment]}


def channel_of(overrides: Mapping[str, Any]) -> str:
    """The channel a send asks for: ``#name``, ``@person`` or a room's id; "" for the settings' own."""
    channel = overrides.get("channel")
    return channel if isinstance(channel, str) else ""


def _field(title: str, value: str, *, short: bool) -> dict[str, Any]:
    drawn = write_markdown(read_markdown(value), _DIALECT)
    return {"title": title.strip()[:_MAX_TITLE_RUNES], "value": cut_text(drawn, _MAX_FIELD_RUNES), "short": short}


def _plain(text: str) -> str:
    return _MARK.sub(lambda found: "\\" + found[0] if found[0] != "\\" else found[0], text)


_DIALECT: Final = Dialect(
    plain=_plain,
    bold=lambda text: f"*{text}*",
    italic=lambda text: f"_{text}_",
    struck=lambda text: f"~{text}~",
    code=lambda text: f"`{text.replace('`', 'ˋ')}`",
    link=lambda text, url: f"[{text.replace(']', ')')}]({url.replace(')', '%29').replace(' ', '%20')})",
    block=lambda text: "```\n" + text.replace("```", "``\u200b`") + "\n```",
)
