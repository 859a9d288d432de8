from __future__ import annotations

import asyncio
import gc
import threading

import httpx
import pytest

from bridge.fakes.listening import serve
from bridge.fakes.trouble import Hang
from tests.fakes.mattermost import FakeMattermost, Listener, Settings, running


def test_a_fake_listens_for_the_length_of_a_block(http: httpx.Client) -> None:
    with running(FakeMattermost()) as it:
        assert http.post(it.hook_url, json={"text": "x"}).text == "ok"
    with pytest.raises(httpx.ConnectError):
        http.post(it.hook_url, json={"text": "x"})
    assert len(it.posts) == 1


def test_an_outage_refuses_connections_and_forgets_nothing(http: httpx.Client) -> None:
    it = FakeMattermost()
    listener = Listener(it)
    listener.start()
    try:
        url = it.hook_url
        http.post(url, json={"text": "before"})
        listener.stop()
        with pytest.raises(httpx.ConnectError):
            http.post(url, json={"text": "during"})
        listener.start()
        assert it.hook_url == url
        http.post(url, json={"text": "after"})
        assert [post.text for post in it.posts] == ["before", "after"]
    finally:
        listener.stop()
        listener.stop()


def test_stopping_lets_go_of_held_requests_and_leaves_no_thread(http: httpx.Client) -> None:
    before = threading.active_count()
    hang = Hang()
    answers: list[str] = []
    with running(FakeMattermost()) as it:
        it.script.next(hang)
        sending = threading.Thread(target=lambda: answers.append(http.post(it.hook_url, json={"text": "x"}).text))
        sending.start()
        hang.wait_until_held()
    sending.join()
    assert answers == ["ok"]
    assert threading.active_count() == before
    gc.collect()


def test_a_taken_address_is_an_error() -> None:
    with running(FakeMattermost()) as it:
        port = int(it.base_url.rpartition(":")[2])
        other = Listener(FakeMattermost(), port=port)
        with pytest.raises(OSError, match=r"[Aa]ddress"):
            other.start()
        other.stop()


async def test_a_fake_can_be_served_in_the_running_loop_until_cancelled() -> None:
    it = FakeMattermost()
    loop = asyncio.get_running_loop()
    started: asyncio.Future[str] = loop.create_future()
    serving = asyncio.create_task(serve(it, "127.0.0.1", 0, started=started.set_result))
    assert await started == it.base_url
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(it.hook_url, json={"text": "x"})).text == "ok"
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(httpx.TransportError):
            await http.post(it.hook_url, json={"text": "x"})


def test_it_speaks_ipv6(http: httpx.Client) -> None:
    try:
        with running(FakeMattermost(), host="::1") as it:
            assert http.post(it.hook_url, json={"text": "x"}).text == "ok"
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


def test_waiting_for_posts_ends_when_they_came_or_says_how_many_did(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    sending = threading.Thread(target=lambda: [http.post(mattermost.hook_url, json={"text": "x"}) for _ in range(3)])
    sending.start()
    assert len(mattermost.wait_for_posts(3)) == 3
    sending.join()
    with pytest.raises(TimeoutError, match="3 of 4 posts"):
        mattermost.wait_for_posts(4, timeout_s=0.01)
    with pytest.raises(TimeoutError, match="3 of 4 requests"):
        mattermost.wait_for_attempts(4, timeout_s=0.01)


async def test_a_coroutine_may_wait_for_posts_too(mattermost: FakeMattermost) -> None:
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(mattermost.await_posts(1))
        tasks.create_task(http.post(mattermost.hook_url, json={"text": "x"}))
    assert [post.text for post in waiting.result()] == ["x"]


def test_clearing_forgets_posts_and_attempts(mattermost: FakeMattermost, http: httpx.Client) -> None:
    http.post(mattermost.hook_url, json={"text": "old"})
    mattermost.clear()
    assert (mattermost.posts, mattermost.attempts) == ([], [])
    http.post(mattermost.hook_url, json={"text": "new"})
    assert [post.text for post in mattermost.wait_for_posts(1)] == ["new"]


def test_only_the_last_are_kept(http: httpx.Client) -> None:
    with running(FakeMattermost(Settings(keep_last=2))) as it:
        for number in range(4):
            http.post(it.hook_url, json={"text": str(number)})
        assert [post.text for post in it.posts] == ["2", "3"]
        assert [attempt.request.number for attempt in it.attempts] == [3, 4]
        assert it.world.board.total == 4
        assert len(it.wait_for_posts(4)) == 2


async def test_many_senders_at_once_lose_nothing(mattermost: FakeMattermost) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:

        async def send(sender: int) -> None:
            for number in range(20):
                await http.post(mattermost.hook_url, json={"text": f"{sender}/{number}"})

        await asyncio.gather(*(send(sender) for sender in range(8)))
    texts = [post.text for post in mattermost.posts]
    assert sorted(texts) == sorted(f"{sender}/{number}" for sender in range(8) for number in range(20))
    for sender in range(8):
        mine = [text for text in texts if text.startswith(f"{sender}/")]
        assert mine == [f"{sender}/{number}" for number in range(20)]
