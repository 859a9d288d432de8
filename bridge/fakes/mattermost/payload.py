"""What an incoming webhook is sent, read as leniently as the server reads it.

Names match whatever their case, unknown ones are ignored, null is as good as absent, text after the JSON value is
ignored, and when the JSON is broken the server escapes raw newlines and tabs in a few well-known texts and reads it
again. A wrong type is an error: ``"text": 5`` is refused.
"""

from __future__ import annotations

import json
import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, NoReturn
from urllib.parse import parse_qs

import msgspec

from bridge.fakes.exchange import Request
from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.settings import Settings


class Integration(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Where a button calls, and what it passes on."""

    url: str | None = None
    context: dict[str, Any] | None = None


class Action(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A button or a menu of an attachment."""

    id: str | None = None
    type: str | None = None
    name: str | None = None
    disabled: bool | None = None
    style: str | None = None
    tooltip: str | None = None
    data_source: str | None = None
    options: list[dict[str, Any]] | None = None
    default_option: str | None = None
    integration: Integration | None = None


class Field(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A field of an attachment; its value becomes a text."""

    title: str | None = None
    value: Any = None
    short: bool | str | None = None


class Attachment(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An attachment of a payload, with its fields and actions."""

    id: int | None = None
    fallback: str | None = None
    color: str | None = None
    pretext: str | None = None
    author_name: str | None = None
    author_link: str | None = None
    author_icon: str | None = None
    title: str | None = None
    title_link: str | None = None
    text: str | None = None
    fields: list[Field | None] | None = None
    image_url: str | None = None
    thumb_url: str | None = None
    footer: str | None = None
    footer_icon: str | None = None
    ts: Any = None
    actions: list[Action | None] | None = None


class PriorityAsked(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The priority a post asks for."""

    priority: str | None = None
    requested_ack: bool | None = None
    persistent_notifications: bool | None = None


class Payload(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an incoming webhook."""

    text: str | None = None
    username: str | None = None
    icon_url: str | None = None
    icon_emoji: str | None = None
    channel: str | None = None
    props: dict[str, Any] | None = None
    attachments: list[Attachment | None] | None = None
    type: str | None = None
    priority: PriorityAsked | None = None
    root_id: str | None = None
    silent: bool | None = None


_NESTED: dict[type, dict[str, type]] = {
    Payload: {"attachments": Attachment, "priority": PriorityAsked},
    Attachment: {"fields": Field, "actions": Action},
    Action: {"integration": Integration},
}
_FORM_NAMES = {
    "text": "text",
    "username": "username",
    "iconurl": "icon_url",
    "channelname": "channel",
    "type": "type",
    "iconemoji": "icon_emoji",
}
_ESCAPED_TEXTS = re.compile(r'"(?:text|fallback|pretext|author_name|title|value)"\s*:\s*"(?:\\"|[^"])*"')
_decode_fast = msgspec.json.Decoder(Payload).decode


def read_payload(request: Request, media_type: str, settings: Settings) -> Payload:
    """The payload of a hook request: JSON unless the content type says form or multipart. Raises AppError."""
    unknown = frozenset() if settings.knows_priority else frozenset({"priority"})
    if media_type == "application/x-www-form-urlencoded":
        form = parse_qs(request.text, keep_blank_values=True)
        query = parse_qs(request.query, keep_blank_values=True)
        return payload_from_json((form.get("payload") or query.get("payload") or [""])[0].encode(), unknown)
    if media_type == "multipart/form-data":
        return _payload_from_parts(request)
    return payload_from_json(request.body, unknown)


def payload_from_json(body: bytes, unknown: frozenset[str] = frozenset()) -> Payload:
    """Read JSON as a server does to which some names are ``unknown``. Raises AppError."""
    try:
        return _decode_fast(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    text = body.decode("utf-8", "replace")
    for candidate in (text, _ESCAPED_TEXTS.sub(_escape_controls, text)):
        try:
            value, _ = json.JSONDecoder(parse_constant=_refuse).raw_decode(candidate.lstrip())
            if value is None:
                return Payload()
            folded = _fold(_without_surrogates(value), Payload)
            if isinstance(folded, dict):
                folded = {name: item for name, item in folded.items() if name not in unknown}
            return msgspec.convert(folded, Payload)
        except (ValueError, RecursionError):
            continue
    raise AppError("model.incoming_hook.parse_data.app_error", 400, detail="invalid JSON or a value of a wrong type")


def _escape_controls(match: re.Match[str]) -> str:
    return match.group().replace("\n", "\\n").replace("\t", "\\t")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _without_surrogates(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _fold(value: Any, kind: type) -> Any:
    """Lower the names that ``kind`` knows, drop those it does not, down to the nested kinds."""
    if isinstance(value, list):
        return [_fold(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    known = set(kind.__struct_fields__)  # type: ignore[attr-defined]
    nested = _NESTED.get(kind, {})
    folded = {name.lower(): item for name, item in value.items() if name.lower() in known}
    return {name: _fold(item, nested[name]) if name in nested else item for name, item in folded.items()}


def _payload_from_parts(request: Request) -> Payload:
    """Multipart names the payload's own fields (``text``, ``channelname``, ...); ``payload`` is not one of them."""
    head = f"content-type: {request.header('content-type')}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    if not message.is_multipart():
        raise AppError("web.incoming_webhook.parse_multipart.app_error", 400, hook_id=request.path.rpartition("/")[2])
    payload = Payload()
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        known = _FORM_NAMES.get(str(name).lower())
        if known is None:
            raise AppError("model.incoming_hook.parse_data.app_error", 400, detail=f'invalid path "{name}"')
        content = part.get_payload(decode=True)
        setattr(payload, known, content.decode("utf-8", "replace") if isinstance(content, bytes) else "")
    return payload
