"""What the front reads of a request, what it refuses, and that the app never sees what is refused."""

from __future__ import annotations

import json

import pytest

from bridge.front.limits import MOST_HEADERS
from tests.bridge.front.talking import a_post, running, status_of

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_a_head_beyond_64_kib_is_refused_and_the_answer_arrives() -> None:
    async with running() as it:
        answer = await it.ask(GET + b"x-a: " + b"b" * 100_000 + b"\r\n\r\n")
        assert status_of(answer) == 431
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == 431
        assert it.app.asked == []
        assert it.table.refusals.counts == {"head_too_large": 1}


async def test_a_head_below_64_kib_is_read_in_however_many_pieces() -> None:
    async with running() as it:
        head = GET + b"x-a: " + b"b" * 60_000 + b"\r\n\r\n"
        assert await it.status(head) == 200
        assert await it.status(head[:20_000], head[20_000:50_000], head[50_000:]) == 200


async def test_a_header_line_without_end_is_cut_off() -> None:
    async with running() as it:
        _, writer = await it.connect()
        writer.write(GET + b"x-b: ")

        async def flood() -> None:
            for _ in range(100):
                writer.write(b"b" * 100_000)
                await writer.drain()

        with pytest.raises(ConnectionError):
            await flood()
        writer.close()
        assert it.table.refusals.counts == {"head_too_large": 1}


async def test_line_ends_before_a_request_are_counted_too() -> None:
    async with running() as it:
        assert await it.status(b"\r\n\r\n" + GET + b"\r\n") == 200
        assert await it.status(b"\r\n" * 40_000) == 431


@pytest.mark.parametrize("length", [20_000, 100_000])
async def test_an_address_that_is_too_long_is_refused_as_such(length: int) -> None:
    async with running() as it:
        assert await it.status(b"GET /" + b"a" * length + b" HTTP/1.1\r\nhost: x\r\n\r\n") == 414


async def test_an_address_that_never_ends_is_refused_before_its_head_is_whole() -> None:
    async with running() as it:
        assert await it.status(b"GET /" + b"a" * 10_000, b"a" * 10_000) == 414


async def test_too_many_headers_are_refused() -> None:
    async with running() as it:
        assert await it.status(GET + b"a: b\r\n" * (MOST_HEADERS - 1) + b"\r\n") == 200
        assert await it.status(GET + b"a: b\r\n" * MOST_HEADERS + b"\r\n") == 431


async def test_trailers_are_read_and_are_no_headers() -> None:
    async with running() as it:
        body = b"5\r\nhello\r\n0\r\nx-api-key: evil\r\n\r\n"
        assert await it.status(CHUNKED, body) == 200
        assert it.app.asked[0]["body"] == "hello"
        assert "x-api-key" not in it.app.asked[0]["headers"]


@pytest.mark.parametrize(
    "endless",
    [b"5;" + b"a" * 200_000, b"0\r\nx-a: " + b"b" * 200_000, b"0\r\n" + b"x-a: b\r\n" * 30_000],
    ids=["one extension", "one trailer", "many trailers"],
)
async def test_framing_of_a_body_beyond_64_kib_is_refused(endless: bytes) -> None:
    async with running() as it:
        assert await it.status(CHUNKED, endless) == 431
        assert it.app.asked == []
        assert it.app.disconnects == 1


async def test_many_small_chunks_with_small_extensions_are_no_attack() -> None:
    async with running() as it:
        assert await it.status(CHUNKED, b"1;n=1\r\nx\r\n" * 20_000, b"0\r\n\r\n") == 200
        assert it.app.asked[0]["body"] == "x" * 20_000


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 5",
        b"content-length: 5\r\ncontent-length: 5",
        b"content-length: 5\r\ncontent-length: 6",
        b"content-length: 5, 5",
        b"content-length: +5",
        b"content-length: -5",
        b"content-length: 0x5",
        b"content-length: 99999999999999999999999",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding : chunked",
        b"transfer-encoding:\r\n chunked",
        b"x: a\rtransfer-encoding: chunked",
        b"x: a\ntransfer-encoding: chunked",
        b"x: a\0b",
        b"x: a\r\n folded",
        b"host: y",
        b": no name",
        b"no colon",
    ],
)
async def test_what_could_be_read_as_two_requests_is_refused(head: bytes) -> None:
    async with running() as it:
        assert await it.status(b"POST / HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n0\r\n\r\nhello") == 400
        assert it.app.asked == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", 405),
        (b"HACK / HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 405),
        (b"GET / HTTP/1.1\nhost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\rGET / HTTP/1.1\r\n\r\n", 400),
    ],
)
async def test_what_is_no_request_of_ours_is_told(request_bytes: bytes, status: int) -> None:
    async with running() as it:
        assert await it.status(request_bytes) == status
        assert it.app.asked == []


async def test_a_body_whose_chunks_break_ends_the_request_under_way() -> None:
    async with running() as it:
        assert await it.status(CHUNKED, b"5\r\nhello", b"X\r\n0\r\n\r\n") == 400
        assert (it.app.asked, it.app.disconnects) == ([], 1)


async def test_an_answer_before_the_body_ends_the_connection_and_arrives() -> None:
    async with running() as it:
        answer = await it.ask(a_post(b"x" * 150_000, path=b"/early")[:-50_000])
        assert status_of(answer) == 413
        assert b"connection: close" in answer


async def test_requests_one_behind_the_other_are_answered_in_order_before_a_refusal() -> None:
    async with running() as it:
        answer = await it.ask(
            GET.replace(b"/ ", b"/one ") + b"\r\n" + a_post(b"two", path=b"/two") + b"garbage\r\n\r\n"
        )
        assert [asked["path"] for asked in it.app.asked] == ["/one", "/two"]
        assert answer.count(b"HTTP/1.1 200") == 2
        assert b"HTTP/1.1 405" in answer.rpartition(b"/two")[2]


@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0"])
async def test_an_offer_of_another_protocol_is_ignored_and_the_body_kept(offer: bytes) -> None:
    headers = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: " + offer + b"\r\nhttp2-settings: AAEAAEAA"
    request = a_post(b"disk full", headers)
    async with running() as it:
        assert await it.status(request) == 200
        assert await it.status(request[:60], request[60:-4], request[-4:]) == 200
        chunked = b"POST /c HTTP/1.1\r\nhost: x\r\n" + headers + b"\r\ntransfer-encoding: chunked\r\n\r\n"
        assert await it.status(chunked, b"3\r\nabc\r\n", b"0\r\n\r\n") == 200
        assert [asked["body"] for asked in it.app.asked] == ["disk full", "disk full", "abc"]
        assert "upgrade" not in it.app.asked[0]["headers"]


async def test_a_connection_that_offered_another_protocol_takes_the_next_request() -> None:
    async with running() as it:
        offered = a_post(b"one", b"connection: upgrade", b"upgrade: h2c")
        answer = await it.ask(offered + a_post(b"two"), a_post(b"three"))
        assert answer.count(b"HTTP/1.1 200") == 3
        assert [asked["body"] for asked in it.app.asked] == ["one", "two", "three"]
