"""The stand-in beside a real server 5.37: the same asks, the same answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.mattermost import FakeMattermost, Settings, running
from tests.fakes.mattermost_asks import ASKS, told

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "mattermost-5.37.json").read_text(encoding="utf-8"))


class StandIn:
    """The stand-in as a side."""

    def __init__(self, server: FakeMattermost, http: httpx.Client) -> None:
        self._server = server
        self._http = http
        self._alice = server.town.add_token("alice")
        self._numbers = count(1)

    def bot(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self._as(self._server.bot_token, method, path, body, headers)

    def alice(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self._as(self._alice, method, path, body, headers)

    def raw(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        return self._http.request(method, self._server.base_url + path, content=content, headers=headers)

    def user(self, name: str) -> str:
        user = self._server.town.find_user(name)
        assert user is not None
        return user.id

    def channel(self, *, private: bool = False, members: tuple[str, ...] = ("ams-bridge", "alice", "bob")) -> str:
        name = f"channel{next(self._numbers)}"
        return self._server.town.add_channel(name, private=private, members=members).id

    def name_of(self, channel_id: str) -> str:
        return self._server.town.channels[channel_id].name

    def hook(self, channel_id: str, *, locked: bool = False) -> str:
        return self._server.town.add_hook(self.name_of(channel_id), locked=locked, display_name="h").id

    def archive(self, channel_id: str) -> None:
        self._server.town.change_channel(self.name_of(channel_id), archived=True)

    def leave(self, channel_id: str, name: str) -> None:
        self._server.town.leave(channel_id, name)

    def delete_hook(self, hook_id: str) -> None:
        self._server.town.delete_hook(hook_id)

    def _as(self, token: str, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json", **headers}
        content = b"" if body is None else json.dumps(body).encode()
        return self._http.request(method, f"{self._server.base_url}/api/v4{path}", content=content, headers=headers)


@pytest.fixture(scope="module")
def side() -> Iterator[StandIn]:
    of_5 = FakeMattermost(Settings(version=(5, 37), web_client=False))
    with running(of_5) as server, httpx.Client(trust_env=False, timeout=10) as http:
        yield StandIn(server, http)


@pytest.mark.parametrize("name", ASKS)
def test_the_stand_in_answers_as_the_real_server_did(side: StandIn, name: str) -> None:
    answered, recorded = told(ASKS[name](side)), dict(RECORDED[name])
    if name.endswith("the limits"):  # of two hundred switches the stand-in has those that it knows
        assert set(answered.pop("keys")) <= set(recorded.pop("keys"))
    assert answered == recorded


def test_every_recorded_answer_is_asked_for() -> None:
    assert list(RECORDED) == list(ASKS)
