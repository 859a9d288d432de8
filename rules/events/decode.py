"""A payload as it came, to the value that rules see.

A spec is read from left to right, as the payload is unpacked: ``gzip+json`` is JSON within gzip. Its words are

- ``base64``, ``gzip``: wrappings, in any number;
- ``smime``, ``smime:FOLDER``: a clear-signed mail (smime.py), behind them; the value is then ``signer``, ``valid``,
  ``why`` and what the next word says of the text;
- ``json``, ``text``, ``form``, ``records``, ``avro:NAME``: what is inside, as the last word; without it JSON if it is,
  else text;
- ``auto``, alone: base64 if it is, then JSON if it is, else text.

A payload is a text: on an AMS wire, ``data`` is nearly always base64 of what the publisher meant. So where a word needs
bytes (``gzip``, ``avro``), base64 is taken off first without being named; and where JSON is asked for and the text
itself is none, it is tried as base64 of JSON. JSON that is not packed although ``gzip`` says so is taken as it is:
proxies unpack. ``form`` is ``name=value&...`` as browsers send it (forms.py). ``text`` alone is the payload exactly as
it came; ``base64+text`` is what it stands for.

``auto`` must not mistake a word for base64 (``file`` would read as ``~)^``). It takes base64 off only when the text is
canonical (alphabet, length and padding exact), is not one plain word or number (``host``, ``Host``, ``HOST``, ``12``),
and stands for JSON, or for UTF-8 text without control characters other than tab, line breaks and escape. All else is
left as it is.

Whatever cannot be decoded as declared is *undecodable*, with a reason. Nothing here raises, and nothing runs without
bound: 16 MiB after unpacking, 100 levels of nesting.
"""

from __future__ import annotations

import binascii
import re
import zlib
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from rules.events.decode_spec import AUTO as AUTO
from rules.events.decode_spec import DecodeSpec as DecodeSpec
from rules.events.decode_spec import read_spec as read_spec
from rules.events.forms import read_form

MAX_DECODED_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 100
_MAX_MEMBERS: Final = 100  # of a gzip file; each costs a copy of those behind it
_PLAIN_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+", re.ASCII)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_FAILED: Final = object()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded payload: its value, or why there is none.

    ``text`` is the payload as text, unpacked (for Avro, its JSON).

    When it could not be decoded as declared, ``undecodable`` says why; ``value`` and ``text`` are the payload itself.
    """

    value: Any
    text: str
    undecodable: str | None = None


class _Undecodable(Exception):
    """Carries the reason out of the steps."""


def decode(payload: str, spec: DecodeSpec = AUTO) -> Decoded:
    """What a payload stands for; never raises."""
    payload = _whole(payload)
    if spec.form == "auto":
        return _guess(payload)
    try:
        return _unpack(payload, spec)
    except _Undecodable as reason:
        return Decoded(payload, payload, str(reason))


def _guess(payload: str) -> Decoded:
    content = _canonical_base64(payload)
    text = None if content is None else _utf8(content)
    if text is not None:
        value = _json_or_failed(text)
        if value is not _FAILED:
            return Decoded(value, text)
        if not _CONTROL.search(text):
            return Decoded(text, text)
    value = _json_or_failed(payload)
    return Decoded(payload if value is _FAILED else value, payload)


def _unpack(payload: str, spec: DecodeSpec) -> Decoded:
    content: str | bytes = payload
    for wrapping in spec.wrappings:
        content = _off_base64(content) if wrapping == "base64" else _off_gzip(_as_bytes(content, "gzip"))
    if spec.is_signed:
        return _decode_signed(content if isinstance(content, bytes) else _mail_of(content), spec)
    if spec.form == "avro":
        return _avro(_as_bytes(content, "Avro"), spec.schema)
    if spec.form == "json" and isinstance(content, str):
        return _json_or_base64_of_it(content)
    if (spec.form == "form" and isinstance(content, str) and "=" not in content.strip().rstrip("=")) or (
        spec.form == "records" and isinstance(content, str) and _canonical_base64(content) is not None
    ):
        content = _off_base64(content)
    text = content if isinstance(content, str) else _utf8(content)
    if text is None:
        raise _Undecodable("not UTF-8 text")
    if spec.form == "text":
        return Decoded(text, text)
    if spec.form == "json":
        return Decoded(_json(text), text)
    if spec.form == "form":
        return Decoded(_form(text), text)
    if spec.form == "records":
        return Decoded(_records(text, spec), text)
    value = _json_or_failed(text)
    return Decoded(text if value is _FAILED else value, text)


def _json_or_base64_of_it(payload: str) -> Decoded:
    value = _json_or_failed(payload)
    if value is not _FAILED:
        return Decoded(value, payload)
    try:
        text = _utf8(_off_base64(payload))
    except _Undecodable:
        text = None
    if not text:
        return Decoded(_json(payload), payload)  # raises, with what is wrong with the text itself
    return Decoded(_json(text), text)


def _mail_of(content: str) -> bytes:
    """The bytes of a mail, which comes as it is or as base64."""
    return content.encode() if ":" in content else _off_base64(content)


def _decode_signed(mail: bytes, spec: DecodeSpec) -> Decoded:
    """A clear-signed mail: who signed it, whether that holds, and what is inside."""
    from rules.events.smime import read_signed

    try:
        signed_text = read_signed(mail, spec.authorities)
    except ValueError as error:
        raise _Undecodable(str(error)) from None
    value = {"signer": signed_text.signer, "valid": not signed_text.why_not, "why": signed_text.why_not}
    match spec.form:
        case "records":
            value |= _records(signed_text.text, spec)
        case "json":
            value["data"] = _json(signed_text.text)
        case "form":
            value["data"] = _form(signed_text.text)
        case _:
            value["text"] = signed_text.text
    return Decoded(value, signed_text.text)


def _records(text: str, spec: DecodeSpec) -> Any:
    from rules.events.record_texts import SEPARATOR, read_records

    try:
        return read_records(text, spec.separator or SEPARATOR)
    except ValueError as error:
        raise _Undecodable(str(error)) from None


def _form(text: str) -> Any:
    try:
        return read_form(text)
    except ValueError as error:
        raise _Undecodable(f"not a form: {error}") from None


def _avro(content: bytes, schema: Any) -> Decoded:
    from rules.events.avro import read_avro

    try:
        value = read_avro(content, schema)
    except ValueError as error:
        raise _Undecodable(str(error)) from None
    return Decoded(value, msgspec.json.encode(value).decode("utf-8"))


# --- wrappings --------------------------------------------------------------------------------------


def _as_bytes(content: str | bytes, needed_by: str) -> bytes:
    if isinstance(content, bytes):
        return content
    try:
        return _off_base64(content)
    except _Undecodable as reason:
        raise _Undecodable(f"{reason}, in which {needed_by} comes in a text") from None


def _off_base64(content: str | bytes) -> bytes:
    """Bytes of base64, wrapped lines, the URL alphabet and missing padding allowed."""
    text = content.decode("ascii", "replace") if isinstance(content, bytes) else content
    text = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise _Undecodable("not base64") from None


def _off_gzip(content: bytes) -> bytes:
    """The content of all members of a gzip file, at most 16 MiB."""
    if not content:
        raise _Undecodable("not gzip: it is empty")
    if content.lstrip().startswith((b"{", b"[")) and _json_or_failed(content.decode("utf-8", "replace")) is not _FAILED:
        return content
    unpacked = bytearray()
    members = 0
    while content:
        members += 1
        if members > _MAX_MEMBERS:
            raise _Undecodable(f"gzip of more than {_MAX_MEMBERS} members")
        member = zlib.decompressobj(wbits=31)
        try:
            unpacked += member.decompress(content, MAX_DECODED_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise _Undecodable(f"not gzip: {str(error).partition(': ')[2] or error}") from None
        if len(unpacked) > MAX_DECODED_BYTES:
            raise _Undecodable(f"larger than {MAX_DECODED_BYTES >> 20} MiB when unpacked")
        if not member.eof:
            raise _Undecodable("not gzip: it ends too early")
        content = member.unused_data.lstrip(b"\0")
    return bytes(unpacked)


def _canonical_base64(text: str) -> bytes | None:
    """The bytes that ``auto`` believes a text stands for, or None (see the top of this file)."""
    text = text.strip()
    if "\n" in text:
        text = text.replace("\r", "").replace("\n", "")
    if not text or len(text) % 4 or not text.isascii() or _PLAIN_WORD.fullmatch(text):
        return None
    try:
        content = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    return content if binascii.b2a_base64(content, newline=False).decode("ascii") == text else None


# --- texts ------------------------------------------------------------------------------------------


def _utf8(content: bytes) -> str | None:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _json_or_failed(text: str) -> Any:
    try:
        return _json(text)
    except _Undecodable:
        return _FAILED


def _json(text: str) -> Any:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise _Undecodable("not JSON: it is empty")
    try:
        value = _parse(text)
    except RecursionError:
        raise _Undecodable(f"nested deeper than {MAX_DEPTH} levels") from None
    except (msgspec.MsgspecError, ValueError) as error:
        given = str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", "it ends too early")
        unlike = " (NaN and Infinity are no JSON)" if "NaN" in text or "Infinity" in text else ""
        raise _Undecodable(f"not JSON: {given[:1].lower()}{given[1:]}{unlike}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise _Undecodable(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _parse(text: str) -> Any:
    """The value of JSON text; half a surrogate pair in it, which some senders write, is U+FFFD."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        whole = text if "\\u" not in text else _ESCAPE.sub(lambda match: "\\ufffd" if match["half"] else match[0], text)
        if whole == text:
            raise
        return msgspec.json.decode(whole)


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        members = [container.values() if isinstance(container, dict) else container for container in level]
        level = [member for several in members for member in several if isinstance(member, dict | list)]
        if not level:
            return False
    return True


def _whole(text: str) -> str:
    """The text with halves of surrogate pairs replaced, as no UTF-8 can hold them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
