"""How Teams is shown a post: one Adaptive Card, cut to what a workflow takes (destinations.md 2.9)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from bridge.destinations.base import Parcel
from bridge.destinations.prose import Block, Dialect, plain, read, write_block
from bridge.emoji import with_emoji
from rules.model import Post
from rules.split import cut_text

MAX_REQUEST_BYTES: Final = 28 * 1024
DECIDED_TEXT_RUNES: Final = 7_000
_TRIES_RUNES: Final = (20_000, 12_000, 7_000, 4_000, 2_000, 1_000, 400)
_MAX_FACTS: Final = 30
_MAX_TITLE_RUNES: Final = 300
_MAX_FOOTER_RUNES: Final = 500
_MAX_LINK_RUNES: Final = 2_000

_STYLES: Final[Mapping[str, str]] = {
    "critical": "attention",
    "error": "attention",
    "danger": "attention",
    "warning": "warning",
    "info": "accent",
    "ok": "good",
    "good": "good",
}
_MARK: Final = re.compile(r"[\\*_~`]")
_LINE_START: Final = re.compile(r"^(\s*)([-+#>]|\d+(?=[.)]))", re.MULTILINE)
_PERSON: Final = re.compile(r"@?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")


def draw(parcel: Parcel) -> dict[str, Any]:
    """The message for a workflow, at most 28 KB as JSON. Pure. The form ``cut`` is short text without facts."""
    if parcel.form == "cut":
        return _message(parcel, _TRIES_RUNES[-2], 0)
    message: dict[str, Any] = {}
    for runes in _TRIES_RUNES:
        message = _message(parcel, runes, min(runes, 1_000))
        if size_bytes(message) <= MAX_REQUEST_BYTES:
            break
    return message


def size_bytes(message: Mapping[str, Any]) -> int:
    """How large a message is on the wire."""
    return len(msgspec.json.encode(message))


def is_cut(parcel: Parcel) -> bool:
    """Whether something of the post had to be left out."""
    post = parcel.post
    longest = max([len(post.text), *(len(field.value) for field in post.fields)])
    return len(post.fields) > _MAX_FACTS or size_bytes(_message(parcel, longest, longest)) > MAX_REQUEST_BYTES


def _message(parcel: Parcel, text_runes: int, fact_runes: int) -> dict[str, Any]:
    post = parcel.post
    people = [found[1] for word in post.mention.split() if (found := _PERSON.fullmatch(word))]
    body = [*_head(post, parcel.phase, people), *_text_elements(cut_text(post.text, text_runes))]
    if post.fields and fact_runes:
        body.append({"type": "FactSet", "facts": list(_facts(post, fact_runes))})
    if post.footer:
        body.append(_text_block(_line(post.footer, _MAX_FOOTER_RUNES), isSubtle=True, size="Small"))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": {"width": "Full", **({"entities": [_mention(name) for name in people]} if people else {})},
    }
    if post.url and len(post.url) <= _MAX_LINK_RUNES:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": post.url.strip()}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _head(post: Post, phase: str, people: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Mention and title, on the colour of the post."""
    items = []
    if post.mention:
        words = [f"<at>{found[1]}</at>" if (found := _PERSON.fullmatch(w)) else _said(w) for w in post.mention.split()]
        items.append(_text_block(" ".join(words)))
    if post.title:
        items.append(_text_block(_said(_line(post.title, _MAX_TITLE_RUNES)), size="Large", weight="Bolder"))
    style = _STYLES.get(post.color.strip().lower()) or ("good" if phase == "resolved" else _STYLES.get(post.severity))
    if style and items:
        yield {"type": "Container", "style": style, "bleed": True, "items": items}
    elif style:
        yield {"type": "Container", "style": style, "bleed": True, "items": [_text_block("\u00a0", size="Small")]}
    else:
        yield from items


def _text_elements(markdown: str) -> Iterator[dict[str, Any]]:
    """A text block for each paragraph, list, and block of code."""
    for kind, blocks in groupby(read(with_emoji(markdown)), key=_grouping):
        if kind == "list":
            yield _text_block("\r".join(write_block(block, _CARD) for block in blocks))
            continue
        for block in blocks:
            if block.kind == "code":
                yield _text_block(block.code.replace("\n", "\n\n"), fontType="Monospace")
            else:
                size = {"size": "Medium"} if block.kind == "heading" else {}
                yield _text_block(write_block(block, _CARD).replace("\n", "\n\n"), **size)


def _grouping(block: Block) -> str:
    return "list" if block.depth and block.kind != "code" else "single"


def _facts(post: Post, runes: int) -> Iterator[dict[str, str]]:
    for field in post.fields[:_MAX_FACTS]:
        value = "\n\n".join(write_block(block, _CARD) for block in read(with_emoji(cut_text(field.value, runes))))
        yield {"title": _line(field.title, _MAX_TITLE_RUNES), "value": value or "\u00a0"}


def _mention(name: str) -> dict[str, Any]:
    return {"type": "mention", "text": f"<at>{name}</at>", "mentioned": {"id": name, "name": name}}


def _text_block(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **look}


def _line(markdown: str, runes: int) -> str:
    text = " ".join(plain(with_emoji(markdown)).split())
    return text if len(text) <= runes else text[: runes - 1] + "…"


def _said(text: str) -> str:
    """Text that shows as it is: marks behind a backslash, and nothing that could be read as a link."""
    text = _MARK.sub(r"\\\g<0>", text).replace("](", "]\u200b(").replace("<at>", "<\u200bat>")
    return _LINE_START.sub("\\1\u200b\\2", text)


_CARD: Final = Dialect(
    plain=_said,
    bold=lambda text: f"**{text}**",
    italic=lambda text: f"_{text}_",
    struck=lambda text: text,
    code=_said,
    link=lambda text, url: f"[{text.replace(']', '')}]({url.replace(')', '%29')})",
    block=lambda text: text,
    bullet="-",
    quote="",
)
