"""Bodies that came packed: unpacked within the cap, refused by name otherwise, on every route that takes a body."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest

from bridge.core.packed_bodies import BodyTooLarge, DamagedBody, UnknownCoding, decompress
from tests.fakes.ams_api import a_staged_api

PUBLISH = "/projects/P/topics/T:publish"
BODY = json.dumps({"messages": [{"data": base64.b64encode(b"hello").decode(), "attributes": {"a": "b"}}]}).encode()


def raw_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
        ("identity", BODY),
        ("utf-8", BODY),
        ("", BODY),
    ],
    ids=["gzip", "GZIP", "x-gzip", "zlib", "raw deflate", "twice", "identity", "utf-8", "nothing"],
)
async def test_a_packed_publish_is_stored_as_it_was_before(coding: str, body: bytes):
    ams = await a_staged_api()
    sent = {"content-encoding": coding}
    assert await ams.ok("POST", PUBLISH, raw=body, headers=sent, token="pub") == {"messageIds": ["0"]}
    pulled = await ams.ok("POST", "/projects/P/subscriptions/S:pull", {"maxMessages": "1"})
    message = pulled["receivedMessages"][0]["message"]
    assert (base64.b64decode(message["data"]), message["attributes"]) == (b"hello", {"a": "b"})


async def test_other_routes_take_packed_bodies_as_well():
    ams = await a_staged_api()
    sent = {"content-encoding": "gzip"}
    raw = gzip.compress(json.dumps({"maxMessages": "1"}).encode())
    assert "receivedMessages" in await ams.ok("POST", "/projects/P/subscriptions/S:pull", raw=raw, headers=sent)


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br"])
async def test_another_coding_is_415_and_named(coding: str):
    ams = await a_staged_api()
    answered = await ams.ask("POST", PUBLISH, raw=BODY, headers={"content-encoding": coding})
    unknown = coding.rpartition(" ")[2]
    text = f"Content-Encoding '{unknown}' cannot be read; send it as gzip, deflate, identity"
    assert answered.error == (415, "INVALID_ARGUMENT", text)
    assert answered.headers["accept-encoding"] == "gzip, deflate, identity"


@pytest.mark.parametrize("body", [b"not packed at all", gzip.compress(BODY)[:-9]], ids=["plain", "cut short"])
async def test_what_is_not_packed_as_it_says_is_refused_and_nothing_is_stored(body: bytes):
    ams = await a_staged_api()
    status, word, text = await ams.error("POST", PUBLISH, raw=body, headers={"content-encoding": "gzip"})
    assert (status, word) == (400, "INVALID_ARGUMENT")
    assert "packed as gzip" in text
    assert await ams.ok("POST", PUBLISH, raw=BODY) == {"messageIds": ["0"]}


async def test_a_body_that_unpacks_to_more_than_the_cap_is_413():
    ams = await a_staged_api(max_publish_bytes=10_000)
    bomb = gzip.compress(b" " * 10_001)
    assert len(bomb) < 100
    assert (await ams.error("POST", PUBLISH, raw=bomb, headers={"content-encoding": "gzip"}))[0] == 413


async def test_who_may_not_publish_is_told_so_before_anything_is_unpacked():
    ams = await a_staged_api()
    sent = {"content-encoding": "br"}
    assert (await ams.ask("POST", PUBLISH, raw=BODY, headers=sent, token="nobody")).status == 401


def test_the_function_says_in_its_errors_what_is_wrong():
    assert decompress(gzip.compress(b"x" * 10), "gzip", 10) == b"x" * 10
    with pytest.raises(BodyTooLarge):
        decompress(gzip.compress(b"x" * 11), "gzip", 10)
    with pytest.raises(UnknownCoding, match="'br' cannot be read"):
        decompress(b"x", "br", 10)
    with pytest.raises(DamagedBody, match="packed as deflate"):
        decompress(b"x", "deflate", 10)
