"""What the server changes in the texts of a webhook before it keeps them: Slack's ways of writing, and values."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bridge.fakes.mattermost.payload import Attachment

_TEXT_LINK = re.compile(r"<([^\n<|>]+)\|([^|\n>]+)>")
_ATTACHMENT_LINK = re.compile(r"<([^<|]+)\|([^>]+)>")
_USER_ID = re.compile(r"<@([a-zA-Z0-9]+)>")
_ANNOUNCEMENTS = {"<!channel>": "@channel", "<!here>": "@here", "<!all>": "@all"}

NameOf = Callable[[str], str | None]


def text_as_kept(text: str, name_of: NameOf) -> str:
    """A webhook's text with Slack's links, announcements and user ids rewritten; ``name_of`` knows user ids."""
    if "<" not in text:
        return text
    return _TEXT_LINK.sub(r"[\2](\1)", _slack_mentions(text, name_of))


def attachment_as_kept(attachment: Attachment, name_of: NameOf) -> Attachment:
    """The attachment with its texts rewritten, null fields dropped, and every field value made a text."""

    def kept(text: str | None) -> str | None:
        return text and _ATTACHMENT_LINK.sub(r"[\2](\1)", _slack_mentions(text, name_of))

    attachment.pretext = kept(attachment.pretext)
    attachment.text = kept(attachment.text)
    attachment.title = attachment.title and _slack_mentions(attachment.title, name_of)
    if attachment.fields is not None:
        fields = [field for field in attachment.fields if field is not None]
        for field in fields:
            field.value = None if field.value is None else kept(go_text(field.value))
        attachment.fields = list(fields)
    if attachment.actions is not None:
        attachment.actions = [action for action in attachment.actions if action is not None]
    return attachment


def go_text(value: Any) -> str:
    """A JSON value as the server writes it, which is Go's ``%v``: 1234567 becomes ``1.234567e+06``."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>"
        case int() | float():
            return _go_number(float(value))
        case list():
            return "[" + " ".join(go_text(item) for item in value) + "]"
        case dict():
            return "map[" + " ".join(f"{name}:{go_text(value[name])}" for name in sorted(value)) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} is not a JSON value")


def _go_number(number: float) -> str:
    exact = Decimal(repr(number)).normalize()
    power = exact.adjusted()
    if number == 0 or -4 <= power < 6:
        return f"{exact:f}"
    mantissa, _, _ = f"{exact:e}".partition("e")
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _slack_mentions(text: str, name_of: NameOf) -> str:
    for slack, ours in _ANNOUNCEMENTS.items():
        text = text.replace(slack, ours)
    return _USER_ID.sub(lambda found: f"@{name}" if (name := name_of(found.group(1))) else found.group(), text)
