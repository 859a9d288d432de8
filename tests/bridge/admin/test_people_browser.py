"""Pages of people, projects and incidents in a real browser: whole on a phone, and a click does what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bridge.admin.test_browser import UNNAMED, UNREADABLE, a_site
from tests.fakes.browser import Browser
from tests.fakes.people import PASSWORD

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

PICTURES = os.environ.get("AMS_BRIDGE_PAGE_PICTURES", "")
"""A folder where a reviewer finds how the pages look; empty: no picture is taken."""
SMALL = """[...document.querySelectorAll(
    'button, .button, input:not([type=hidden]):not(.unseen), select, summary, header a')]
  .filter((e) => e.checkVisibility() && !e.closest('label.check, label.box, td.tick'))
  .filter((e) => e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML.slice(0, 120))"""
"""What is too low for a finger."""
PATHS = (
    "/people", "/account", "/ams", "/ams/projects/P", "/ams/projects/P/topics/T",
    "/ams/projects/P/subscriptions/S?peek=1", "/ams/projects/P/schemas/SHAPE", "/ams/users", "/ams/users/robot",
    "/ams/registrations", "/incidents",
    "/incidents/key?rule=sites%20in%20trouble&key=SITE-A", "/silences", "/login",
)  # fmt: skip


async def furnish(http: httpx.AsyncClient) -> None:
    """Something on every page."""
    project = "/v1/projects/P"
    schema = {"type": "json", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    for method, path, body in (
        ("POST", "/api/people", {"name": "ann@example.org", "role": "viewer", "password": PASSWORD}),
        ("POST", "/api/people", {"name": "rita", "role": "responder", "password": PASSWORD, "with_token": True}),
        ("PUT", f"{project}/subscriptions/S", {"topic": "projects/P/topics/T"}),
        ("POST", f"{project}/schemas/SHAPE", schema),
        ("POST", f"{project}/members/robot", {"projects": [{"project": "P", "roles": ["publisher", "consumer"]}]}),
        ("POST", "/v1/registrations", {"name": "eve", "first_name": "Eve", "email": "eve@example.org"}),
        ("POST", f"{project}/topics/T:publish", {"messages": [{"data": "eyJuIjogMX0=", "attributes": {"vo": "ops"}}]}),
        ("POST", "/api/incidents:take", {"rule": "sites in trouble", "key": "SITE-A", "who": "rita"}),
        ("POST", "/api/silences", {"matchers": {"rule": "shorter"}, "for_s": 7200, "why": "power works"}),
    ):
        answer = await http.request(method, path, json=body)
        assert answer.status_code == 200, (path, answer.text)


async def picture(browser: Browser, path: str, width: int, dark: bool) -> None:
    if PICTURES:
        name = path.strip("/").replace("/", "_").partition("?")[0]
        file = Path(PICTURES) / f"{name}-{width}{'-dark' if dark else ''}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        height = int(await browser.value("Math.min(document.documentElement.scrollHeight, 2400)"))
        file.write_bytes(await browser.take_picture(width=width, height=height))


async def test_pages_of_people_and_projects_are_whole_and_readable_and_fit_a_phone(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, http, _):
        await furnish(http)
        for width, dark in ((1600, False), (360, False), (360, True)):
            await browser.look(width=width, dark=dark)
            for path in PATHS:
                await browser.open(path)
                await browser.value("document.querySelectorAll('main details').forEach((d) => { d.open = true; })")
                where = f"{path} at {width}{' dark' if dark else ''}"
                await picture(browser, path, width, dark)
                assert (where, await browser.value(UNREADABLE)) == (where, [])
                assert (where, await browser.value(UNNAMED)) == (where, [])
                assert (where, await browser.value("document.querySelectorAll('h1').length")) == (where, 1)
                assert (where, await browser.value("document.documentElement.scrollWidth") <= width) == (where, True)
                if width == 360:
                    assert (where, await browser.value(SMALL)) == (where, [])
        assert browser.troubles == []


async def log_in(browser: Browser, name: str) -> None:
    await browser.click(".who button")
    await browser.type("#name", name)
    await browser.type("#token", PASSWORD)
    await browser.click("main button")


async def submit(browser: Browser, action: str, **fields: Any) -> str:
    """Fill in the form whose button does ``action``, send it, and give what the page says then."""
    button = f"main button[value='{action}']"
    await browser.value(f"document.querySelector(\"{button}\").closest('details')?.setAttribute('open', '')")
    for name, text in fields.items():
        field = f"document.querySelector(\"{button}\").form.elements['{name}']"
        await browser.value(f"{field}.value = {text!r}")
    await browser.click(button)
    return await browser.text()


async def test_a_topic_a_subscription_and_a_user_are_made_and_a_message_published(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, _, _):
        await browser.open("/ams/projects/P")
        assert "The topic NEWS was made." in await submit(browser, "topic", name="NEWS")
        await browser.open("/ams/projects/P")
        assert "The subscription READER was made." in await submit(browser, "subscription", name="READER", topic="NEWS")
        await browser.open("/ams/projects/P")
        assert "Shown once" in await submit(browser, "member-new", name="robot")
        assert len(await browser.value("document.querySelector('#secret').innerText")) == 64
        await browser.open("/ams/projects/P/topics/NEWS")
        assert "it is message 0" in await submit(browser, "publish", data="hello <b>", attributes="vo=ops")
        await browser.open("/ams/projects/P/subscriptions/READER?peek=1")
        assert "hello <b>" in await browser.text()
        assert browser.troubles == []


async def test_a_responder_takes_over_and_silences_from_a_phone_and_a_viewer_can_do_neither(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, http, _):
        await furnish(http)
        await http.post("/api/incidents:take", json={"rule": "sites in trouble", "key": "SITE-A", "who": "night shift"})
        await browser.look(width=360, dark=True)
        await browser.open("/account")
        await log_in(browser, "rita")
        await browser.open("/incidents")
        await browser.click("button[aria-label='Take SITE-A over from night shift']")
        assert "rita has taken SITE-A" in await browser.text()
        await browser.click("summary[aria-label='Silence SITE-A for a while']", loads=False)
        await browser.click("button[aria-label='Silence SITE-A for 2 h']")
        assert "SITE-A is kept quiet for 2h" in await browser.text()
        assert len((await http.get("/api/silences")).json()["silences"]) == 2
        await log_in(browser, "ann@example.org")
        for path in ("/incidents", "/silences", "/rules", "/deliveries?state=dead", "/nodes"):
            await browser.open(path)
            assert (path, await browser.value("document.querySelectorAll('main form[method=post]').length")) == (
                path,
                0,
            )
        await browser.open("/people")
        assert "takes the role of an admin" in await browser.text()
        await browser.click("label.menu", loads=False)
        assert not await browser.value("[...document.querySelectorAll('nav a')].some((a) => a.innerText === 'People')")
        (refused,) = browser.troubles  # the browser's own word about the page that a viewer may not see
        assert "status of 403" in refused
