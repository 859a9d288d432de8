"""How Slack is shown a post: sections of its own Markdown, details in a coloured attachment (destinations.md 2.8).

Slack's Markdown has no escapes but for ``& < >``. A mark that would make text bold is kept from doing so by zero-width
spaces on both sides, unless it stands inside a word, where Slack takes no notice of it. Mentions are made only of
what the rule's author wrote: in event values a zero-width space stands behind each ``@``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.destinations.base import Parcel, PartSize
from bridge.destinations.kit.colors import color_of, own_color
from bridge.destinations.kit.plain_text import Dialect, plain, read_blocks, read_line, write
from rules.model import Field, Post
from rules.rendering.split import cut_text, split_text

MAX_SECTION_RUNES: Final = 3_000
MAX_BLOCKS: Final = 50
MAX_PLAIN_RUNES: Final = 40_000
MAX_RUNES: Final = 12_000  # all blocks together: about 13,200 are refused as msg_blocks_too_long
DECIDED_TEXT_RUNES: Final = 9_000  # escapes, headline and fields take the rest
CUT_TEXT_RUNES: Final = 2_500
_MAX_FIELDS: Final = 40
_FIELDS_PER_BLOCK: Final = 10
_MAX_FIELD_RUNES: Final = 900
_ALL_FIELDS_RUNES: Final = 6_000
_MAX_FOOTER_RUNES: Final = 500
_MAX_NOTICE_RUNES: Final = 300
_MAX_TITLE_RUNES: Final = 300

_MARK: Final = re.compile(r"(?<![0-9A-Za-z])[*_~`]+|[*_~`]+(?![0-9A-Za-z])")
_MENTION: Final = re.compile(r"(?<![\w@])@(channel|here|everyone|all)\b")
_RANGES: Final = {"channel": "channel", "all": "channel", "here": "here", "everyone": "everyone"}
_SLACK_MENTION: Final = re.compile(r"<(?:@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+|!(?:channel|here|everyone))>")


def draw(parcel: Parcel, *, course: str = "") -> dict[str, Any]:
    """The parts of a message: ``text`` (what notifications show), ``blocks``, ``attachments``. Pure.

    The form ``plain`` is short text alone. ``course`` is what an update says of its incident.
    """
    post = parcel.post
    head = "\n".join(part for part in (mention_of(post), _headline(post)) if part)
    if parcel.form == "plain":
        return {"text": cut_text("\n".join(part for part in (head, mrkdwn(post.text)) if part), CUT_TEXT_RUNES)}
    text = [_section(part) for part in _pieces(cut_text(mrkdwn(post.text), _room(post)))]
    details = _details(post, course)
    color = color_of(post, parcel.phase) if details else own_color(post)
    shown = [_section(head)] if head else []
    if color and not details:
        details, text = text, []
    shown += text
    drawn: dict[str, Any] = {}
    notice = _escape(_notice(post))
    if shown:
        drawn |= {"text": notice, "blocks": shown[:MAX_BLOCKS]}
    if details:
        attachment: dict[str, Any] = {"fallback": notice, "blocks": details[: MAX_BLOCKS - len(shown)]}
        drawn["attachments"] = [attachment | ({"color": color} if color else {})]
    return drawn


def mrkdwn(markdown: str) -> str:
    """A text in Slack's Markdown."""
    return write(read_blocks(markdown), _MRKDWN)


def mention_of(post: Post) -> str:
    """Whom the rule wants to tell: ``@channel``, ``@here``, or Slack's own ``<@U...>``; anything else is just text."""
    return " ".join(
        word if _SLACK_MENTION.fullmatch(word) else _mention(_escape(word)) for word in post.mention.split()
    )


def remarks_of(post: Post) -> list[str]:
    """What would be cut, for a preview."""
    remarks = []
    if len(post.fields) > _MAX_FIELDS:
        remarks.append(f"{len(post.fields)} fields: the first {_MAX_FIELDS} are sent")
    if len(mrkdwn(post.text)) > _room(post):
        remarks.append(f"the text is cut to {_room(post)} characters")
    return remarks


def sizes_of(drawn: Mapping[str, Any]) -> tuple[PartSize, ...]:
    """How large a drawn message is, beside what Slack takes."""
    blocks = [
        *drawn.get("blocks", ()),
        *(block for attachment in drawn.get("attachments", ()) for block in attachment["blocks"]),
    ]
    texts = [drawn.get("text", "")] if not blocks else [text for block in blocks for text in _texts(block)]
    return (
        PartSize("text", sum(map(len, texts)), MAX_RUNES if blocks else MAX_PLAIN_RUNES),
        PartSize("blocks", len(blocks), MAX_BLOCKS, ""),
    )


def _texts(block: Mapping[str, Any]) -> Iterable[str]:
    """The texts of a block."""
    texts = [*([block["text"]] if "text" in block else ()), *block.get("fields", ()), *block.get("elements", ())]
    return [text["text"] for text in texts]


def _room(post: Post) -> int:
    """How much of the text there is room for beside the fields."""
    fields = sum(min(len(f.title) + len(f.value), _field_runes(post)) for f in post.fields[:_MAX_FIELDS])
    return max(CUT_TEXT_RUNES, MAX_RUNES - fields - _MAX_TITLE_RUNES - _MAX_FOOTER_RUNES)


def _field_runes(post: Post) -> int:
    """How long each field may be."""
    return min(_MAX_FIELD_RUNES, _ALL_FIELDS_RUNES // max(1, min(len(post.fields), _MAX_FIELDS)))


def _headline(post: Post) -> str:
    title = write(read_line(_cut(post.title, _MAX_TITLE_RUNES)), _MRKDWN).strip()
    if post.url and title:
        return _MRKDWN.bold(_link(title, post.url))
    return _MRKDWN.bold(title) if title else (_link(post.url, post.url) if post.url else "")


def _details(post: Post, course: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = list(_field_blocks(post.fields[:_MAX_FIELDS], _field_runes(post)))
    if footer := " · ".join(part for part in (course, mrkdwn(post.footer)) if part):
        blocks.append({"type": "context", "elements": [_text(_cut(footer, _MAX_FOOTER_RUNES))]})
    return blocks


def _field_blocks(fields: Iterable[Field], runes: int) -> Iterable[dict[str, Any]]:
    """Short fields side by side, ten to a section; a long one in a section of its own."""
    row: list[dict[str, Any]] = []
    for field in fields:
        title = write(read_line(field.title), _MRKDWN)
        drawn = _text(cut_text(f"{_MRKDWN.bold(title)}\n{mrkdwn(field.value)}", runes))
        if row and (not field.short or len(row) == _FIELDS_PER_BLOCK):
            yield {"type": "section", "fields": row}
            row = []
        if field.short:
            row.append(drawn)
        else:
            yield {"type": "section", "text": drawn}
    if row:
        yield {"type": "section", "fields": row}


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(part for part in split_text(text, MAX_SECTION_RUNES) if part.strip())


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, Any]:
    # Verbatim: Slack makes no links and mentions of words by itself; ours are written out.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _notice(post: Post) -> str:
    return _cut(plain(post.title or post.text).strip().split("\n", 1)[0] or "(no text)", _MAX_NOTICE_RUNES)


def _cut(text: str, runes: int) -> str:
    return text if len(text) <= runes else text[: runes - 1] + "…"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_text(text: str) -> str:
    return _mention(_MARK.sub(lambda match: "\u200b".join(("", *match[0], "")), _escape(text)))


def _mention(escaped: str) -> str:
    return _MENTION.sub(lambda match: f"<!{_RANGES[match[1]]}>", escaped)


def _link(text: str, url: str) -> str:
    target = _escape(url.strip()).replace("|", "%7C").replace(" ", "%20").replace("&lt;", "%3C").replace("&gt;", "%3E")
    return f"<{target}>" if text in (url, _escape(url), _escape_text(url)) else f"<{target}|{text.replace('|', '¦')}>"


def _code(text: str) -> str:
    return f"`{_escape(text).replace('`', 'ˋ')}`"


def _block(text: str) -> str:
    return "```\n" + _escape(text).replace("```", "``\u200b`") + "\n```"


_MRKDWN: Final = Dialect(
    plain=_escape_text,
    bold=lambda text: f"*{text}*",
    italic=lambda text: f"_{text}_",
    struck=lambda text: f"~{text}~",
    code=_code,
    link=_link,
    block=_block,
)
