"""What HTTP says about a body is honoured: packing, charset, marks and forms, each within a bound."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest

from bridge.sources.call_bodies import BadPayload, BodyTooLarge, Unsupported, decode_body

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
CALL = b'{"a": "\xc3\xbc"}'


def packed(content: bytes) -> bytes:
    """The same bytes at any time."""
    return gzip.compress(content, mtime=0)


def read(headers: dict[str, str], body: bytes, *, longest: int = 1_000, form: bool = False, json_only: bool = False):
    return decode_body(headers, body, longest, as_form=form, as_json=json_only)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", packed(CALL)),
        ("GZIP", packed(CALL)),
        ("x-gzip", packed(CALL)),
        ("deflate", zlib.compress(CALL)),
        ("deflate", zlib.compress(CALL)[2:-4]),
        ("identity", CALL),
        ("", CALL),
        ("gzip, gzip", packed(packed(CALL))),
    ],
)
def test_a_packed_body_is_unpacked(coding: str, body: bytes) -> None:
    assert read({**JSON, "content-encoding": coding}, body) == CALL


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "rot13"])
def test_a_packing_nobody_here_can_read_is_named(coding: str) -> None:
    with pytest.raises(Unsupported, match=f"Content-Encoding '{coding.split(', ')[-1]}'"):
        read({**JSON, "content-encoding": coding}, CALL)


@pytest.mark.parametrize("body", [b"no gzip at all", packed(CALL)[:-9]])
def test_a_damaged_packing_is_told(body: bytes) -> None:
    with pytest.raises(BadPayload, match="packed as gzip"):
        read({**JSON, "content-encoding": "gzip"}, body)


def test_a_small_body_that_unpacks_to_a_large_one_is_too_large() -> None:
    with pytest.raises(BodyTooLarge):
        read({"content-encoding": "gzip"}, packed(b"x" * 1_001))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"\xef\xbb\xbf" + CALL),
        ("application/json", CALL.decode().encode("utf-16")),
        ("application/json", CALL.decode().encode("utf-16-le")),
        ("application/json", CALL.decode().encode("utf-32")),
        ("application/json; charset=utf-16le", CALL.decode().encode("utf-16-le")),
        ("application/json; charset=ISO-8859-1", CALL.decode().encode("latin-1")),
        ('application/json; charset="iso-8859-15"', CALL.decode().encode("latin-1")),
        ("application/json; charset=UTF-8", CALL),
        ("application/json", CALL.decode().encode("latin-1")),
        ("application/cloudevents+json", b"\xef\xbb\xbf" + CALL),
        ("text/plain; charset=windows-1252", CALL.decode().encode("cp1252")),
        ("text/plain", b"\xef\xbb\xbf" + CALL),
        ("", b"\xef\xbb\xbf" + CALL),
    ],
)
def test_a_text_arrives_in_utf_8_without_a_mark(content_type: str, body: bytes) -> None:
    assert read({"content-type": content_type}, body) == CALL


@pytest.mark.parametrize("charset", ["klingon", "base64", "hex", "rot13", "\x00"])
def test_a_charset_that_is_not_known_is_named(charset: str) -> None:
    with pytest.raises(Unsupported, match="charset"):
        read({"content-type": f"text/plain; charset={charset}"}, CALL)


@pytest.mark.parametrize("content_type", ["application/octet-stream", "image/png", ""])
def test_what_is_no_text_stays_byte_for_byte(content_type: str) -> None:
    body = bytes(range(256))
    assert read({"content-type": content_type}, body) == body


@pytest.mark.parametrize("field", ["payload", "payload_json"])
def test_a_form_that_carries_json_is_that_json(field: str) -> None:
    body = f"token=x&{field}={quote_plus(json.dumps({'text': 'disk full; see runbook'}))}".encode()
    assert json.loads(read(FORM, body)) == {"text": "disk full; see runbook"}


@pytest.mark.parametrize("body", [b"a=1&b=2", b"payload=only+text", b'{"a": "b=c"}', b'[{"a": "="}]', b"text", b""])
def test_other_forms_and_what_only_calls_itself_one_stay_as_they_came(body: bytes) -> None:
    assert read(FORM, body) == body


def test_every_form_is_json_where_the_source_says_so() -> None:
    body = urlencode([("host", "h1"), ("tag", "a"), ("tag", "b"), ("more", '{"n": 1}'), ("empty", "")]).encode()
    said = {"host": "h1", "tag": ["a", "b"], "more": {"n": 1}, "empty": ""}
    assert json.loads(read({}, body, form=True)) == said


def test_a_body_that_is_no_form_is_told_where_one_is_wanted() -> None:
    with pytest.raises(BadPayload, match="no form"):
        read({}, b"nothing of the kind", form=True)


def multipart(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(b"--X\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + b"--X--\r\n"


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        ([('Content-Disposition: form-data; name="data"', b'{"a": 1}')], {"a": 1}),
        ([('Content-Disposition: form-data; name="payload_json"', b'{"a": 1}')], {"a": 1}),
        (
            [
                ('Content-Disposition: form-data; name="host"', "hü".encode()),
                ('Content-Disposition: form-data; name="more"', b"[1]"),
            ],
            {"host": "hü", "more": [1]},
        ),
        (
            [('Content-Disposition: form-data; name="f"; filename="x.bin"\r\nContent-Type: image/png', b"\xff\x00")],
            {"f": {"filename": "x.bin", "content_type": "image/png", "bytes": 2}},
        ),
        (
            [('Content-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain', b"hi")],
            {"f": {"filename": "x.txt", "content_type": "text/plain", "bytes": 2, "content": "hi"}},
        ),
    ],
)
def test_a_multipart_form_becomes_json(parts: list[tuple[str, bytes]], value: Any) -> None:
    body = multipart(*parts)
    assert json.loads(read({"content-type": "multipart/form-data; boundary=X"}, body)) == value


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=Y"])
def test_a_multipart_form_that_is_none_is_told(content_type: str) -> None:
    with pytest.raises(BadPayload, match="multipart"):
        read({"content-type": content_type}, b"nothing")
