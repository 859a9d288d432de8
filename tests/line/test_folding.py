"""Too much at once, through the whole daemon: bursts become one post, a long outage is summed up, nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer
from broker.model import Delivery
from tests.fakes.command_line import ask
from tests.line.stage import TOKEN, Stage, a_stage
from tests.line.test_line import chat

RULES = """
topic: projects/P/topics/T
rules:
  - name: site
    match: {$.status: [WARNING, CRITICAL]}
    resolved: {$.status: OK}
    key: "{{ data.site }}"
    severity: "{{ {'CRITICAL': 'critical', 'WARNING': 'warning'}.get(data.status, 'ok') }}"
    text: "{{ data.site }} is {{ data.status }}"
    send: chat
"""


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    with capture_logs():
        yield


def slow_chat(mattermost: FakeMattermost, **more: Any) -> str:
    return chat(
        mattermost,
        **(
            {"rate": "1/s", "burst": 5, "collapse": {"after": "30s"}, "breaker": {"failures": 2, "probe_every": "20s"}}
            | more
        ),
    )


def bot(server: FakeMattermost) -> str:
    settings = {"type": "mattermost_bot", "url": server.base_url, "token": server.bot_token, "channel": "monitoring"}
    return f"  chat: {json.dumps(settings | {'rate': '1/s', 'burst': 5, 'collapse': {'after': '30s'}})}"


async def at_rest(stage: Stage, step_s: float = 2.0) -> list[Delivery]:
    return await stage.until(lambda found: all(one.state != "waiting" for one in found), step_s=step_s)


async def say(stage: Stage, status: str, *sites: str, tells: int | None = None) -> None:
    """An event of each site, which leads to a delivery of each unless ``tells`` says of how many."""
    before = await _decided(stage)
    await stage.publish(*({"site": site, "status": status} for site in sites))
    while await _decided(stage) < before + (len(sites) if tells is None else tells):
        await stage.let_pass(0.0)


async def _decided(stage: Stage) -> int:
    return sum(1 for one in await stage.deliveries() if one.new.key)


def sites(count: int) -> list[str]:
    return [f"site-{n:02}" for n in range(count)]


async def test_a_burst_is_a_few_posts_and_one_that_names_the_rest(tmp_path: Path, mattermost: FakeMattermost) -> None:
    async with a_stage(tmp_path, RULES, slow_chat(mattermost)) as stage:
        await say(stage, "WARNING", *sites(60))
        await say(stage, "CRITICAL", "the-grid")
        found = await at_rest(stage)
        folded = [one for one in found if one.state == "folded"]
        digests = [one for one in found if one.new.phase == "digest"]
        assert len(mattermost.posts) + len(folded) - len(digests) == 61
        assert len(mattermost.posts) < 20
        texts = [post.text for post in mattermost.posts]
        assert "the-grid is CRITICAL" in texts
        (text,) = [text for text in texts if "posts in one" in text]
        assert "**warning** site-" in text
        assert f"and {len(folded) - 20} more: {len(folded) - 20} warning of site" in text
        await stage.check_books()
        (book,) = [book for book in await stage.daemon.books() if book.topic.endswith("/T")]
        assert (book.sends.decided, book.sends.folded) == (61, len(folded))

        # From the digest to what it stands in place of, and back.
        one = (await stage.http.get(f"/api/deliveries/{digests[0].id}")).json()
        assert {other["id"] for other in one["instead_of"]["deliveries"]} == {other.id for other in folded}
        listed = (await stage.http.get("/api/deliveries", params={"into": digests[0].id, "limit": 5})).json()
        assert [other["by"] for other in listed["deliveries"]] == [digests[0].id] * 5
        page = (await stage.http.get(f"/api/deliveries/{folded[0].id}")).json()
        assert (page["delivery"]["state"], page["delivery"]["by"]) == ("folded", digests[0].id)
        metrics = (await stage.http.get("/metrics")).text
        assert f'ams_bridge_folded_deliveries_total{{destination="chat",state="folded"}} {len(folded):.1f}' in metrics

        # Those that became part of the digest were told: their ends are told, too.
        await say(stage, "OK", folded[0].new.key)
        await at_rest(stage)
        assert mattermost.posts[-1].text == f"{folded[0].new.key} is OK"


async def test_after_an_outage_what_came_and_went_is_summed_up_and_what_fires_is_told(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    down = [True]
    mattermost.script.always(lambda request: Answer(503) if down[0] else None)
    async with a_stage(tmp_path, RULES, slow_chat(mattermost), store="memory") as stage:
        await say(stage, "CRITICAL", "still-bad")
        await say(stage, "WARNING", "gone", "old-1", "old-2")
        await stage.let_pass(1_800)
        await say(stage, "OK", "gone")
        await say(stage, "WARNING", "new")
        down[0] = False
        found = await at_rest(stage)
        await stage.check_books()
        states = {(one.new.key, one.new.phase): one.state for one in found if one.new.key}
        assert states["gone", "firing"] == states["gone", "resolved"] == "cancelled"
        assert states["old-1", "firing"] == states["old-2", "firing"] == "folded"
        assert states["still-bad", "firing"] == states["new", "firing"] == "delivered"
        texts = [post.text for post in mattermost.posts]
        (digest,) = [text for text in texts if "posts in one" in text]
        assert "**warning** old-1 is WARNING" in digest
        assert "**1 more** began and ended" in digest
        assert "**warning** gone is WARNING" in digest
        before = len(mattermost.posts)
        await say(stage, "OK", "gone", "old-1", "still-bad", tells=2)
        await at_rest(stage)
        assert [post.text for post in mattermost.posts[before:]] == ["old-1 is OK", "still-bad is OK"]
        await stage.check_books()


async def test_where_posts_are_edited_the_end_of_one_that_was_folded_is_a_post_of_its_own(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, RULES, bot(mattermost), store="memory") as stage:
        await say(stage, "WARNING", *sites(50))
        found = await at_rest(stage)
        folded = next(one.new.key for one in found if one.state == "folded")
        alone = next(one.new.key for one in found if one.state == "delivered" and one.new.key)
        before = len(mattermost.posts)
        await say(stage, "OK", folded, alone)
        await at_rest(stage)
        (new,) = mattermost.posts[before:]
        assert new.text.startswith(f"{folded} is OK")
        (edited,) = [post for post in mattermost.posts if post.text.startswith(f"{alone} is OK")]
        assert edited in mattermost.posts[:before]


async def test_a_silence_leaves_a_digest_that_waits_alone(tmp_path: Path, mattermost: FakeMattermost) -> None:
    """It may say that something is over, or tell of others."""
    down = [False]
    mattermost.script.always(lambda request: Answer(503) if down[0] else None)
    async with a_stage(tmp_path, RULES, slow_chat(mattermost), store="memory") as stage:
        await say(stage, "WARNING", *sites(60))
        await stage.until(lambda found: any(one.state == "folded" for one in found), step_s=0.5)
        down[0] = True
        await say(stage, "WARNING", "late")
        silence = {"matchers": {"rule": "site"}, "for_s": 600, "why": "works"}
        assert (await stage.http.post("/api/silences", content=json.dumps(silence))).status_code == 200
        down[0] = False
        found = await at_rest(stage)
        digests = [one for one in found if one.new.phase == "digest"]
        assert {one.state for one in digests} == {"delivered"}
        await stage.check_books()


async def test_people_find_the_way_from_a_digest_to_its_deliveries_and_back(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, RULES, slow_chat(mattermost), store="memory") as stage:
        await say(stage, "WARNING", *sites(60))
        found = await at_rest(stage)
        folded = [one for one in found if one.state == "folded"]
        digest = folded[0].by

        listed = await ask(stage, "deliveries", "list", "--into", digest, "--limit", "5", "--json")
        assert [one["id"] for one in listed.value] == [one.id for one in reversed(folded[-5:])]
        assert folded[0].id[:8] in (await ask(stage, "deliveries", "list", "--state", "folded", "--limit", "100")).out
        shown = await ask(stage, "deliveries", "show", digest)
        assert "It stands in place of" in shown.out
        assert all(one.id[:8] in shown.out for one in folded)
        back = await ask(stage, "deliveries", "show", folded[0].id)
        assert f"ams-bridge deliveries show {digest}" in back.out

        await stage.http.post("/login", data={"token": TOKEN})
        page = (await stage.http.get(f"/deliveries/{digest}")).text
        assert "Stands in place of" in page
        assert all(f"/deliveries/{one.id}" in page for one in folded)
        assert (
            f'<a href="/deliveries/{digest}">a digest</a>' in (await stage.http.get(f"/deliveries/{folded[0].id}")).text
        )
