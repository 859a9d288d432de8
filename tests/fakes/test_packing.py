"""Stand-ins pack their answers as the services do, for those who accept it and for nobody else."""

from __future__ import annotations

import gzip

import httpx
import pytest

from bridge.fakes.exchange import Reply
from bridge.fakes.webhook import FakeWebhook


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("identity", False), ("gzip;q=0", False), ("br", False)],
)
async def test_long_answers_are_packed_for_who_accepts_it(
    webhook_receiver: FakeWebhook, accepted: str, packed: bool
) -> None:
    webhook_receiver.reply = Reply(200, b"x" * 2_000)
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        http.stream("GET", webhook_receiver.base_url, headers={"Accept-Encoding": accepted}) as answer,
    ):
        body = b"".join([piece async for piece in answer.aiter_raw()])
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert (gzip.decompress(body) if packed else body) == b"x" * 2_000


async def test_short_answers_are_not(webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.reply = Reply(200, b"x" * 999)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(webhook_receiver.base_url)
    assert "content-encoding" not in answer.headers
