"""A daemon with something on every page, and a browser's way of speaking to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.line.stage import TOKEN, Stage, a_stage, wire

RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "**n** is {{ data.n }}", send: inbox}
  - name: "hosts: down"
    about: Hosts that do not answer
    match: {$.host: {exists: true}, $.status: CRITICAL}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    text: "{{ data.host }} is {{ data.status }}"
    send: [inbox, nobody]
  - {name: quieter, match: {$.host: {exists: true}}, text: "{{ data.host }}", shadow: true, send: inbox}
"""
SECRET = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
DESTINATIONS = f"""
  inbox: {{type: inbox}}
  nobody: {{type: mattermost, url: "http://127.0.0.1:9/hooks/{SECRET}", retry: {{give_up_after: 1s, base: 100ms}}}}
"""


@asynccontextmanager
async def a_daemon(tmp_path: Path) -> AsyncIterator[Stage]:
    """Two posts in the inbox, and nobody logged in."""
    async with a_stage(tmp_path, RULES, DESTINATIONS, store="memory") as stage:
        await stage.publish({"n": 1}, {"n": "<script>alert(1)</script>"})
        await stage.settled(2)
        stage.http.headers.pop("x-api-key")
        yield stage


async def log_in(stage: Stage, token: str = TOKEN, wanted: str = "/inbox") -> httpx.Response:
    """Give a token to the login page, and keep the session."""
    answer = await stage.http.post("/login", data={"token": token, "next": wanted})
    for cookie in answer.headers.get_list("set-cookie"):
        stage.http.headers["cookie"] = cookie.partition(";")[0]
    return answer


async def send_form(stage: Stage, path: str, page: str = "/silences", **fields: str | list[str]) -> httpx.Response:
    """Send a form with the token that stands on ``page``, and follow to the page that is shown next."""
    found = re.search(r'name="form_token" value="([^"]+)"', (await stage.http.get(page)).text)
    assert found is not None
    answer = await stage.http.post(path, data={"form_token": found[1], **fields})
    if answer.status_code != 303:
        return answer
    said = answer.headers["set-cookie"].partition(";")[0]
    cookies = {"cookie": f"{stage.http.headers['cookie']}; {said}"}
    return await stage.http.get(answer.headers["location"], headers=cookies)


async def an_incident(stage: Stage) -> str:
    """Let a host be down: one delivery arrives, one becomes a dead letter, whose id this gives."""
    message = {"data": wire({"host": "web<1>", "status": "CRITICAL"}), "attributes": {}}
    path = "/v1/projects/P/topics/T:publish"
    (await stage.http.post(path, json={"messages": [message]}, headers={"x-api-key": TOKEN})).raise_for_status()
    found = await stage.until(lambda all_: any(one.state == "dead" for one in all_), step_s=1)
    return next(one.id for one in found if one.state == "dead")
