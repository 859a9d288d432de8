"""How Teams is shown a post: one Adaptive Card, cut to what a workflow takes (destinations.md 2.9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from typing import Any, Final, TypeAlias

import msgspec

from bridge.core.emoji import replace_emoji_names
from bridge.destinations.base import Parcel
from bridge.destinations.kit.plain_text import Dialect, PlainBlock, plain, read_blocks, write_block
from rules.model import Post
from rules.rendering.split import cut_text

MAX_REQUEST_BYTES: Final = 28 * 1024
DECIDED_TEXT_RUNES: Final = 7_000
_CUT_TEXT_RUNES: Final = 1_000
_SHORTEST_RUNES: Final = 200
_MAX_FACTS: Final = 30
_MAX_FACT_RUNES: Final = 500
_FACT_SET_BYTES: Final = 40
_MAX_MENTION_RUNES: Final = 500
_MAX_TITLE_RUNES: Final = 300
_MAX_FOOTER_RUNES: Final = 500
_MAX_LINK_RUNES: Final = 2_000

Element: TypeAlias = dict[str, Any]
"""One element of a card."""

_LOOKS: Final[Mapping[str, Element]] = {"code": {"fontType": "Monospace"}, "heading": {"size": "Medium"}}
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
    post = parcel.post
    if parcel.form == "cut":
        return _message(parcel, _text_elements(cut_text(post.text, _CUT_TEXT_RUNES)), [])
    room_bytes = MAX_REQUEST_BYTES - wire_bytes(_message(parcel, [], []))
    text, facts = _text_elements(cut_text(post.text, room_bytes)), _facts(post)
    if wire_bytes(text) + wire_bytes(facts) > room_bytes:
        facts = _first(facts, max(room_bytes // 2, room_bytes - wire_bytes(text)))
        text = _fitting_text(post.text, room_bytes - wire_bytes(facts))
    return _message(parcel, text, facts)


def wire_bytes(drawn: Any) -> int:
    """How large something is on the wire."""
    return len(msgspec.json.encode(drawn))


def is_cut(parcel: Parcel) -> bool:
    """Whether something of the post has to be left out."""
    post = parcel.post
    wanted = wire_bytes(_message(parcel, [], [])) + wire_bytes(_text_elements(post.text)) + wire_bytes(_facts(post))
    long = len(post.fields) > _MAX_FACTS or any(len(field.value) > _MAX_FACT_RUNES for field in post.fields)
    return long or wanted > MAX_REQUEST_BYTES


def _message(parcel: Parcel, text: Sequence[Element], facts: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    post = parcel.post
    people = _people(post)
    body = [*_head(post, parcel.phase), *text]
    if facts:
        body.append({"type": "FactSet", "facts": facts})
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


def _fitting_text(markdown: str, room_bytes: int) -> list[Element]:
    """As much of the text as there is room for: a rune takes one byte at least, and drawing adds some."""
    runes = min(len(markdown), room_bytes)
    while True:
        drawn = _text_elements(cut_text(markdown, runes))
        if wire_bytes(drawn) <= room_bytes or runes <= _SHORTEST_RUNES:
            return drawn
        runes = runes * 2 // 3


def _first(facts: Sequence[Mapping[str, str]], room_bytes: int) -> list[Mapping[str, str]]:
    """The facts there is room for, those said first."""
    sizes = accumulate(wire_bytes(fact) + 1 for fact in facts)
    return [fact for fact, end in zip(facts, sizes, strict=True) if end + _FACT_SET_BYTES <= room_bytes]


def _head(post: Post, phase: str) -> Iterator[Element]:
    """Mention and title, on the colour of the post."""
    items = []
    mention = post.mention[:_MAX_MENTION_RUNES].split()
    if mention:
        words = [f"<at>{match[1]}</at>" if (match := _PERSON.fullmatch(word)) else _escape(word) for word in mention]
        items.append(_text_block(" ".join(words)))
    if post.title:
        items.append(_text_block(_escape(_line(post.title, _MAX_TITLE_RUNES)), size="Large", weight="Bolder"))
    style = _STYLES.get(post.color.strip().lower()) or ("good" if phase == "resolved" else _STYLES.get(post.severity))
    if style and items:
        yield {"type": "Container", "style": style, "bleed": True, "items": items}
    elif style:
        yield {"type": "Container", "style": style, "bleed": True, "items": [_text_block("\u00a0", size="Small")]}
    else:
        yield from items


def _people(post: Post) -> list[str]:
    words = post.mention[:_MAX_MENTION_RUNES].split()
    return [match[1] for word in words if (match := _PERSON.fullmatch(word))]


def _text_elements(markdown: str) -> list[Element]:
    """A text block for each paragraph, list, and block of code."""
    elements: list[Element] = []
    for kind, blocks in groupby(read_blocks(replace_emoji_names(markdown)), key=_grouping):
        if kind == "list":
            elements.append(_text_block("\r".join(write_block(block, _CARD) for block in blocks)))
            continue
        for block in blocks:
            text = block.code if block.kind == "code" else write_block(block, _CARD)
            elements.append(_text_block(text.replace("\n", "\n\n"), **_LOOKS.get(block.kind, {})))
    return elements


def _grouping(block: PlainBlock) -> str:
    return "list" if block.depth and block.kind != "code" else "single"


def _facts(post: Post) -> list[Mapping[str, str]]:
    facts: list[Mapping[str, str]] = []
    for field in post.fields[:_MAX_FACTS]:
        text = replace_emoji_names(cut_text(field.value, _MAX_FACT_RUNES))
        value = "\n\n".join(write_block(block, _CARD) for block in read_blocks(text))
        facts.append({"title": _line(field.title, _MAX_TITLE_RUNES), "value": value or "\u00a0"})
    return facts


def _mention(name: str) -> Element:
    return {"type": "mention", "text": f"<at>{name}</at>", "mentioned": {"id": name, "name": name}}


def _text_block(text: str, **look: Any) -> Element:
    return {"type": "TextBlock", "text": text, "wrap": True, **look}


def _line(markdown: str, runes: int) -> str:
    text = " ".join(plain(replace_emoji_names(markdown)).split())
    return text if len(text) <= runes else text[: runes - 1] + "…"


def _escape(text: str) -> str:
    """Text that shows as it is: marks behind a backslash, and nothing that could be read as a link."""
    text = _MARK.sub(r"\\\g<0>", text).replace("](", "]\u200b(").replace("<at>", "<\u200bat>")
    return _LINE_START.sub("\\1\u200b\\2", text)


_CARD: Final = Dialect(
    plain=_escape,
    bold=lambda text: f"**{text}**",
    italic=lambda text: f"_{text}_",
    struck=lambda text: text,
    code=_escape,
    link=lambda text, url: f"[{text.replace(']', '')}]({url.replace(')', '%29')})",
    block=lambda text: text,
    bullet="-",
    quote="",
)
