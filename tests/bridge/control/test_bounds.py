"""Numbers, times and counts beyond every bound: refused with the place, nothing changed, and pages go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.records import SilenceRecord
from tests.bridge.admin.test_forms import log_in, send_form
from tests.bridge.control.test_silences import silenced
from tests.fakes.control import a_daemon, decided

HUGE: list[dict[str, Any]] = [
    {"for_s": 1e15},
    {"for_s": 1e300},
    {"for_s": 3_200_000_000},
    {"for_s": 2**70},
    {"until": "9999-12-31T23:59:59-23:59"},
    {"until": "99999-01-01"},
    {"starts": "9999-12-30T00:00:00Z", "for_s": 86_400 * 10},
    {"starts": "0001-01-01T00:00:00+23:59", "for_s": 1},
    {"for_s": 60, "matchers": {f"$.n{n}": n for n in range(10_000)}},
    {"for_s": 60, "matchers": {"$.n": "x" * 100_000}},
]


@pytest.mark.parametrize("said", HUGE, ids=[str(one)[:40] for one in HUGE])
async def test_a_silence_beyond_the_bounds_is_refused_and_not_kept(tmp_path: Path, said: dict[str, Any]) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.post("/api/silences", json={"matchers": {"rule": "notes"}, "why": "w"} | said)
        assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert "float" not in answer.text
        assert stage.daemon.broker.cache.list_all(SilenceRecord) == []
        assert (await stage.http.get("/api/silences")).json() == {"silences": []}


async def test_a_silence_that_an_older_version_kept_beyond_the_calendar_is_shown_and_ended(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = (await silenced(stage, {"rule": "notes"}))["silence"]
        record = stage.daemon.broker.cache.find_by_uid(SilenceRecord, made["id"])
        assert record is not None
        await stage.daemon.broker.cache.change(
            record, lambda one: one.uid, lambda one: msgspec.structs.replace(one, until_us=10**21)
        )
        (listed,) = (await stage.http.get("/api/silences")).json()["silences"]
        assert listed["until"].startswith("9999-12-31T")
        await log_in(stage)
        for page in ("/", "/silences", "/rules"):
            assert (await stage.http.get(page)).status_code == 200
        assert (await stage.http.post(f"/api/silences/{made['id']}:expire")).status_code == 200


@pytest.mark.parametrize("since", ["999999999999999", "3200000000", "9999999999999999999"])
async def test_looking_back_beyond_the_bounds_is_refused(tmp_path: Path, since: str) -> None:
    async with a_daemon(tmp_path) as stage:
        for path in ("/api/ledger", "/api/deliveries"):
            answer = await stage.http.get(f"{path}?since_s={since}")
            assert answer.status_code == 400
            assert "since_s" in answer.json()["error"]["message"]
        for body in ({"since_s": 1e300}, {"since_s": -1}, {"since_s": float(since)}):
            answer = await stage.http.post("/api/deliveries:replay", json=body)
            assert answer.status_code == 400
        await log_in(stage)
        assert (await stage.http.get(f"/deliveries?since_s={since}")).status_code == 400
        page = await send_form(stage, "/deliveries", action="replay-all", state="dead", since_s=since)
        assert page.status_code in (200, 400)


async def test_a_digit_that_is_no_digit_is_no_number_in_a_form(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        page = await send_form(stage, "/deliveries", action="drop-all", state="dead", since_s="²")
        assert page.status_code < 500


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/deliveries?limit={}", "limit"),
        ("/api/deliveries?before={}", "before"),
        ("/api/deliveries?since_s={}", "since_s"),
        ("/api/audit?limit={}", "limit"),
        ("/api/audit?before={}", "before"),
        ("/api/audit?since_s={}", "since_s"),
        ("/api/messages?topic=P/T&limit={}", "limit"),
        ("/api/messages?topic=P/T&before={}", "before"),
        ("/api/incidents?limit={}", "limit"),
        ("/api/ledger?since_s={}", "since_s"),
    ],
)
async def test_a_number_of_a_query_that_cannot_be_is_refused_with_its_place(
    tmp_path: Path, path: str, place: str
) -> None:
    async with a_daemon(tmp_path) as stage:
        await log_in(stage)
        for text in ("-1", "1.5", "1e3", "٣", "²", "0x10", "9" * 16, "9" * 5_000, "many"):
            api = path.format(text)
            pages = [] if api.startswith("/api/ledger") else [api.removeprefix("/api")]  # that page is asked nothing
            for address in (api, *pages):
                answer = await stage.http.get(address)
                assert (address[:60], answer.status_code) == (address[:60], 400)
                assert f"{place} must be a whole number from 0 to " in answer.text


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/api/silences", '{"matchers": {"rule": "notes"}, "for_s": 1e400}', "for_s"),
        ("/api/silences", '{"matchers": {"rule": "notes"}, "for_s": 1' + "0" * 5_000 + "}", "for_s"),
        ("/api/silences", '{"matchers": {"rule": "notes"}, "for_s": "60"}', "for_s"),
        ("/api/deliveries:drop", '{"since_s": 1e400}', "since_s"),
        ("/api/deliveries:drop", '{"since_s": 1e300}', "since_s"),
        ("/api/deliveries:replay", '{"since_s": -1}', "since_s"),
        ("/api/messages:replay", '{"messages": ["P/T:' + "9" * 16 + '"]}', "P/T:"),
    ],
)
async def test_a_number_of_a_body_that_cannot_be_is_refused_with_its_place(
    tmp_path: Path, path: str, body: str, place: str
) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        before = await stage.deliveries()
        answer = await stage.http.post(path, content=body)
        assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert place in answer.json()["error"]["message"]
        assert [one.id for one in await stage.deliveries()] == [one.id for one in before]
        assert stage.daemon.broker.cache.list_all(SilenceRecord) == []
