"""Answers as services and their proxies write them come out as the strictest reader takes them."""

from __future__ import annotations

import pytest

from bridge.core.answer_filter import AnswerFilter


def filtered(raw: bytes, *, with_body: bool = True, step: int = 1_000_000) -> tuple[bytes, AnswerFilter]:
    """What comes out of an answer that comes in by ``step`` bytes, and the filter at its end."""
    reading = AnswerFilter(with_body=with_body)
    out = b"".join(reading.feed(raw[at : at + step]) for at in range(0, len(raw), step))
    return out, reading


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
ENDS_THE_SAME = {
    "as it ought to be": PLAIN,
    "bare line feeds": PLAIN.replace(b"\r\n", b"\n"),
    "a length told twice": PLAIN.replace(b"Length: 2", b"Length: 2\r\nContent-Length: 2"),
    "a length told twice in one line": PLAIN.replace(b"Length: 2", b"Length: 2, 2"),
    "a space before a colon": PLAIN.replace(b"Length:", b"Length :"),
    "a line that is no header": PLAIN.replace(b"Content-Type", b"what is this\r\nContent-Type"),
    "a header without a name": PLAIN.replace(b"Content-Type", b": x\r\nContent-Type"),
    "a header with spaces in its name": PLAIN.replace(b"Content-Type", b"a b: x\r\nContent-Type"),
    "a folded header": PLAIN.replace(b"text/plain", b"\r\n\ttext/plain"),
    "a header of 9 KB": PLAIN.replace(b"Content-Type", b"Policy: " + b"a" * 9_000 + b"\r\nContent-Type"),
    "a header of 300 KB": PLAIN.replace(b"Content-Type", b"Policy: " + b"a" * 300_000 + b"\r\nContent-Type"),
    "a blank line first": b"\r\n" + PLAIN,
    "100 first": b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
    "103 first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + PLAIN,
    "more blanks in the status line": PLAIN.replace(b"1.1 200 OK", b"1.1  200  OK"),
    "a nul in a header": PLAIN.replace(b"text/plain", b"text/plain\x00"),
}


@pytest.mark.parametrize("step", [1, 7, 1_000_000])
@pytest.mark.parametrize("raw", ENDS_THE_SAME.values(), ids=ENDS_THE_SAME)
def test_an_answer_written_oddly_comes_out_plain(raw: bytes, step: int) -> None:
    out, reading = filtered(raw, step=step)
    assert out == PLAIN
    assert reading.is_over
    assert not reading.must_close


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = {
    "as it ought to be": b"2\r\nok\r\n0\r\n\r\n",
    "blanks around the size": b" 2  \r\nok\r\n0\r\n\r\n",
    "zeros before the size": b"00000002\r\nok\r\n0000\r\n\r\n",
    "an extension": b"2;a=b\r\nok\r\n0;c\r\n\r\n",
    "bare line feeds": b"2\nok\n0\n\n",
    "no line end behind a chunk": b"2\r\nok0\r\n\r\n",
    "two chunks": b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("step", [1, 1_000_000])
@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_oddly_chunked_bodies_are_read(chunks: bytes, step: int) -> None:
    out, reading = filtered(CHUNKED + chunks, step=step)
    assert out.startswith(CHUNKED)
    assert data_of(out[len(CHUNKED) :]) == b"ok"
    assert reading.is_over


def data_of(chunks: bytes) -> bytes:
    """The data in strictly written chunks."""
    data = b""
    while True:
        size, _, chunks = chunks.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert chunks == b"\r\n"
            return data
        data, chunks = data + chunks[:length], chunks[length:]
        assert chunks.startswith(b"\r\n")
        chunks = chunks[2:]


def test_a_trailer_and_a_last_chunk_without_an_end_are_let_go_with_the_connection() -> None:
    for last in (b"0\r\nX-Sum: 1\r\n\r\n", b"0\r\n"):
        out, reading = filtered(CHUNKED + b"2\r\nok\r\n" + last)
        assert out == CHUNKED + b"2\r\nok\r\n0\r\n\r\n"
        assert reading.is_over
        assert reading.must_close


def test_a_chunk_without_a_size_ends_what_can_be_read() -> None:
    out, reading = filtered(CHUNKED + b"2\r\nok\r\nwhat\r\n")
    assert out == CHUNKED + b"2\r\nok\r\n"
    assert reading.is_broken


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("framing", [b"Content-Length: 2", b"Transfer-Encoding: chunked"])
def test_a_body_where_there_is_none_is_let_go_with_the_connection(status: bytes, framing: bytes) -> None:
    out, reading = filtered(b"HTTP/1.1 " + status + b"\r\n" + framing + b"\r\n\r\nok")
    assert out == b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n"
    assert reading.is_over
    assert reading.must_close


def test_chunks_win_over_a_length() -> None:
    out, reading = filtered(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n") + CHUNKS["two chunks"])
    assert b"Content-Length" not in out
    assert data_of(out.partition(b"\r\n\r\n")[2]) == b"ok"
    assert reading.must_close


def test_lengths_that_differ_are_read_as_the_shorter_and_the_connection_is_let_go() -> None:
    raw = PLAIN.replace(b"Length: 2", b"Length: 2\r\nContent-Length: 9") + b" or not"
    out, reading = filtered(raw)
    assert out.endswith(b"Content-Length: 2\r\nConnection: close\r\n\r\nok")
    assert reading.must_close


@pytest.mark.parametrize("length", [b"-1", b"two", b"", b"0x2"])
def test_a_length_that_is_none_is_a_body_to_the_end_of_the_connection(length: bytes) -> None:
    out, reading = filtered(PLAIN.replace(b"Length: 2", b"Length: " + length))
    assert out == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nok"
    assert reading.must_close


def test_a_status_without_a_phrase_and_one_with_any_bytes_are_read() -> None:
    for line in (b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"http/1.1 200 \xff\xfe\x00", b"HTTP/2 200"):
        out, _ = filtered(line + b"\r\nContent-Length: 0\r\n\r\n")
        assert out.startswith(b"HTTP/1.1 200 ")


def test_an_answer_to_head_has_no_body_whatever_it_says() -> None:
    out, reading = filtered(PLAIN[:-2], with_body=False)
    assert out == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
    assert reading.is_over


def test_hundreds_of_headers_leave_those_that_matter() -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(500))
    early = PLAIN.replace(b"Content-Type", b"Retry-After: 7\r\n" + many + b"Content-Type")
    out, reading = filtered(early)
    assert b"Retry-After: 7\r\n" in out
    assert out.endswith(b"ok")
    assert out.count(b"\r\n") < 100
    assert reading.is_over


def test_a_head_without_end_is_a_status_and_no_body() -> None:
    out, reading = filtered(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 3_000_000, step=65_536)
    assert out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert reading.is_broken


def test_a_head_cut_off_after_its_first_header_is_a_status_and_no_body() -> None:
    _, reading = filtered(b"HTTP/1.1 200 OK\r\nServer: x\r\nDa")
    assert reading.finish().startswith(b"HTTP/1.1 200 OK\r\nServer: x\r\n")


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Go\r\nA: b\r\n"])
def test_less_than_that_is_no_answer(raw: bytes) -> None:
    out, reading = filtered(raw)
    assert out + reading.finish() == b""


def test_what_is_no_http_is_passed_on_for_others_to_refuse() -> None:
    out, reading = filtered(b"220 mail.example.org ESMTP\r\n")
    assert out == b"220 mail.example.org ESMTP\r\n"
    assert reading.must_close


def test_a_packing_told_as_a_transfer_coding_is_one_of_the_content() -> None:
    out, _ = filtered(CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n")
    assert b"Content-Encoding: gzip\r\n" in out


def test_bytes_behind_an_answer_are_let_go_with_the_connection() -> None:
    out, reading = filtered(PLAIN + b"HTTP/1.1 200 OK\r\n\r\n")
    assert out == PLAIN
    assert reading.must_close
