"""What payloads call a secret is not shown to people who look at messages and posts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.operate.hidden_values import hide_in_text, hide_in_value, is_secret_name, is_secret_place
from tests.fakes.control import a_daemon, decided
from tests.fakes.pages import log_in

SECRET = "not-a-real-secret"
RULES = """
topic: projects/P/topics/T
rules:
  - name: passed on
    match: {$.client_secret: {exists: true}}
    set: {s: "{{ data | to_json }}"}
    key: "{{ data.id }}"
    body: "{{ data | to_json }}"
    text: told
    send: board
  - {name: never, match: {$.client_secret: another}, text: never, send: board}
"""
TASK = {"id": 12, "client_secret": SECRET, "inner": [{"accessToken": SECRET}], "token_endpoint_auth_method": "basic"}


@pytest.mark.parametrize(
    "name",
    ["secret", "client_secret", "clientSecret", "user_secrets", "password", "api-key", "API_KEY", "refresh_token"],
)
def test_a_value_is_hidden_by_its_name(name: str) -> None:
    assert is_secret_name(name)
    assert hide_in_value({name: SECRET, "id": 1}) == {name: "***", "id": 1}
    assert hide_in_value({name: None}) == {name: None}
    assert SECRET not in hide_in_text(json.dumps({name: SECRET}))
    assert is_secret_place(f"$.{name}")
    assert is_secret_place(f"$['{name}']")


@pytest.mark.parametrize("name", ["token_endpoint", "secretary", "key", "id", "site", "passwords_left", ""])
def test_other_names_show_their_values(name: str) -> None:
    assert hide_in_value({name: "x"}) == {name: "x"}
    assert not is_secret_place(f"$.{name}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"client_secret":"a\\"b","id":1}', '{"client_secret":"***","id":1}'),
        ('{"password" : 1234, "n": 1}', '{"password" : "***", "n": 1}'),
        ('{"token": "cut sho', '{"token": "***"'),
        ('{"token": "cut\\\\', '{"token": "***"'),
        ("a=1&client_secret=x%20y&b=2", "a=1&client_secret=***&b=2"),
        ('{"text": "the token is lost"}', '{"text": "the token is lost"}'),
    ],
)
def test_a_text_is_shown_without_them_even_when_it_is_cut(text: str, shown: str) -> None:
    assert hide_in_text(text) == shown


@given(st.recursive(st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)))
def test_whatever_stands_around_it_the_secret_is_not_shown(around: Any) -> None:
    hidden = hide_in_value({"around": around, "client_secret": SECRET})
    assert SECRET not in json.dumps(hidden)
    assert SECRET not in hide_in_text(json.dumps({"around": around, "client_secret": SECRET}))


@pytest.mark.parametrize(
    "text", ['"' + "a" * 200_000, '"a_' * 60_000, '"token"' + " " * 200_000, '"token": "' + "\\" * 200_001]
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    hide_in_text(text)
    assert time.process_time() - begun < 2


async def test_no_view_of_a_message_or_its_posts_shows_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        (delivery,) = await decided(stage, TASK, deliveries=1)
        await stage.settled(1)
        await log_in(stage)
        for path in (
            "/api/messages",
            "/api/explain?message=P/T:0",
            f"/api/deliveries/{delivery}",
            "/messages",
            "/messages/why?message=P/T:0",
            f"/deliveries/{delivery}",
            "/inbox",
        ):
            answer = await stage.http.get(path)
            assert (path, answer.status_code) == (path, 200)
            assert SECRET not in answer.text, path
        pulled = await stage.http.post("/v1/projects/P/subscriptions/S:pull", json={})
        assert pulled.json()["receivedMessages"][0]["message"]["data"]
        assert "***" in (await stage.http.get("/api/messages")).text
