from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable

import httpx
import pytest

from bridge.fakes.trouble import Answer, Close, Hang, Normal, fail_at_random, proxy_page, redirect, too_many
from tests.fakes.mattermost import FakeMattermost


def send(mattermost: FakeMattermost, http: httpx.Client, text: str = "hello") -> httpx.Response:
    return http.post(mattermost.hook_url, json={"text": text})


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_each_trouble_is_for_one_request_in_turn(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.script.next(Answer(503), Answer(502, "bad gateway", {"X-From": "proxy"}))
    assert send(mattermost, http).status_code == 503
    bad = send(mattermost, http)
    assert (bad.status_code, bad.text, bad.headers["x-from"]) == (502, "bad gateway", "proxy")
    assert send(mattermost, http).text == "ok"
    assert [attempt.status for attempt in mattermost.attempts] == [503, 502, 200]
    assert len(mattermost.posts) == 1


@pytest.mark.parametrize(("at", "posts"), [("before_body", 0), ("after_body", 0), ("after_accepting", 1)])
def test_an_answer_can_come_before_or_after_the_post_is_made(
    mattermost: FakeMattermost, http: httpx.Client, at: str, posts: int
) -> None:
    mattermost.script.next(Answer(502, at=at))  # type: ignore[arg-type]
    assert send(mattermost, http).status_code == 502
    assert len(mattermost.posts) == posts


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("at", "posts"), [("before_body", 0), ("after_body", 0), ("after_accepting", 1)])
def test_the_connection_can_be_closed_without_an_answer(
    mattermost: FakeMattermost, http: httpx.Client, at: str, posts: int, reset: bool
) -> None:
    mattermost.script.next(Close(at, reset=reset))  # type: ignore[arg-type]
    with pytest.raises(httpx.TransportError):
        send(mattermost, http)
    (attempt,) = mattermost.wait_for_attempts(1)
    assert (attempt.ending, attempt.status) == ("closed", None)
    assert len(mattermost.posts) == posts
    assert send(mattermost, http).text == "ok"


def test_a_request_is_held_until_it_is_let_go(mattermost: FakeMattermost, http: httpx.Client) -> None:
    hang = Hang()
    mattermost.script.next(hang)
    answers: list[httpx.Response] = []
    thread = in_background(lambda: answers.append(send(mattermost, http)))
    hang.wait_until_held()
    assert (hang.held, mattermost.posts, mattermost.attempts[0].ending) == (1, [], "open")
    hang.release()
    thread.join()
    assert answers[0].text == "ok"
    assert (hang.held, len(mattermost.posts), mattermost.attempts[0].ending) == (0, 1, "answered")


@pytest.mark.parametrize(("at", "posts"), [("after_body", 0), ("after_accepting", 1)])
async def test_a_sender_that_gives_up_has_or_has_not_posted(mattermost: FakeMattermost, at: str, posts: int) -> None:
    hang = Hang(at)  # type: ignore[arg-type]
    mattermost.script.next(hang)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        sending = asyncio.create_task(http.post(mattermost.hook_url, json={"text": "hello"}))
        await asyncio.to_thread(hang.wait_until_held)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    attempts = await asyncio.to_thread(mattermost.wait_for_attempts, 1)
    assert attempts[0].ending == "client gone"
    assert len(mattermost.posts) == posts


def test_a_released_hang_holds_nothing_more(mattermost: FakeMattermost, http: httpx.Client) -> None:
    hang = Hang()
    hang.release()
    mattermost.script.next(hang)
    assert send(mattermost, http).text == "ok"


def test_a_rule_decides_by_the_request(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.script.always(lambda request: Answer(500) if b"poison" in request.body else None)
    assert send(mattermost, http, "poison").status_code == 500
    assert send(mattermost, http, "cure").status_code == 200


def test_what_was_said_for_the_next_request_wins_over_the_rules(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.script.always(lambda _: Answer(500))
    mattermost.script.next(Normal(), Answer(429))
    assert mattermost.script.waiting == 2
    assert [send(mattermost, http).status_code for _ in range(3)] == [200, 429, 500]


def test_clearing_the_script_ends_all_trouble(mattermost: FakeMattermost, http: httpx.Client) -> None:
    hang = Hang()
    mattermost.script.next(hang, Answer(500))
    mattermost.script.always(lambda _: Answer(500))
    answers: list[httpx.Response] = []
    thread = in_background(lambda: answers.append(send(mattermost, http)))
    hang.wait_until_held()
    mattermost.script.clear()
    thread.join()
    assert answers[0].text == "ok"
    assert send(mattermost, http).text == "ok"


def test_random_trouble_repeats_with_its_seed(mattermost: FakeMattermost, http: httpx.Client) -> None:
    def statuses(seed: int) -> list[int]:
        mattermost.script.clear()
        rng = random.Random(seed)  # noqa: S311 - it has to repeat
        mattermost.script.always(fail_at_random(0.3, [Answer(500), Answer(429)], rng))
        return [send(mattermost, http).status_code for _ in range(40)]

    first = statuses(7)
    assert statuses(7) == first
    assert set(first) == {200, 429, 500}
    assert 20 <= first.count(200) <= 36


@pytest.mark.parametrize(
    ("trouble", "status", "content_type"),
    [
        (proxy_page(), 200, "text/html; charset=utf-8"),
        (redirect("https://elsewhere.example/"), 302, "text/html; charset=utf-8"),
        (redirect("/login", 301), 301, "text/html; charset=utf-8"),
        (too_many("7"), 429, "text/plain; charset=utf-8"),
    ],
)
def test_the_usual_troubles_have_a_name(
    mattermost: FakeMattermost, http: httpx.Client, trouble: Answer, status: int, content_type: str
) -> None:
    mattermost.script.next(trouble)
    answer = send(mattermost, http)
    assert (answer.status_code, answer.headers["content-type"]) == (status, content_type)
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    assert mattermost.posts == []


def test_every_attempt_is_kept_with_what_came_and_what_was_answered(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    mattermost.script.next(Answer(503, "later"))
    http.post(f"{mattermost.hook_url}?a=1", json={"text": "hello"}, headers={"X-Delivery": "d1"})
    (attempt,) = mattermost.attempts
    request = attempt.request
    assert (request.number, request.method, request.query, request.client) == (1, "POST", "a=1", "127.0.0.1")
    assert (request.header("x-DELIVERY"), request.headers["x-delivery"], request.header("x-none")) == ("d1", "d1", None)
    assert request.json() == {"text": "hello"}
    assert attempt.reply is not None
    assert attempt.reply.text == "later"
    assert isinstance(attempt.trouble, Answer)
