"""The status line decides, however the rest of an answer is written, packed or cut; over real connections."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from pydantic import ValidationError

from bridge.contract.http_trials import NOBODY, garbage_server
from bridge.contract.rig import PARCEL
from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Refused
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, send
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.kit.redact import Redactor
from bridge.destinations.slack.bot import SlackBotConfig
from bridge.fakes.exchange import Reply
from bridge.fakes.trouble import Answer as Answered
from bridge.fakes.webhook import FakeWebhook
from tests.contracts.destinations.openers import OPENERS

NOTHING_SECRET = Redactor([])
OK = b"HTTP/1.1 200 OK\r\n"
ODD = {
    "a header of 9 KB": OK + b"Content-Security-Policy: " + b"a" * 9_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "200 headers": OK + b"X: y\r\n" * 200 + b"Content-Length: 2\r\n\r\nok",
    "a length told twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a length and chunks": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a body cut short": OK + b"Content-Length: 9\r\n\r\nok",
    "chunks cut short": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "a chunk without a size": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nwhat\r\n",
    "a head cut short": OK + b"Server: x\r\nContent-",
    "a folded header": OK + b"Server: x\r\n  y\r\nContent-Length: 2\r\n\r\nok",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "no phrase": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "100 first": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
    "103 first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nok",
    "more than its length": OK + b"Content-Length: 2\r\n\r\nok and more",
    "a header with a control character": OK + b"X: a\x07b\x00\r\nContent-Length: 2\r\n\r\nok",
    "204 and a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "204 and chunks": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "packed and damaged": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
    "packed unasked in brotli": OK + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\n\xff\xff\xff",
}  # fmt: skip
STILL_OK = (
    frozenset(ODD)
    - {"204 and a body", "204 and chunks", "a head cut short"}
    - {name for name in ODD if "packed" in name}
)


async def tried(url: str) -> HttpAnswer | Later:
    async with make_client(connections=2, timeout_s=5.0) as http:
        return await send(http, http.build_request("POST", url, content=b"{}"), NOTHING_SECRET)


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_answer_of_a_webhook_is_a_delivery(odd: str, tmp_path) -> None:
    async with OPENERS["webhook"](tmp_path) as rig:
        with garbage_server(ODD[odd]) as there:
            async with rig.at_work(url=f"http://{there}/x") as destination:
                assert await destination.deliver(PARCEL) == Delivered()


@pytest.mark.parametrize("odd", sorted(STILL_OK))
@pytest.mark.parametrize("kind", ["mattermost", "slack"])
async def test_an_odd_answer_of_a_hook_that_says_ok_is_a_delivery(kind: str, odd: str, tmp_path) -> None:
    async with OPENERS[kind](tmp_path) as rig:
        with garbage_server(ODD[odd]) as there:
            async with rig.at_work(url=f"http://{there}/x") as destination:
                assert isinstance(await destination.deliver(PARCEL), Delivered)


async def test_a_status_that_refuses_does_so_with_a_broken_body_too() -> None:
    for status in (400, 503):
        with garbage_server(b"HTTP/1.1 %d No\r\nContent-Length: 99\r\n\r\nhalf" % status) as there:
            answer = await tried(f"http://{there}/")
        assert isinstance(answer, HttpAnswer)
        assert (answer.status, answer.text, answer.unread) == (status, "half", "cut short")


async def test_the_connection_is_used_again_after_a_plain_answer_only(webhook_receiver: FakeWebhook) -> None:
    async with make_client(connections=1, timeout_s=5.0) as http:
        for body in (b"1", b"2", b"3"):
            answer = await send(
                http, http.build_request("POST", webhook_receiver.base_url, content=body), NOTHING_SECRET
            )
            assert isinstance(answer, HttpAnswer)
    assert [each.body for each in webhook_receiver.requests] == [b"1", b"2", b"3"]


async def test_we_ask_for_what_is_not_packed(webhook_receiver: FakeWebhook) -> None:
    await tried(webhook_receiver.base_url)
    async with make_client(connections=1, timeout_s=5.0) as http:
        await send(http, http.build_request("GET", webhook_receiver.base_url), NOTHING_SECRET)
    assert [each.header("accept-encoding") for each in webhook_receiver.requests] == ["identity", "identity"]


async def test_what_comes_packed_all_the_same_is_read_within_the_bound(webhook_receiver: FakeWebhook) -> None:
    text = json.dumps({"id": "x" * 3_000})
    webhook_receiver.script.next(Answered(201, gzip.compress(text.encode()), {"Content-Encoding": "gzip"}))
    answer = await tried(webhook_receiver.base_url)
    assert isinstance(answer, HttpAnswer)
    assert (answer.text, answer.unread) == (text, "")
    webhook_receiver.script.next(Answered(200, gzip.compress(b"a" * 50_000_000), {"Content-Encoding": "gzip"}))
    answer = await tried(webhook_receiver.base_url)
    assert isinstance(answer, HttpAnswer)
    assert len(answer.text) == 64 * 1024


@pytest.mark.parametrize("kind", ["mattermost", "slack", "slack_bot", "discord"])
@pytest.mark.parametrize("body", [b"\x1b\x2a\x00", b'{"id": "cut', b"", b"\xff\xfe\xfd"])
async def test_a_2xx_that_cannot_be_read_may_have_arrived(kind: str, body: bytes, tmp_path) -> None:
    said = (
        OK + b"Content-Encoding: br\r\n" * (body[:1] == b"\x1b") + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    async with OPENERS[kind](tmp_path) as rig:
        assert rig.nowhere is not None
        with garbage_server(said) as there:
            elsewhere = {name: each.replace(NOBODY, f"http://{there}") for name, each in rig.nowhere.items()}
            async with rig.at_work(**elsewhere) as destination:
                outcome = await destination.deliver(PARCEL)
    assert isinstance(outcome, Later)
    assert outcome.unclear


@pytest.mark.parametrize("kind", ["slack_bot", "discord"])
async def test_201_is_certain_whatever_its_body_is(kind: str, tmp_path) -> None:
    async with OPENERS[kind](tmp_path) as rig:
        assert rig.nowhere is not None
        with garbage_server(b"HTTP/1.1 201 Created\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\n\x1b") as there:
            elsewhere = {name: each.replace(NOBODY, f"http://{there}") for name, each in rig.nowhere.items()}
            async with rig.at_work(**elsewhere) as destination:
                assert isinstance(await destination.deliver(PARCEL), Delivered)


def test_a_page_of_something_in_between_is_clear() -> None:
    page = HttpAnswer(200, {}, "<!DOCTYPE html><title>Sign in</title>")
    assert not not_expected(page, "Slack's", NOTHING_SECRET).unclear
    assert not_expected(HttpAnswer(200, {}, "<html", unread="cut short"), "Slack's", NOTHING_SECRET).unclear


@pytest.mark.parametrize("kind", ["webhook", "discord", "teams", "slack", "mattermost"])
async def test_a_name_and_a_password_in_a_url_go_out_as_basic_and_are_never_told(
    kind: str, webhook_receiver: FakeWebhook, tmp_path
) -> None:
    webhook_receiver.reply = Reply(418, b"who is hook-user:pass-word@ dXNl?")
    url = webhook_receiver.base_url.replace("http://", "http://hook-user:p%40ss-word@") + "/in"
    said = {"url": url, **({"headers": {}} if kind == "webhook" else {})}
    async with OPENERS[kind](tmp_path) as rig, rig.at_work(**said) as destination:
        outcome = await destination.deliver(PARCEL)
        await destination.probe()
        shown = repr(outcome) + repr(destination.preview(PARCEL)) + repr(destination)
    told = {each.header("authorization") for each in webhook_receiver.requests}
    assert told == {"Basic " + base64.b64encode(b"hook-user:p@ss-word").decode()}
    assert not isinstance(outcome, Later), outcome
    assert "ss-word" not in shown.replace("pass-word", "")
    assert "hook-user" not in shown


async def test_a_header_that_says_who_asks_wins_over_the_url(webhook_receiver: FakeWebhook, tmp_path) -> None:
    url = webhook_receiver.base_url.replace("http://", "http://user:word@") + "/in"
    async with (
        OPENERS["webhook"](tmp_path) as rig,
        rig.at_work(url=url, headers={"authorization": "Bearer other"}) as destination,
    ):
        assert await destination.deliver(PARCEL) == Delivered()
    assert webhook_receiver.requests[0].header("authorization") == "Bearer other"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:99999/", {}),
        ("ftp://127.0.0.1/", {}),
        ("http://", {}),
        ("nonsense", {}),
        ("http://127.0.0.1:9/", {"X": "letters \u00fc"}),
        ("http://127.0.0.1:9/", {"X": "two\r\nlines"}),
        ("http://127.0.0.1:9/", {"a b": "x"}),
    ],
)
async def test_what_cannot_be_sent_is_a_fault_of_the_settings(url: str, headers: dict[str, str]) -> None:
    async with make_client(connections=1, timeout_s=5.0) as http:
        outcome = await ask(http, NOTHING_SECRET, "POST", url, content=b"{}", headers=headers)
    assert isinstance(outcome, Later)
    assert not outcome.unclear
    assert outcome.misconfigured or "127.0.0.1:9:" in outcome.reason


@pytest.mark.parametrize("token", ["two\nlines", "blank in it", "l\u00e9tters", "ends\n"])
def test_a_token_that_no_header_can_carry_is_refused_with_the_settings(token: str) -> None:
    with pytest.raises(ValidationError, match="header cannot have"):
        SlackBotConfig(token=Secret(token), channel="C1")


def test_a_bots_url_with_a_password_is_refused_with_the_settings() -> None:
    with pytest.raises(ValidationError, match="without a name and a password"):
        SlackBotConfig(token=Secret("xoxb-1"), channel="C1", url="https://user:word@slack.example/api")


async def test_a_reason_has_nothing_that_a_terminal_obeys(webhook_receiver: FakeWebhook, tmp_path) -> None:
    webhook_receiver.reply = Reply(400, "\x1b[31mno\x1b[0m \u202esuch\u2066 \x07hook\r\n".encode())
    async with OPENERS["webhook"](tmp_path) as rig, rig.at_work(url=webhook_receiver.base_url) as destination:
        outcome = await destination.deliver(PARCEL)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "HTTP 400 Bad Request: no such hook"
