"""How Discord is shown a post: plain text as the message, everything more as one embed (destinations.md 2.10).

Nobody is pinged but whom the rule's ``mention`` names: ``<@user id>``, ``<@&role id>``, ``@here``, ``@everyone``. With
one of the last two the message holds the mention alone, and the text stands in the embed, where nothing pings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from bridge.core.emoji import replace_emoji_names
from bridge.destinations.base import Parcel, PartSize
from bridge.destinations.kit.colors import color_of
from bridge.destinations.kit.plain_text import Dialect, plain, read_blocks, read_line, write
from rules.model import Post
from rules.rendering.split import cut_text

DECIDED_TEXT_RUNES: Final = 3_500  # escapes take the rest
MAX_CONTENT_RUNES: Final = 2_000
_MAX_DESCRIPTION_RUNES: Final = 4_096
_MAX_EMBED_RUNES: Final = 6_000
_MAX_TITLE_RUNES: Final = 256
_MAX_FIELDS: Final = 25
_MAX_NAME_RUNES: Final = 256
_MAX_VALUE_RUNES: Final = 1_024
_ALL_FIELDS_RUNES: Final = 3_000
_MAX_FOOTER_RUNES: Final = 500
_MAX_LINK_RUNES: Final = 2_000
_PLAIN_RUNES: Final = 1_800
_NOTHING: Final = "\u200b"  # Discord refuses empty names and values

_USER: Final = re.compile(r"<@!?(\d{5,25})>")
_ROLE: Final = re.compile(r"<@&(\d{5,25})>")
_EVERYONE: Final = frozenset({"@everyone", "@here"})
_MARK: Final = re.compile(r"[\\*_~`|<\[\]]")
_LINE_START: Final = re.compile(r"^(\s*)([-+#>]|\d+(?=\.))", re.MULTILINE)

_NO_TEXT: Final = "(no text)"  # Discord refuses an empty message


def draw(parcel: Parcel, *, course: str = "") -> dict[str, Any]:
    """The message as Discord takes it: ``content``, ``embeds`` and ``allowed_mentions``.

    Pure. The form ``plain`` is short text alone.
    """
    post = parcel.post
    mention = post.mention.strip()
    text = discord_text(post.text)
    if parcel.form == "plain":
        words = "\n".join(part for part in (mention, _title(post), text) if part)
        return {
            "content": cut_text(words, _PLAIN_RUNES) or _NO_TEXT,
            "embeds": [],
            "allowed_mentions": _allow(mention, plain=True),
        }
    alone = not (post.title or post.url or post.fields or post.footer or course or color_of(post, parcel.phase))
    content = "\n".join(part for part in (mention, text) if part)
    if alone and len(content) <= MAX_CONTENT_RUNES and not _EVERYONE & set(mention.split()):
        return {"content": content or _NO_TEXT, "embeds": [], "allowed_mentions": _allow(mention, plain=True)}
    embed = _embed(parcel, text, course)
    content = mention[:MAX_CONTENT_RUNES]
    return {"content": content, "embeds": [embed], "allowed_mentions": _allow(mention, plain=False)}


def discord_text(markdown: str) -> str:
    """A text in Discord's Markdown."""
    return write(read_blocks(replace_emoji_names(markdown)), _DISCORD)


def remarks_of(parcel: Parcel) -> list[str]:
    """What would be cut, for a preview."""
    post = parcel.post
    remarks = []
    if len(post.fields) > _MAX_FIELDS:
        remarks.append(f"{len(post.fields)} fields: the first {_MAX_FIELDS} are sent")
    drawn = draw(parcel)
    shown = drawn["embeds"][0].get("description", "") if drawn["embeds"] else drawn["content"]
    if len(shown) < len(discord_text(post.text)):
        remarks.append(f"the text is cut to {len(shown)} characters")
    return remarks


def sizes_of(drawn: Mapping[str, Any]) -> tuple[PartSize, ...]:
    """How large a drawn message is, beside what Discord takes."""
    sizes = [PartSize("content", len(drawn["content"]), MAX_CONTENT_RUNES)]
    for embed in drawn["embeds"]:
        fields = embed.get("fields", ())
        texts = [embed.get("title", ""), embed.get("description", ""), embed.get("footer", {}).get("text", "")]
        texts += [text for each in fields for text in (each["name"], each["value"])]
        sizes.append(PartSize("description", len(embed.get("description", "")), _MAX_DESCRIPTION_RUNES))
        sizes.append(PartSize("embed", sum(map(len, texts)), _MAX_EMBED_RUNES))
        sizes.append(PartSize("fields", len(fields), _MAX_FIELDS, ""))
    return tuple(sizes)


def _embed(parcel: Parcel, text: str, course: str) -> dict[str, Any]:
    post = parcel.post
    fields = _fields(post)
    footer = _cut(
        " · ".join(part for part in (course, plain(replace_emoji_names(post.footer))) if part), _MAX_FOOTER_RUNES
    )
    title = _cut(_title(post), _MAX_TITLE_RUNES)
    taken = len(title) + len(footer) + sum(len(each["name"]) + len(each["value"]) for each in fields)
    embed: dict[str, Any] = {}
    if title:
        embed["title"] = title
    if post.url.startswith(("http://", "https://")) and len(post.url) <= _MAX_LINK_RUNES:
        embed["url"] = post.url.strip().replace(" ", "%20")
        embed.setdefault("title", _cut(embed["url"], _MAX_TITLE_RUNES))
    if text:
        embed["description"] = cut_text(text, min(_MAX_DESCRIPTION_RUNES, _MAX_EMBED_RUNES - _MAX_TITLE_RUNES - taken))
    if fields:
        embed["fields"] = fields
    if footer:
        embed["footer"] = {"text": footer}
    color = color_of(post, parcel.phase)
    if color:
        embed["color"] = int(color[1:], 16)
    return embed


def _fields(post: Post) -> list[dict[str, Any]]:
    runes = min(_MAX_VALUE_RUNES, _ALL_FIELDS_RUNES // max(1, min(len(post.fields), _MAX_FIELDS)))
    fields = []
    for field in post.fields[:_MAX_FIELDS]:
        name = _cut(write(read_line(replace_emoji_names(field.title)), _DISCORD), min(_MAX_NAME_RUNES, runes // 2))
        value = cut_text(discord_text(field.value), runes - len(name))
        fields.append({"name": name or _NOTHING, "value": value or _NOTHING, "inline": field.short})
    return fields


def _allow(mention: str, *, plain: bool) -> dict[str, Any]:
    """Who may be pinged. ``@here`` and ``@everyone`` only beside an embed, when the message is the mention alone."""
    allowed: dict[str, Any] = {"parse": []}
    if not plain and _EVERYONE & set(mention.split()):
        allowed["parse"] = ["everyone"]
    if users := _USER.findall(mention):
        allowed["users"] = users
    if roles := _ROLE.findall(mention):
        allowed["roles"] = roles
    return allowed


def _title(post: Post) -> str:
    return write(read_line(replace_emoji_names(post.title)), _DISCORD).strip()


def _cut(text: str, runes: int) -> str:
    return text if len(text) <= runes else text[: runes - 1] + "…"


def _escape(text: str) -> str:
    text = _MARK.sub(r"\\\g<0>", text)
    return _LINE_START.sub(lambda match: f"{match[1]}\\{match[2]}" if not match[2].isdigit() else _number(match), text)


def _number(match: re.Match[str]) -> str:
    return f"{match[1]}\u200b{match[2]}"


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _link(text: str, url: str) -> str:
    target = url.replace(")", "%29").replace(" ", "%20")
    return target if text in (url, _escape(url)) else f"[{text}]({target})"


def _block(text: str) -> str:
    return "```\n" + text.replace("```", "``\u200b`") + "\n```"


_DISCORD: Final = Dialect(
    plain=_escape,
    bold=lambda text: f"**{text}**",
    italic=lambda text: f"*{text}*",
    struck=lambda text: f"~~{text}~~",
    code=_code,
    link=_link,
    block=_block,
    bullet="-",
)
