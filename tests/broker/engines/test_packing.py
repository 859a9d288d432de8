"""Texts in base64 are kept as bytes, and every text comes back as it was."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.engines.sqlite.packing import pack_text, unpack_text
from broker.model import NewMessage
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import TOPIC


@given(st.binary(max_size=200))
def test_base64_is_kept_as_its_bytes(body: bytes) -> None:
    text = base64.b64encode(body).decode()
    assert pack_text(text) == body
    assert unpack_text(body) == text


@given(st.text(max_size=40) | st.text('ABab01+/=\n \\"u', max_size=12))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert unpack_text(pack_text(text)) == text


@pytest.mark.parametrize(
    "text", ["YWJj=", "YW Jj", "YQ==YQ==", "YR==", "YQ", "\\u0041AAA", '"", ""', "é===", "\ud800AAA"]
)
def test_what_is_not_exactly_base64_is_kept_as_it_is(text: str) -> None:
    assert pack_text(text) == text


async def test_a_store_keeps_the_bytes_and_tells_the_text(path: Path, opened: Opening) -> None:
    texts = [base64.b64encode(b"an event").decode(), "no base64", "", base64.b64encode(b"x" * 60_000).decode()]
    async with opened() as store:
        await store.log.append(TOPIC, [NewMessage(text, {}) for text in texts])
        assert (await store.log.bounds(TOPIC)).bytes_total == sum(map(len, texts))
    async with opened() as store:
        assert [message.data for message in await store.log.read(TOPIC, 0, 10, 10**6)] == texts
    with closing(sqlite3.connect(path)) as db:
        kept = [type(data) for (data,) in db.execute("SELECT data FROM messages ORDER BY id")]
    assert kept == [bytes, str, bytes, str]
