"""The pictures of the pages are of the pages: a browser takes them of the example that the documentation tells of.

``AMS_BRIDGE_SCREENSHOTS=1 pytest -m proof tests/docs/test_screenshots.py`` writes them to docs/images anew.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.fakes.browser import Browser, a_browser
from tests.house.reading import ROOT
from tests.house.requirements import require_program
from tests.line.process import DaemonProcess, a_free_port
from tests.line.stage import wire

IMAGES = ROOT / "docs" / "images"
EXAMPLE = ROOT / "examples" / "argo-status"
TOKEN = "screenshot-token"
MOST_BYTES = 120_000
WIDTH = 1100
PAGES = {
    "inbox": ("/inbox", 480, "is CRITICAL"),
    "overview": ("/", 500, "monitoring"),
    "why": ("/messages/why?message=projects/ARGO/topics/status:0", 600, "status-changes"),
}
"""Of each picture the page, its height, and words that stand on it."""
SHOWN = ("OK", "WARNING", "CRITICAL")
"""The events that are told, in this order: the newest stands on top."""
SETTINGS = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:bridge.db
auth: {{service_token: {token}}}
projects: {{ARGO: {{topics: {{status: {{}}}}, subscriptions: {{archive: {{topic: status}}}}}}}}
destinations: {{monitoring: {{type: inbox}}}}
rules: {rules}
"""


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[Browser]:
    """The example at work, its samples told, and a browser that is logged in."""
    program = require_program("chromium", package="chromium")
    port = a_free_port()
    config = folder / "bridge.yaml"
    config.write_text(SETTINGS.format(port=port, token=TOKEN, rules=EXAMPLE / "rules.d"))
    read = [json.loads(line) for line in (EXAMPLE / "status-events.jsonl").read_text().splitlines()]
    usual = [event for event in read if "plugin said" not in str(event.get("summary"))]
    events = [event for status in SHOWN for event in usual if event["status"] == status]
    told = sum(event["type"] != "metric" for event in events)
    daemon = DaemonProcess(config, cwd=folder)
    try:
        daemon.start()
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, headers={"x-api-key": TOKEN}) as http:
            messages = [{"data": wire(event), "attributes": {}} for event in events]
            (await http.post("/v1/projects/ARGO/topics/status:publish", json={"messages": messages})).raise_for_status()
            await until_delivered(http, told)
        async with a_browser(program, url) as browser:
            await browser.open("/inbox")
            await browser.type("#token", TOKEN)
            await browser.click("main button")
            yield browser
    finally:
        daemon.close()


async def until_delivered(http: httpx.AsyncClient, count: int) -> None:
    for _ in range(5_000):
        (inbox,) = (await http.get("/api/status")).json()["destinations"]
        if inbox["delivered"] == count:
            return
    raise AssertionError("the deliveries never settled")


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, as the head of a PNG file says them."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.proof
@pytest.mark.timeout(120)
async def test_the_pictures_show_what_the_pages_show(tmp_path: Path) -> None:
    async with a_site(tmp_path) as browser:
        for name, (path, height, words) in PAGES.items():
            await browser.look(width=WIDTH, dark=False)
            await browser.open(path)
            assert words in await browser.text(), f"{path} no longer shows what {name}.png is about"
            picture = await browser.take_picture(width=WIDTH, height=height)
            assert size_of(picture) == (WIDTH, height)
            if os.environ.get("AMS_BRIDGE_SCREENSHOTS"):
                IMAGES.mkdir(exist_ok=True)
                (IMAGES / f"{name}.png").write_bytes(picture)
        assert browser.troubles == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_picture_is_there_is_small_and_is_shown_on_a_page(name: str) -> None:
    picture = (IMAGES / f"{name}.png").read_bytes()
    assert len(picture) <= MOST_BYTES
    assert size_of(picture) == (WIDTH, PAGES[name][1])
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert [page for page in pages if f"images/{name}.png)" in page.read_text()], "shown nowhere"


def test_every_picture_is_one_of_these() -> None:
    assert sorted(path.stem for path in IMAGES.iterdir()) == sorted(PAGES)
