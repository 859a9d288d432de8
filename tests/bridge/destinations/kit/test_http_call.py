"""The one table of outcomes: statuses, headers, and failures of the network, over real HTTP where there is a wire."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import httpx
import pytest

from bridge.contract.http_trials import garbage_server
from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, RateLimitStatus, Refused
from bridge.destinations.kit.http_call import HttpAnswer, outcome_of, pace_of, reason_of, retry_after_s, send
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.kit.redact import Redactor
from bridge.fakes.trouble import Answer as Answered
from bridge.fakes.trouble import Close, Hang, redirect
from bridge.fakes.webhook import FakeWebhook
from broker.clock import SystemClock
from tests.fakes.deliveries import NOW_US

NOTHING_SECRET = Redactor([])


def judged(status: int, text: str = "", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return outcome_of(HttpAnswer(status, named, text), NOW_US, NOTHING_SECRET)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert judged(status) == Delivered()


@pytest.mark.parametrize("status", [407, 408, 425, 500, 502, 503, 504, 507, 599])
def test_failures_of_the_service_are_for_later_and_clear(status: int) -> None:
    outcome = judged(status)
    assert isinstance(outcome, Later)
    assert (outcome.after_s, outcome.unclear, outcome.throttled) == (None, False, False)


def test_429_is_for_later_and_throttled() -> None:
    assert judged(429, retry_after="7") == Later("HTTP 429 Too Many Requests", after_s=7.0, throttled=True)


def test_501_is_for_much_later() -> None:
    assert judged(501) == Later("HTTP 501 Not Implemented", after_s=600.0)
    assert judged(501, retry_after="5") == Later("HTTP 501 Not Implemented", after_s=5.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 409, 413, 415, 422])
def test_all_others_are_refused(status: int) -> None:
    outcome = judged(status)
    assert isinstance(outcome, Refused)
    assert not outcome.destination_gone


def test_410_says_that_the_destination_is_gone() -> None:
    assert judged(410) == Refused("HTTP 410 Gone", destination_gone=True)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("1.5", 1.5),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 00:01:00 -0000", 60.0),
        ("Thu, 01 Jan 2026 02:01:00 +0200", 60.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("-5", None),
        ("9" * 5_000, None),
        ("Thu, 99 Foo 2026 00:01:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_and_else_not_at_all(said: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": said}, NOW_US) == seconds


def test_a_limit_that_is_used_up_is_a_retry_after_too() -> None:
    used_up = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}
    assert retry_after_s(used_up, NOW_US) == 12.0
    assert retry_after_s(used_up | {"x-ratelimit-remaining": "1"}, NOW_US) is None
    assert retry_after_s(used_up | {"retry-after": "3"}, NOW_US) == 3.0


@pytest.mark.parametrize(
    ("remaining", "reset", "pace"),
    [
        ("3", "1.5", RateLimitStatus(3, 1.5)),
        ("0", "0", RateLimitStatus(0, 0.0)),
        ("-1", "5", None),
        ("x", "5", None),
        ("1", "nan", None),
        ("1", "inf", None),
        ("1", "1767225660", None),
        ("1", "", None),
    ],
)
def test_the_pace_is_read_where_it_makes_sense(remaining: str, reset: str, pace: RateLimitStatus | None) -> None:
    assert pace_of({"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}) == pace


def test_a_reason_is_one_line_bounded_and_without_secrets() -> None:
    redact = Redactor([Secret("https://chat.example.org/hooks/abcdefghijklmnopqrstuvwxyz")])
    text = "no such hook:\n  abcdefghijklmnopqrstuvwxyz " + "x" * 1_000
    reason = reason_of(HttpAnswer(404, {}, text), redact)
    assert reason.startswith("HTTP 404 Not Found: no such hook: *** xxx")
    assert len(reason) < 350
    assert reason_of(HttpAnswer(799, {}, ""), redact) == "HTTP 799 unknown status"


async def tried(url: str, timeout_s: float = 5.0) -> HttpAnswer | Later:
    async with make_client(connections=2, timeout_s=timeout_s) as http:
        return await send(http, http.build_request("POST", url, content=b"{}"), NOTHING_SECRET)


async def test_an_answer_is_told_with_lower_case_headers(webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.script.next(Answered(418, "ü", {"X-Some-Thing": "Value"}))
    answer = await tried(webhook_receiver.base_url)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.text, answer.headers["x-some-thing"]) == (418, "ü", "Value")


async def test_only_the_beginning_of_a_long_answer_is_read(webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.script.next(Answered(500, "x" * 10_000_000))
    answer = await tried(webhook_receiver.base_url)
    assert isinstance(answer, HttpAnswer)
    assert len(answer.text) == 64 * 1024


async def test_a_redirect_is_not_followed(webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.script.next(redirect(webhook_receiver.base_url + "/elsewhere"))
    answer = await tried(webhook_receiver.base_url)
    assert isinstance(answer, HttpAnswer)
    assert answer.status == 302
    assert len(webhook_receiver.requests) == 1


async def test_no_connection_is_clear() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = await tried(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert isinstance(outcome, Later)
    assert outcome.reason.startswith("no connection")
    assert not outcome.unclear


async def test_a_name_that_does_not_exist_is_clear() -> None:
    outcome = await tried("http://nobody.invalid./")
    assert isinstance(outcome, Later)
    assert not outcome.unclear


async def test_a_connection_lost_after_the_body_is_unclear(webhook_receiver: FakeWebhook) -> None:
    for cut in (Close(), Close(reset=True), Close(at="after_accepting")):
        webhook_receiver.script.next(cut)
        outcome = await tried(webhook_receiver.base_url)
        assert isinstance(outcome, Later)
        assert outcome.unclear
        assert outcome.reason.startswith("no answer")


async def test_no_answer_in_time_is_unclear(webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.script.next(Hang())
    outcome = await tried(webhook_receiver.base_url, timeout_s=0.1)
    assert isinstance(outcome, Later)
    assert outcome.unclear


async def test_a_proxy_of_the_environment_is_used(
    webhook_receiver: FakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", webhook_receiver.base_url)
    monkeypatch.setenv("no_proxy", "inside.invalid")
    answer = await tried("http://outside.invalid/in")
    assert isinstance(answer, HttpAnswer)
    assert webhook_receiver.requests[0].header("host") == "outside.invalid"
    assert isinstance(await tried("http://inside.invalid/in"), Later)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # how httpx-aiohttp calls aiohttp with a login
@pytest.mark.parametrize("status", [407, 502])
async def test_a_proxy_that_makes_no_connection_is_told_clear_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with garbage_server(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        monkeypatch.setenv("https_proxy", f"http://proxy-user:proxy-word@{proxy}")
        outcome = await tried("https://outside.invalid/in")
    assert isinstance(outcome, Later)
    assert not outcome.unclear
    assert outcome.reason.startswith(f"no connection: {status}")
    assert "proxy-" not in outcome.reason


async def test_a_proxy_that_cannot_be_used_is_told_and_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "nonsense://somewhere:1")
    outcome = await tried("http://outside.invalid/in")
    assert outcome == Later("no connection: the proxy that the environment names cannot be used")


async def test_netrc_is_not_asked_for_passwords(
    webhook_receiver: FakeWebhook, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    await tried(webhook_receiver.base_url)
    assert webhook_receiver.requests[0].header("authorization") is None


async def test_cookies_are_not_kept(webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.script.next(Answered(200, "", {"Set-Cookie": "a=b"}))
    async with make_client(connections=1, timeout_s=5.0) as http:
        for _ in range(2):
            await send(http, http.build_request("POST", webhook_receiver.base_url), NOTHING_SECRET)
    assert webhook_receiver.requests[1].header("cookie") is None


def test_a_client_has_the_bounds_it_is_given() -> None:
    http = make_client(connections=3, timeout_s=1.5)
    assert http.timeout == httpx.Timeout(1.5)
    assert not http.follow_redirects


async def test_an_answer_that_drips_in_ends_with_the_timeout() -> None:
    """Each byte would begin the client's own timeout anew."""
    clock = SystemClock()
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await clock.sleep(0.05)
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        began = clock.monotonic()
        answer = await tried(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout_s=0.3)
        took_s = clock.monotonic() - began
        await ended.wait()
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.unread) == (200, "not complete within 0.3 s")
    assert took_s < 2.0


@pytest.mark.parametrize(
    "said",
    [
        "9" * 400,
        "1e999",
        "inf",
        "nan",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "Fri, 31 Dec 9999 99:99:99 +9999",
        "x, 1",
        ",",
    ],
)
def test_a_retry_after_beyond_all_calendars_is_not_read(said: str) -> None:
    found = retry_after_s({"retry-after": said}, NOW_US)
    assert found is None or 0 <= found < 1e12
