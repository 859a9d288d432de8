"""Large requests are read and answered beside the event loop, word for word as small ones are."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from bridge.api.api_errors import ApiError
from bridge.api.call import Api
from bridge.api.decoding import BadBody, decode_shape
from bridge.api.dispatch import AmsApp
from bridge.api.publish_bodies import messages_of
from bridge.api.wire import PublishRequest
from broker.beside import LARGE_BYTES, LARGE_ITEMS, Beside
from tests.fakes.ams_api import Ams, a_staged_api

Result = TypeVar("Result")
LONG = "A" * (LARGE_BYTES + 4)


class NotedBeside(Beside):
    """Notes on which thread each step ran; the first one on another thread than the loop's is held for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = threading.get_ident()
        self.threads: list[int] = []
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    async def run(self, step: Callable[[], Result], *, large: bool) -> Result:
        def noted() -> Result:
            self.threads.append(threading.get_ident())
            if threading.get_ident() != self.loop:
                self.begun.set()
                self.may_end.wait(20)
            return step()

        return await super().run(noted, large=large)

    def taken(self) -> set[bool]:
        """Whether what ran since the last look was on the event loop."""
        here = {thread == self.loop for thread in self.threads}
        self.threads.clear()
        return here


async def a_noted_api() -> tuple[Ams, NotedBeside]:
    ams = await a_staged_api()
    beside = NotedBeside()
    api = ams.app.api
    ams.app = AmsApp(
        Api(api.broker, api.settings, api.outside, beside=beside), lambda route, status, seconds, trace: None
    )
    return ams, beside


async def test_small_requests_are_read_and_answered_on_the_event_loop() -> None:
    ams, beside = await a_noted_api()
    await ams.publish("x")
    (pulled,) = await ams.pull()
    await ams.ok("POST", "/projects/P/subscriptions/S:acknowledge", {"ackIds": [pulled["ackId"]]})
    assert beside.taken() == {True}


async def test_a_large_publish_pull_and_acknowledgement_run_on_a_thread() -> None:
    ams, beside = await a_noted_api()
    assert len(await ams.publish(*["x"] * 9_000)) == 9_000
    assert beside.taken() == {False}
    pulled = await ams.pull(LARGE_ITEMS + 1)
    assert False in beside.taken()
    assert [one["message"]["messageId"] for one in pulled] == [str(n) for n in range(LARGE_ITEMS + 1)]
    acked = {"ackIds": [one["ackId"] for one in pulled] * 10}
    await ams.ok("POST", "/projects/P/subscriptions/S:acknowledge", acked)
    assert beside.taken() == {False}
    assert (await ams.pull())[0]["message"]["messageId"] == str(LARGE_ITEMS + 1)


async def test_a_pull_of_few_large_messages_is_written_on_a_thread() -> None:
    ams, beside = await a_noted_api()
    await ams.publish(LONG)
    beside.taken()
    (pulled,) = await ams.pull()
    assert False in beside.taken()
    assert pulled["message"]["data"] == LONG


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/projects/P/topics/T:modifyAcl", {"authorized_users": ["pub"] * 30_000}),
        ("POST", "/projects/P/subscriptions/S:modifyAcl", {"authorized_users": ["con"] * 30_000}),
        ("POST", "/projects/P/schemas/large", {"type": "json", "schema": {"description": LONG}}),
        ("PUT", "/projects/P/topics/T2", {"schema": "", "about": LONG}),
        ("PUT", "/projects/P", {"description": LONG}),
        ("PUT", "/users/pub", {"description": LONG}),
        ("POST", "/projects/P/subscriptions/S:modifyOffset", {"offset": 0, "about": LONG}),
    ],
)
async def test_any_large_body_is_read_on_a_thread(method: str, path: str, body: Any) -> None:
    ams, beside = await a_noted_api()
    await ams.ok(method, path, body)
    assert beside.taken() == {False}


async def test_others_are_answered_while_a_large_request_is_read() -> None:
    ams, beside = await a_noted_api()
    beside.may_end.clear()
    large = asyncio.create_task(ams.publish(LONG))
    await asyncio.to_thread(beside.begun.wait, 20)
    assert await ams.publish("x") == ["0"]
    assert not large.done()
    beside.may_end.set()
    assert await large == ["1"]


PARTS = [
    '{"data":"eA==","attributes":{"a":"b"}}',
    '{"data":"eA==","messageId":"7"}',
    '{"DATA":"eA==","Attributes":{"a":"b","a":"c"}}',
    '{"data":"x","data":"y"}',
    '{"data":null,"attributes":null}',
    "{}",
    "null",
    '{"data":"\\ud800"}',
    '{"data":5}',
    '{"attributes":{"a":5}}',
    '{"attributes":[]}',
    '{"data":"x"',
    '"x"',
    "[]",
    "{data:1}",
    '{"x":1e999}',
    '{"x":01}',
    '{"x":NaN}',
    "",
]
AROUND = [
    '{"messages":[%s]}',
    ' {\n "messages" : [ %s ] } \r\n',
    '{"Messages":[%s]}',
    '{"messages":[%s],"more":1}',
    '{"messages":[{"data":5}],"messages":[%s]}',
    '{"messages":[%s],"messages":[{"data":"z"}]}',
    '{"messages":[%s],"messages":null}',
    '{"messages":null,"\\u006dessages":[%s]}',
    '{"messages":[%s],"messages":5}',
    '{"messages":{"a":%s}}',
    '{"messages":[%s]}}',
    '{"messages":[%s]',
    "[%s]",
    '\ufeff{"messages":[%s]}',
]


def read_leniently(body: bytes) -> list[tuple[str, dict[str, str]]] | None:
    """What AMS makes of a body, None when it refuses it."""
    try:
        return [(one.data, dict(one.attributes)) for one in decode_shape(body, PublishRequest).messages]
    except BadBody:
        return None


def read_as_large(body: bytes) -> list[tuple[str, dict[str, str]]] | None:
    """The same for what the daemon makes of it."""
    assert len(body) > LARGE_BYTES
    try:
        return [(one.data, dict(one.attributes)) for one in messages_of(body)]
    except ApiError:
        return None


@pytest.mark.parametrize("around", AROUND)
def test_a_large_body_says_what_a_small_one_of_its_form_says(around: str) -> None:
    for part in PARTS:
        for parts in (f"{json.dumps({'data': LONG})},{part}", f"{part},{json.dumps({'data': LONG})}"):
            body = (around % parts).encode()
            assert read_as_large(body) == read_leniently(body), (around, part)


def test_bytes_that_are_no_text_are_replaced_in_a_large_body_too() -> None:
    body = b'{"messages":[{"data":"\xff"},{"data":"' + LONG.encode() + b'"}]}'
    assert read_as_large(body) == [("\ufffd", {}), (LONG, {})]
