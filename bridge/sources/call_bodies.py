"""What HTTP says about a body is honoured: packed ones are unpacked, other charsets become UTF-8, forms become JSON.

Signatures are checked before, over the bytes as they came.
"""

from __future__ import annotations

import codecs
import email
import email.message
import email.policy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from bridge.core.packed_bodies import BodyTooLarge as BodyTooLarge
from bridge.core.packed_bodies import DamagedBody, UnknownCoding, decompress
from rules.events.forms import carries_json, read_fields, value_of_fields

FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
_TEXTS: Final = frozenset({FORM, "application/json", "application/xml", "application/javascript"})
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SHOWN_FILE_BYTES: Final = 64 * 1024


class BadPayload(ValueError):
    """The body is not what this source takes; the text says why."""


class Unsupported(ValueError):
    """The body is packed or written in a way that nobody here can read; the text names it."""


def content_type_of(headers: Mapping[str, str]) -> str:
    """The content type in lower case, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def decode_body(headers: Mapping[str, str], body: bytes, longest_bytes: int, *, as_form: bool, as_json: bool) -> bytes:
    """The body as rules can read it: unpacked, in UTF-8 without a mark, and a form that carries JSON as that JSON.

    ``as_form`` makes every form JSON, ``as_json`` is for sources that take nothing else. Raises BadPayload, Unsupported
    and BodyTooLarge.
    """
    body = _unpack(headers, body, longest_bytes)
    kind = content_type_of(headers)
    if kind == MULTIPART:
        return _multipart(headers["content-type"], body)
    if as_json or kind in _TEXTS or kind.startswith("text/") or kind.endswith(("+json", "+xml")):
        body = _in_utf8(headers, body, is_json=as_json or kind.endswith("json"))
    elif not kind:
        body = _without_mark(body)
    return _form(body, whole=as_form) if kind == FORM or as_form else body


def _unpack(headers: Mapping[str, str], body: bytes, longest_bytes: int) -> bytes:
    try:
        return decompress(body, headers.get("content-encoding", ""), longest_bytes)
    except UnknownCoding as unknown:
        raise Unsupported(str(unknown)) from unknown
    except DamagedBody as damaged:
        raise BadPayload(str(damaged)) from damaged


def _in_utf8(headers: Mapping[str, str], body: bytes, *, is_json: bool) -> bytes:
    """A text in UTF-8. Without a charset it is UTF-8, else what many old senders mean without saying it."""
    marked = _without_mark(body)
    if marked is not body:
        return marked
    charset = _parameter(headers["content-type"], "charset") if "content-type" in headers else ""
    if not charset and is_json:
        charset = json.detect_encoding(body)
    name = _codec(charset or "utf-8")
    if name in ("utf-8", "ascii"):
        return body if _is_utf8(body) else body.decode("cp1252", "replace").encode()
    try:
        return body.decode(name).encode("utf-8", "replace")
    except UnicodeDecodeError as error:
        raise BadPayload(f"the body is not {name}: {error.reason} at byte {error.start}") from None


def _codec(charset: str) -> str:
    try:
        "".encode(charset)  # raises for what is known and no charset, too
        return codecs.lookup(charset).name
    except (LookupError, ValueError):
        raise Unsupported(f"charset {charset[:40]!r} is not known; send UTF-8") from None


def _without_mark(body: bytes) -> bytes:
    """A text that begins with a byte order mark, in UTF-8 without it; every other body as it is."""
    for mark, charset in _BOMS:
        if body.startswith(mark):
            try:
                return (
                    body.removeprefix(mark) if charset == "utf-8" else body.decode(charset).encode("utf-8", "replace")
                )
            except UnicodeDecodeError:
                return body
    return body


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _form(body: bytes, *, whole: bool) -> bytes:
    """A form that carries JSON is that JSON; with ``whole`` every form becomes JSON. Others stay as they came.

    JSON that only calls itself a form (curl's habit) stays JSON.
    """
    if body.lstrip()[:1] in (b"{", b"["):
        return body
    try:
        fields = read_fields(body.decode("utf-8", "replace"))
    except ValueError as error:
        if whole:
            raise BadPayload(f"the body is no form: {error}") from None
        return body
    return msgspec.json.encode(value_of_fields(fields)) if whole or carries_json(fields) else body


def _multipart(content_type: str, body: bytes) -> bytes:
    """The fields of a multipart form as JSON; files are named, and shown when they are short texts."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parsed = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    if not parsed.is_multipart():
        raise BadPayload("the body is not the multipart form that its Content-Type says")
    fields = dict.fromkeys(name for name, _ in _fields(parsed))
    value = value_of_fields(_fields(parsed))
    if len(fields) == 1 and isinstance(value, dict):
        only = next(iter(value.values()))
        value = only if isinstance(only, dict) and "filename" not in only else value
    return msgspec.json.encode(value)


def _fields(parsed: email.message.EmailMessage) -> Iterator[tuple[str, Any]]:
    for part in parsed.iter_parts():
        name = part.get_param("name", "", header="content-disposition")
        content = part.get_payload(decode=True) or b""
        if not isinstance(content, bytes):
            continue
        text = content.decode("utf-8", "replace")
        if part.get_filename() is None:
            yield str(name), text
            continue
        about: dict[str, Any] = {"filename": part.get_filename(), "content_type": part.get_content_type()}
        about["bytes"] = len(content)
        if len(content) <= _SHOWN_FILE_BYTES and _is_utf8(content):
            about["content"] = text
        yield str(name), about


def _parameter(content_type: str, name: str) -> str:
    message = email.message.Message()
    message["content-type"] = content_type
    value = message.get_param(name, "")
    return value.strip().lower() if isinstance(value, str) else ""
