from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx

from bridge.fakes.mattermost.rate_limit import RateLimiter
from broker.clock import ManualClock
from tests.fakes.mattermost import FakeMattermost, RateLimit, Settings, running

LIMIT = RateLimit(per_s=2, burst=3)


def test_a_burst_passes_and_then_one_request_each_interval() -> None:
    limiter = RateLimiter()
    verdicts = [limiter.ask("a", LIMIT, 100.0) for _ in range(5)]
    assert [verdict.remaining for verdict in verdicts] == [3, 2, 1, 0, 0]
    assert [verdict.retry_after_s for verdict in verdicts] == [None, None, None, None, 0.5]
    assert [verdict.reset_after_s for verdict in verdicts] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert limiter.ask("a", LIMIT, 100.5).retry_after_s is None
    assert limiter.ask("a", LIMIT, 100.5).retry_after_s == 0.5
    assert limiter.ask("b", LIMIT, 100.5).remaining == 3
    assert limiter.ask("a", LIMIT, 200.0).remaining == 3


def test_every_answer_tells_the_state_of_the_limit_and_too_many_are_429() -> None:
    clock = ManualClock()
    with running(FakeMattermost(Settings(rate_limit=LIMIT), clock=clock)) as it, httpx.Client(trust_env=False) as http:
        answers = [http.post(it.hook_url, json={"text": "x"}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["3", "2", "1", "0", "0"]
        assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"4"}
        assert [answer.headers["x-ratelimit-reset"] for answer in answers] == ["1", "1", "2", "2", "2"]
        assert "retry-after" not in answers[3].headers
        assert answers[4].headers["retry-after"] == "1"
        assert (answers[4].text, answers[4].headers["content-type"]) == (
            "limit exceeded\n",
            "text/plain; charset=utf-8",
        )
        asyncio.run(clock.advance(1.0))
        assert http.post(it.hook_url, json={"text": "x"}).text == "ok"
        assert len(it.posts) == 5


def test_errors_tell_the_state_of_the_limit_too() -> None:
    with running(FakeMattermost(Settings(rate_limit=LIMIT))) as it, httpx.Client(trust_env=False) as http:
        assert http.post(it.hook_url, json={}).headers["x-ratelimit-remaining"] == "3"


def test_without_a_limit_there_are_no_such_headers(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, rate_limit=None)
    assert "x-ratelimit-limit" not in http.post(mattermost.hook_url, json={"text": "x"}).headers
