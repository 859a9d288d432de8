"""The pages in a real browser: nothing breaks, everything can be read and reached, and a click does what it says."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.admin.page_routes import NAVIGATION
from tests.fakes.browser import Browser, a_browser
from tests.house.requirements import require_program
from tests.line.process import DaemonProcess, a_free_port
from tests.line.stage import wire

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

TOKEN = "browser-token"
SETTINGS = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:bridge.db
auth: {{service_token: {token}}}
projects: {{P: {{topics: {{T: {{}}}}}}}}
destinations:
  inbox: {{type: inbox}}
  refuses: {{type: webhook, url: "http://127.0.0.1:{port}/nowhere?token=SECRET"}}
  theirs:
    type: database
    url: "sqlite:///{folder}/alarms.db"
    table: alarms
    key: [site]
    page:
      {{columns: [status, site, changed, url], filters: [status, site], newest: changed, severity: status,
       history: past}}
rules: rules.d
"""
RULES = """
topic: projects/P/topics/T
rules:
  - name: sites in trouble
    match: {$.site: {exists: true}}
    key: "{{ data.site }}"
    resolved: {$.status: OK}
    severity: critical
    title: "{{ data.site }} is {{ data.status }}"
    url: https://ui.example.org/
    text: "{{ data.text }}"
    fields: [{title: Site, value: "{{ data.site }}"}]
    send: [inbox, refuses]
  - {name: hostile, match: {$.markdown: {exists: true}}, text: "{{ data.markdown | safe_md }}", send: inbox}
  - {name: shorter, match: {$.site: {exists: true}}, text: "{{ data.site }}", shadow: true, send: inbox}
"""
HOSTILE = [
    "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">",
    "![tracker](http://127.0.0.1:9/p.png) [x](javascript:alert(1))",
    "| a | b |\n|:--|--:|\n| 1 | 2 |\n\n```\ncode\n```",
    "שלום עולם, SITE-A مرحبا بالعالم ‮override",
    "word " * 2_000,
    "x" * 10_000,
]
ALARMS = [
    {"site": "SITE-A", "status": "CRITICAL", "text": "no answer"},
    {"site": "<img src=x onerror=alert(1)>" + "Z" * 300, "status": "CRITICAL", "text": "<b>bold</b>"},
]
UNREADABLE = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const linear = (c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c[3] === 255) return c; } return [255, 255, 255]; };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('.unseen, .skip')) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) found.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...found];
})()"""
"""Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2, level AA)."""
UNNAMED = """[...document.querySelectorAll('input:not([type=hidden]), select, button, a')]
  .filter((e) => e.checkVisibility() && !(e.labels && e.labels.length))
  .filter((e) => !e.getAttribute('aria-label') && !e.innerText.trim()).map((e) => e.outerHTML.slice(0, 120))"""
"""What can be reached and has no name to be called by."""


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[tuple[Browser, httpx.AsyncClient, str]]:
    """A daemon with alarms told, refused and in shadow, a browser that is logged in, and the id of a dead letter."""
    program = require_program("chromium", package="chromium")
    port = a_free_port()
    (folder / "rules.d").mkdir()
    (folder / "rules.d" / "rules.yaml").write_text(RULES)
    (folder / "bridge.yaml").write_text(SETTINGS.format(port=port, token=TOKEN, folder=folder))
    fill_table(folder / "alarms.db")
    daemon = DaemonProcess(folder / "bridge.yaml", cwd=folder)
    try:
        daemon.start()
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, headers={"x-api-key": TOKEN}) as http:
            await publish(http, *ALARMS, *({"markdown": text} for text in HOSTILE), {"nobody": "wants this"})
            dead = await a_dead_letter(http)
            async with a_browser(program, url) as browser:
                await browser.open("/rules")
                await browser.type("#token", TOKEN)
                await browser.click("main button")
                yield browser, http, dead
    finally:
        daemon.close()


def fill_table(file: Path) -> None:
    """Alarms that somebody else wrote, as odd as others'."""
    rows = [
        ("CRITICAL", "SITE-A", "2026-01-01 00:00:00", "https://ui.example.org/" + "y" * 200),
        ("OK", "SITE-B", "2026-01-01T00:01:00Z", "javascript:alert(1)"),
        ("odd", "<img src=x onerror=\"document.title='broken'\">" + "Z" * 300, "yesterday", None),
        *(("WARNING", f"SITE-{nth}", "2026-01-02T00:00:00Z", "") for nth in range(150)),
    ]
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE alarms (status TEXT, site TEXT PRIMARY KEY, changed DATETIME, url TEXT)")
        database.execute("CREATE TABLE past (status TEXT, site TEXT, changed DATETIME, n INTEGER PRIMARY KEY)")
        database.executemany("INSERT INTO alarms VALUES (?, ?, ?, ?)", rows)
        database.executemany("INSERT INTO past (status, site, changed) VALUES (?, ?, ?)", [row[:3] for row in rows])


async def publish(http: httpx.AsyncClient, *payloads: Any) -> None:
    messages = [{"data": wire(payload), "attributes": {}} for payload in payloads]
    (await http.post("/v1/projects/P/topics/T:publish", json={"messages": messages})).raise_for_status()


async def a_dead_letter(http: httpx.AsyncClient) -> str:
    """The id of one, once both refused ones are dead and every post is in the inbox."""
    for _ in range(5_000):
        (inbox, refuses, _) = (await http.get("/api/status")).json()["destinations"]
        if (inbox["delivered"], refuses["dead"]) == (len(ALARMS) + len(HOSTILE), len(ALARMS)):
            found = (await http.get("/api/deliveries", params={"state": "dead"})).json()["deliveries"]
            return str(found[0]["id"])
    raise AssertionError("the deliveries never settled")


async def test_every_page_is_whole_readable_and_fits_on_desktop_and_phone_in_light_and_dark(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, _, dead):
        paths = [path for path, _ in NAVIGATION] + [
            f"/deliveries/{dead}",
            "/deliveries?state=dead",
            "/messages/why?message=P/T:0",
            "/rules/shorter",
            "/rules/sites%20in%20trouble",
            "/silences?all=1&rule=hostile#add",
            "/alarms?c.site=SITE-A&sort=-site",
            "/timeline?from=1h&key=SITE-A",
            "/find?q=SITE-A",
            "/alarms/row?k.site=SITE-A",
            "/login",
        ]
        for width in (1280, 390):
            for dark in (False, True):
                await browser.look(width=width, dark=dark)
                for path in paths:
                    await browser.open(path)
                    where = f"{path} at {width}{' dark' if dark else ''}"
                    assert (where, await browser.value(UNREADABLE)) == (where, [])
                    assert (where, await browser.value(UNNAMED)) == (where, [])
                    assert await browser.value("document.querySelectorAll('h1').length") == 1, where
                    assert await browser.value("document.documentElement.scrollWidth") <= width, where
                    assert "broken" not in await browser.value("document.title"), where
        assert browser.troubles == []


async def test_a_dead_letter_is_sent_again_with_a_click(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, http, dead):
        await browser.open(f"/deliveries/{dead}")
        await browser.click("button[value=replay]")
        assert "1 delivery will be sent again." in await browser.text()
        assert (await http.get(f"/api/deliveries/{dead}")).json()["delivery"]["late"]
        assert browser.troubles == []


async def test_a_silence_is_added_and_ended_with_a_click_and_an_incident_taken(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, http, _):
        await browser.open("/incidents")
        await browser.click("summary[aria-label='Silence SITE-A for a while']", loads=False)
        await browser.click("a[aria-label='Silence SITE-A']")
        assert await browser.value("document.querySelector('[name=value1]').value") == "SITE-A"
        await browser.type("[name=why]", "power works")
        await browser.click("#add button")
        assert "The silence holds." in await browser.text()
        (silence,) = (await http.get("/api/silences")).json()["silences"]
        assert silence["matchers"] == {"rule": "sites in trouble", "key": "SITE-A"}
        await browser.click("button[aria-label='End the silence: power works']")
        assert (await http.get("/api/silences")).json()["silences"] == []
        await browser.open("/incidents")
        await browser.click("button[aria-label='Take SITE-A']")
        assert "service token has taken SITE-A" in await browser.text()
        assert browser.troubles == []


async def test_all_dead_letters_are_ticked_and_dropped_after_a_question(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, _, _):
        await browser.open("/deliveries?state=dead")
        await browser.click("[data-tick]", loads=False)
        await browser.click("button[value=drop]")
        assert "2 deliveries dropped." in await browser.text()
        assert browser.troubles == []


async def test_messages_are_followed_live_and_the_inbox_keeps_itself_fresh(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, http, _):
        await browser.open("/messages")
        await browser.click("[data-tail]", loads=False)
        await browser.until("document.querySelector('[data-tail]').innerText === 'Following live'")
        await publish(http, {"nobody": "<i>live</i>"})
        await browser.until("document.querySelector('#messages tbody tr').innerText.includes('<i>live</i>')")
        await browser.open("/inbox")
        await publish(http, {"markdown": "**fresh**"})
        await browser.until("document.querySelector('.post').innerText.includes('fresh')")
        assert browser.troubles == []


async def test_the_first_tab_leads_past_the_navigation(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, _, _):
        await browser.open("/")
        await browser.press("Tab")
        assert await browser.value("document.activeElement.innerText") == "Skip to the content"


async def test_a_text_that_cannot_be_read_would_be_noticed(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, _, _):
        await browser.open("/incidents")
        await browser.value("document.querySelector('h1').style.color = '#c8c8c8'")
        assert await browser.value(UNREADABLE) != []


async def test_alarms_are_chosen_with_a_click_and_one_shows_its_past(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (browser, _, _):
        await browser.look(width=360, dark=False)
        await browser.open("/alarms")
        assert "153 fit" in await browser.text()
        await browser.click("a.tile.bad")
        assert "1 fits" in await browser.text()
        assert "broken" not in await browser.value("document.title")
        await browser.click("td.do a")
        assert "SITE-A" in await browser.value("document.querySelector('h1').innerText")
        assert "CRITICAL" in await browser.value("document.querySelector('table').innerText")
        assert browser.troubles == []
