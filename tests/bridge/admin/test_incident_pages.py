"""Incidents and silences on their pages: taken over, given back, kept quiet for a while, looked at before and after."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.command_line import ask
from tests.fakes.pages import a_daemon, an_incident, log_in, send_form
from tests.fakes.people import add_person, log_in_by_name
from tests.line.stage import TOKEN, Stage

SERVICE = {"x-api-key": TOKEN}
RULE, KEY = "hosts: down", "web<1>"
HISTORY = "/incidents/key?rule=hosts:%20down&key=web%3C1%3E"


async def change(stage: Stage, action: str, **fields: str) -> httpx.Response:
    return await send_form(stage, "/incidents", "/incidents", rule=RULE, key=KEY, action=action, **fields)


async def as_responders(stage: Stage) -> None:
    for name in ("ann", "bob"):
        await add_person(stage, name, "responder")
    await log_in_by_name(stage, "ann")
    await an_incident(stage)


async def api(stage: Stage, method: str, path: str, **kwargs: Any) -> Any:
    answer = await stage.http.request(method, path, headers=SERVICE, **kwargs)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_incident_is_taken_over_and_given_back_and_its_page_tells_who_did(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_responders(stage)
        assert "ann has taken web&lt;1&gt;" in (await change(stage, "take")).text
        await log_in_by_name(stage, "bob")
        assert "Take over" in (await stage.http.get("/incidents")).text
        assert "bob has taken web&lt;1&gt;" in (await change(stage, "take", back="key")).text
        assert "nobody&#39;s again (bob had it)" in (await change(stage, "give-back", back="key")).text
        page = (await stage.http.get(HISTORY)).text
        texts = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", row)).strip() for row in page.split("<tr>")]
        acts = [text for text in texts if "took it" in text or "gave it back" in text]
        assert [("took it" in text, "over from ann" in text) for text in acts] == [
            (False, False), (True, True), (True, False),
        ]  # fmt: skip
        assert page.count('href="/deliveries/') == 2


async def test_a_click_keeps_an_incident_quiet_for_a_while(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_responders(stage)
        page = await change(stage, "silence", **{"for": "30m"})
        assert "web&lt;1&gt; is kept quiet for 30m: the silence covers 1 open incident." in page.text
        (silence,) = (await api(stage, "GET", "/api/silences"))["silences"]
        assert (silence["matchers"], silence["who"]) == ({"rule": RULE, "key": KEY}, "ann")
        assert "silenced from the page of incidents" in (await stage.http.get(HISTORY)).text
        refused = await change(stage, "silence", **{"for": "a while"})
        assert (refused.status_code, "How long:" in refused.text) == (400, True)


async def test_a_key_that_nothing_is_known_of_has_an_empty_history(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        page = await stage.http.get("/incidents/key?rule=none&key=nobody")
        assert (page.status_code, "Nothing of it is open" in page.text) == (200, True)
        history = await api(stage, "GET", "/api/incidents/history", params={"rule": "none"})
        assert (history["incident"], history["deliveries"], history["complete"]) == (None, [], True)


async def test_a_silence_says_beforehand_what_it_would_keep_quiet_and_changes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_responders(stage)
        lines = {"name0": "rule", "operator0": "is", "value0": RULE, "for": "2h", "why": "<works>", "action": "preview"}
        page = await send_form(stage, "/silences", "/silences", **lines)
        assert "It covers 2 posts of the last 7 days; now: 1 open incident. Nothing was changed." in page.text
        assert ('value="hosts: down"' in page.text, 'value="&lt;works&gt;"' in page.text) == (True, True)
        assert "form_token=" not in str(page.url)
        assert (await api(stage, "GET", "/api/silences"))["silences"] == []
        nothing = {"matchers": {"rule": "nobody"}}
        preview = await api(stage, "POST", "/api/silences:preview", json=nothing)
        assert (preview["posts"], preview["critical"], preview["now"]["incidents"]) == (0, 0, 0)
        said = await ask(stage, "silence", "preview", "rule~*")
        assert said.out == "✓ it covers 4 posts of the last 7 days; now: 1 open incident\n"


async def test_posts_of_longer_ago_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.operate.silence_preview.LOOKED_BACK_DAYS", 0)  # a week takes a clock long to pass
    async with a_daemon(tmp_path) as stage:
        await stage.clock.advance(1)
        preview = await api(stage, "POST", "/api/silences:preview", json={"matchers": {"rule": {"like": "*"}}})
        assert preview["posts"] == 0


async def a_silence(stage: Stage, for_s: int = 3_600, **fields: Any) -> str:
    body = {"matchers": {"rule": RULE, "key": {"like": "web*"}}, "for_s": for_s, "why": "works"} | fields
    return str((await api(stage, "POST", "/api/silences", json=body))["silence"]["id"])


async def until(stage: Stage, silence: str) -> str:
    listed = (await api(stage, "GET", "/api/silences", params={"all": "true"}))["silences"]
    return next(str(each["until"]) for each in listed if each["id"] == silence)


async def test_a_silence_is_made_longer_with_a_click_and_at_the_command_line(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_responders(stage)
        silence = await a_silence(stage)
        before = stage.clock.wall_us() + 3_600_000_000
        assert "The silence holds until" in (await send_form(stage, f"/silences/{silence}", longer="1h")).text
        (record,) = stage.daemon.in_force.silences.silences
        assert record.silence.until_us == before + 3_600_000_000
        assert (await ask(stage, "silence", "change", silence, "--for", "10m", "--why", "nearly done")).code == 0
        assert record.silence.until_us > stage.daemon.in_force.silences.silences[0].silence.until_us
        entries = (await api(stage, "GET", "/api/audit", params={"what": "silence.change"}))["entries"]
        assert [(e["who"], sorted(e["after"])) for e in entries] == [
            ("service token", ["until", "why"]), ("ann", ["until"]),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"until": "2020-01-01T00:00:00Z"}, 400),
        ({"for_s": 0}, 400),
        ({"longer_s": -5}, 400),
        ({"for_s": 60, "longer_s": 60}, 400),
        ({"until": "noon"}, 400),
    ],
)
async def test_a_silence_ends_at_no_time_that_cannot_be(tmp_path: Path, body: dict[str, Any], code: int) -> None:
    async with a_daemon(tmp_path) as stage:
        silence = await a_silence(stage)
        before = await until(stage, silence)
        answer = await stage.http.post(f"/api/silences/{silence}:change", json=body, headers=SERVICE)
        assert answer.status_code == code
        assert await until(stage, silence) == before


async def test_a_silence_that_has_ended_is_not_made_longer(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        silence = await a_silence(stage)
        await api(stage, "POST", f"/api/silences/{silence}:expire")
        answer = await stage.http.post(f"/api/silences/{silence}:change", json={"for_s": 60}, headers=SERVICE)
        assert (answer.status_code, "has ended" in answer.text) == (404, True)


async def test_an_edited_silence_stands_in_the_place_of_the_old_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await as_responders(stage)
        silence = await a_silence(stage)
        page = (await stage.http.get(f"/silences?replaces={silence}&why=works")).text
        assert ("Edit the silence" in page, 'value="web*"' in page, 'value="works"' in page) == (True, True, True)
        lines = {"name0": "rule", "operator0": "is", "value0": RULE, "name1": "key", "operator1": "is", "value1": KEY}
        page = (await send_form(stage, "/silences", **lines, **{"for": "2h", "why": "less", "replaces": silence})).text
        assert "The silence holds. It covers 1 open incident." in page
        (record,) = (await api(stage, "GET", "/api/silences"))["silences"]
        assert (record["matchers"], record["why"]) == ({"rule": RULE, "key": KEY}, "less")


async def test_a_silence_made_shorter_lets_what_it_hid_be_told_at_its_new_end(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        silence = await a_silence(stage, for_s=86_400)
        await log_in(stage)
        path = "/v1/projects/P/topics/T:publish"
        data = "eyJob3N0IjogIndlYjEiLCAic3RhdHVzIjogIkNSSVRJQ0FMIn0="
        body = {"messages": [{"data": data, "attributes": {}}]}
        (await stage.http.post(path, json=body, headers=SERVICE)).raise_for_status()
        await stage.until(lambda found: len(found) >= 3)  # the rule in shadow has decided: so has the other
        told = [one for one in await stage.deliveries() if one.new.rule == RULE and one.state != "suppressed"]
        assert told == []
        await api(stage, "POST", f"/api/silences/{silence}:change", json={"for_s": 600})
        await stage.let_pass(599)
        assert [one for one in await stage.deliveries() if one.new.rule == RULE and one.state != "suppressed"] == []
        await stage.until(
            lambda found: any(one.new.rule == RULE and one.state == "delivered" for one in found), step_s=30
        )
