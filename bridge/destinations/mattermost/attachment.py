"""How Mattermost is shown a post: the summary as text, details as one attachment (destinations.md 2.1).

What stands in ``text`` can be searched and is shown by phones; what stands in an attachment is not. So the attachment
holds fields, footer and colour, and the text itself only when there is nothing else to have that colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from bridge.destinations.base import PartSize
from bridge.destinations.kit.colors import color_of, own_color
from rules.model import Field, Post
from rules.rendering.split import cut_text

MAX_TEXT_RUNES: Final = 16_383  # MaxPostSize; a longer text the server would split, and repeat parts on a retry
DECIDED_TEXT_RUNES: Final = 15_500  # what rules may fill: the rest is for the headline, the mention and a note
CUT_TEXT_RUNES: Final = 4_000
MAX_REQUEST_BYTES: Final = 300_000  # MaximumPayloadSizeBytes
MAX_FIELDS: Final = 50
_SMALL_PROPS_RUNES: Final = 6_500  # of 7,600 through a webhook and 8,000 over REST
MAX_TITLE_RUNES: Final = 300
_MAX_FIELD_RUNES: Final = 2_000
_MAX_FOOTER_RUNES: Final = 300
_MAX_LINK_RUNES: Final = 1_000
_DRAWS_IN: Final = re.compile(r" {0,3}(?:[>*+-]|\d{1,9}[.)]| {4}|\t)")
_PRIORITY_WORDS: Final[Mapping[str, str]] = {"urgent": "urgent", "important": "important", "critical": "urgent"}


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of a post its props hold: fields (else they are lines of its text), buttons, and how much of a card.

    ``text`` says that a coloured text may stand in the attachment, for its bar; else it stands above.
    """

    fields: bool = True
    text: bool = True
    buttons: bool = True
    card_runes: int = MAX_REQUEST_BYTES


FULL: Final = Shape()
SMALLER: Final = (
    Shape(fields=False),
    Shape(fields=False, text=False),
    Shape(fields=False, text=False, card_runes=2_000),
    Shape(fields=False, text=False, card_runes=500),
    Shape(fields=False, text=False, buttons=False, card_runes=500),
)
"""What is tried where the full shape is too much, before a post is cut to its text: the first that fits."""


def draw_attachment(
    post: Post, phase: str, *, course: str = "", shape: Shape = FULL
) -> tuple[str, dict[str, Any] | None]:
    """The text, and the attachment when there are details; ``course`` is what an update says of its incident."""
    shown = post if shape.fields else replace(post, fields=())
    details = _attachment(shown, phase, course)
    if details is not None and "text" in details and not (shape.text and is_small(details)):
        details = None  # a webhook of servers 5 leaves out what is too long for an attachment, and says nothing
    text = post_text(shown, with_text=details is None or details.get("text") != post.text)
    return text if shape.fields else "\n".join([text, *_lines_of(post.fields)]), details


def is_small(props: Mapping[str, Any]) -> bool:
    """Whether servers 5 take a post with such props. They count ``<`` as six, and add names and words of their own."""
    written = msgspec.json.encode(props).decode()
    return len(written) + 5 * sum(written.count(mark) for mark in "<>&\u2028\u2029") <= _SMALL_PROPS_RUNES


def shapes_of(form: str) -> Sequence[Shape]:
    """The shapes to try for a form, the fullest first; after the last one a post is cut."""
    match form:
        case "cut":
            return ()
        case "":
            return (FULL,)
        case "small":
            return SMALLER
        case _:
            return (FULL, *SMALLER)


def fits(form: str, body: Mapping[str, Any], props: Mapping[str, Any]) -> bool:
    """Whether a body of this form will be taken, as far as its size goes."""
    return not is_too_large(body) and (not form or is_small(props))


def strip_nul(given: Any) -> Any:
    """A body without U+0000 in any of its texts: databases refuse it, and the whole post with it."""
    if isinstance(given, str):
        return given.replace("\0", "")
    if isinstance(given, Mapping):
        return {name: strip_nul(value) for name, value in given.items()}
    return [strip_nul(each) for each in given] if isinstance(given, list | tuple) else given


def post_text(post: Post, *, with_text: bool = True) -> str:
    """The mention, the title with its link, and the text, one below the other."""
    title, link = post.title.strip(), _link(post.url)
    if title and link:
        headline = f"**[{title}]({link})**"
    elif title:
        headline = f"**{title}**"
    else:
        headline = ""
    lines = [post.mention, headline, post.text if with_text else ""]
    if link and not title:
        lines.append(f"[{link}]({link})")
    return "\n".join(line for line in lines if line)


def post_priority(post: Post) -> Mapping[str, Any] | None:
    """What the send asks for as ``priority``, as the server takes it; None when it is an ordinary post."""
    asked = post.overrides.get("priority")
    if isinstance(asked, Mapping):
        return asked
    word = _PRIORITY_WORDS.get(str(asked).strip().lower())
    return {"priority": word} if word else None


def channel_name(value: object) -> str:
    """A channel as people write it (``#ops``, ``~ops``, ``ops``) as the server knows it."""
    return str(value).strip().removeprefix("#").removeprefix("~")


def is_wanted(value: object) -> bool:
    """Whether a send's override says yes; a template in it gives text."""
    return value is True or str(value).strip().lower() in ("true", "yes", "1")


def shorten_to(text: str, runes: int) -> str:
    """The text if it has at most ``runes`` characters, else its beginning and an ellipsis in as many."""
    return text if len(text) <= runes else text[: runes - 1] + "…"


def sizes_of(text: str, body: Mapping[str, Any]) -> tuple[PartSize, ...]:
    """How large a text and the whole request are, beside what the server takes."""
    request = PartSize("request", len(msgspec.json.encode(body)), MAX_REQUEST_BYTES, "bytes")
    return PartSize("text", len(text), MAX_TEXT_RUNES), request


def is_too_large(body: Mapping[str, Any]) -> bool:
    """Whether servers do not take so large a request: some answer it, others break the connection off."""
    return len(msgspec.json.encode(body)) > MAX_REQUEST_BYTES


def append_remarks(text: str, remarks: Sequence[str], most_runes: int = MAX_TEXT_RUNES) -> str:
    """The text with what people did about it below, each on a line of its own and never cut off.

    Together they have at most ``most_runes``. A code block that is cut is closed, and what would draw a remark into
    itself (a list, a quote, a table) is left an empty line.
    """
    below = "".join(f"\n_{remark}_" for remark in remarks)
    last = text.rpartition("\n")[2]
    if below and ("|" in last or _DRAWS_IN.match(last)):
        below = f"\n{below}"
    return cut_text(text, most_runes - len(below), "…") + below


def _attachment(post: Post, phase: str, course: str) -> dict[str, Any] | None:
    drawn: dict[str, Any] = {}
    if post.fields:
        drawn["fields"] = [
            # Texts, never numbers: the server would show a million as 1e+06.
            {
                "title": shorten_to(str(f.title), MAX_TITLE_RUNES),
                "value": shorten_to(str(f.value), _MAX_FIELD_RUNES),
                "short": f.short,
            }
            for f in post.fields[:MAX_FIELDS]
        ]
    if footer := " · ".join(part for part in (course, post.footer) if part):
        drawn["footer"] = shorten_to(footer, _MAX_FOOTER_RUNES)
    color = color_of(post, phase) if drawn else own_color(post)
    if color and not drawn:
        drawn["text"] = post.text
    if not drawn:
        return None
    drawn["fallback"] = shorten_to(post.title or post.text, MAX_TITLE_RUNES)
    if color:
        drawn["color"] = color
    return drawn


def _lines_of(fields: Sequence[Field]) -> Iterator[str]:
    for field in fields[:MAX_FIELDS]:
        value = shorten_to(str(field.value), _MAX_FIELD_RUNES)
        yield f"**{shorten_to(str(field.title), MAX_TITLE_RUNES)}**:" + ("\n" if "\n" in value else " ") + value


def _link(url: str) -> str:
    return "" if len(url) > _MAX_LINK_RUNES else url.strip().replace(" ", "%20").replace(")", "%29")
