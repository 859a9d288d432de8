"""Silences over the API, and what becomes of deliveries that wait (semantics.md item 20)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer, Close
from broker.clock import ManualClock
from broker.engines import open_store
from broker.engines.memory.trouble import Trouble
from broker.model import Delivery, Put
from broker.records import SilenceRecord
from tests.fakes.control import BOARD, RULES, a_daemon, chat, decided, trouble_in
from tests.line.stage import Stage, a_stage

DEDUPED = """
topic: projects/P/topics/T
rules:
  - {name: once, match: {$.host: {exists: true}}, key: "{{ data.host }}", dedupe: 1h, text: t, send: chat}
"""


async def silenced(stage: Stage, matchers: dict[str, Any], *, for_s: float = 600, **said: Any) -> dict[str, Any]:
    """Add a silence; the answer."""
    body = {"matchers": matchers, "for_s": for_s, "why": "works"} | said
    answer = await stage.http.post("/api/silences", json=body)
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return made


def states(found: Sequence[Delivery]) -> list[tuple[str, str]]:
    """State of each delivery with the first line of its post, oldest first."""
    return [(one.state, one.new.post.decode().partition('"text":"')[2].partition('"')[0]) for one in found]


async def tried_once(stage: Stage) -> None:
    """Every waiting delivery at the head of its key was tried and failed."""
    await stage.until(lambda found: bool(found) and any(one.tries for one in found) and not stage.is_trying)


async def decisions_of(stage: Stage, offset: int) -> list[dict[str, Any]]:
    """What was decided about a message of T, once it is."""
    for _ in range(1000):
        said = (await stage.http.get(f"/api/explain?message=P/T:{offset}")).json()["decided"]
        if said["fate"] != "undecided":
            found: list[dict[str, Any]] = said["decisions"]
            return found
        await stage.clock.advance(0)
    raise AssertionError("it is never decided")


@contextmanager
def outage(mattermost: FakeMattermost) -> Iterator[None]:
    """Within the block the server answers 503."""
    mattermost.script.always(lambda request: Answer(503, "down"))
    yield
    mattermost.script.clear()


async def stop_courier(stage: Stage) -> None:
    """Nothing leaves for ``chat`` any more."""
    await stage.daemon.couriers.routes["chat"].courier.stop(0)


async def test_a_silence_says_who_why_and_until_when(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = (await silenced(stage, {"rule": "hosts", "$.host": {"like": "web*"}}))["silence"]
        assert made["matchers"] == {"rule": "hosts", "$.host": {"like": "web*"}}
        assert (made["who"], made["why"], made["state"]) == ("service token", "works", "active")
        assert (made["starts"][:16], made["until"][:16]) == ("2026-01-01T00:00", "2026-01-01T00:10")
        listed = (await stage.http.get("/api/silences")).json()["silences"]
        assert listed == [made]


async def test_what_comes_while_it_holds_is_suppressed_by_it(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = (await silenced(stage, {"rule": "notes"}))["silence"]
        await stage.publish({"note": "one"})
        found = await decisions_of(stage, 0)
        assert [(one["outcome"], one["by"]) for one in found] == [("suppressed", f"silence:{made['id']}")]
        await stage.check_books()


async def test_an_expired_silence_lets_the_next_one_through_and_is_listed_on_request(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = (await silenced(stage, {"rule": "notes"}))["silence"]
        ended = (await stage.http.post(f"/api/silences/{made['id']}:expire")).json()["silence"]
        assert ended["state"] == "expired"
        await stage.publish({"note": "two"})
        await stage.settled(1)
        assert (await stage.http.get("/api/silences")).json()["silences"] == []
        assert (await stage.http.get("/api/silences?all=1")).json()["silences"] == [ended]


async def test_a_silence_settles_waiting_deliveries_that_it_covers(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for host in ("web1", "web2", "db1"):
            await stage.publish({"host": host, "status": "CRITICAL", "severity": "critical"})
        await stage.until(lambda found: len(found) == 3 and all(one.tries for one in found))
        made = await silenced(stage, {"destination": "chat", "$.host": {"like": "web*"}, "severity": "critical"})
        assert made["suppressed"] == 2
        found = await stage.deliveries()
        assert states(found) == [
            ("suppressed", "web1 is CRITICAL"),
            ("suppressed", "web2 is CRITICAL"),
            ("waiting", "db1 is CRITICAL"),
        ]
        assert found[0].by == f"silence:{made['silence']['id']}"
        await stage.check_books()


async def test_keep_waiting_leaves_them_alone(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await tried_once(stage)
        made = await silenced(stage, {"rule": "hosts"}, keep_waiting=True)
        assert made["suppressed"] == 0
        assert [one.state for one in await stage.deliveries()] == ["waiting"]


async def test_a_silence_that_begins_later_leaves_them_alone(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await tried_once(stage)
        made = await silenced(stage, {"rule": "hosts"}, starts="2027-01-01T00:00:00Z")
        assert (made["silence"]["state"], made["suppressed"]) == ("pending", 0)


async def test_the_end_of_an_incident_that_was_told_is_told_in_spite_of_a_silence(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        await stage.publish({"host": "web1", "status": "CRITICAL"})
        await stage.settled(1)
        with outage(mattermost):
            await stage.publish({"host": "web1", "status": "OK"})
            await stage.until(lambda found: len(found) == 2 and bool(found[1].tries) and not stage.is_trying)
            assert (await silenced(stage, {"rule": "hosts"}))["suppressed"] == 0
        await stage.settled(2, step_s=5)
    assert [post.text for post in mattermost.posts] == ["web1 is CRITICAL", "web1 is OK"]


async def test_a_firing_nobody_heard_of_is_told_when_the_silence_ends_and_it_still_fires(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await tried_once(stage)
        assert (await silenced(stage, {"rule": "hosts"}, for_s=600))["suppressed"] == 1
        found = await stage.until(lambda found: len(found) == 2, step_s=30)
        assert states(found)[0] == ("suppressed", "web1 is CRITICAL")
        assert found[1].new.phase == "firing"
        assert "not told before because it was silenced" in found[1].new.post.decode()
        assert (found[1].new.created_us - found[0].new.created_us) / 1e6 >= 600
        await stage.check_books()


async def test_a_firing_nobody_heard_of_that_ends_in_silence_is_never_told(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stop_courier(stage)
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await silenced(stage, {"rule": "hosts"})
        await stage.publish({"host": "web1", "status": "OK"})
        found = await decisions_of(stage, 1)
        assert [(one["outcome"], one["by"]) for one in found] == [("updated", "told-nobody")]
        await stage.check_books()


async def test_a_firing_that_may_have_arrived_stays_told(tmp_path: Path, mattermost: FakeMattermost) -> None:
    mattermost.script.always(lambda request: Close("after_accepting"))
    async with a_daemon(tmp_path, mattermost.hook_url) as stage:
        await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await tried_once(stage)
        assert (await silenced(stage, {"rule": "hosts"}))["suppressed"] == 1
        await stage.publish({"host": "web1", "status": "OK"})
        found = await stage.until(lambda found: len(found) == 2, step_s=30)
        assert found[1].new.phase == "resolved"


async def test_a_post_taken_back_does_not_count_for_dedupe(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=DEDUPED) as stage:
        await stop_courier(stage)
        await decided(stage, {"host": "web1"}, deliveries=1)
        made = (await silenced(stage, {"rule": "once"}))["silence"]
        await stage.http.post(f"/api/silences/{made['id']}:expire")
        await stage.publish({"host": "web1"})
        assert [one.state for one in await stage.until(lambda found: len(found) == 2)] == ["suppressed", "waiting"]


async def test_a_silence_lifted_before_its_time_tells_at_once_what_still_fires(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        made = (await silenced(stage, {"rule": "hosts"}, for_s=86_400))["silence"]
        await stage.publish({"host": "web1", "status": "DOWN"}, {"host": "web2", "status": "DOWN"})
        await stage.publish({"host": "web2", "status": "OK"})
        assert await decisions_of(stage, 2)
        await stage.let_pass(3_600)
        assert await stage.deliveries() == []
        (await stage.http.post(f"/api/silences/{made['id']}:expire")).raise_for_status()
        (told,) = await stage.until(bool)  # no time has passed
        assert (told.new.key, told.new.phase) == ("web1", "firing")
        assert "Firing since 2026-01-01 00:00 UTC; not told before because it was silenced." in told.new.post.decode()
        await stage.check_books()


async def test_lifting_one_silence_leaves_quiet_what_another_still_covers(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        first = (await silenced(stage, {"rule": "hosts"}))["silence"]
        second = (await silenced(stage, {"key": "web1"}, for_s=7_200))["silence"]
        await stage.publish({"host": "web1", "status": "DOWN"}, {"host": "web2", "status": "DOWN"})
        assert await decisions_of(stage, 1)
        (await stage.http.post(f"/api/silences/{first['id']}:expire")).raise_for_status()
        await stage.until(lambda found: [one.new.key for one in found] == ["web2"])
        (await stage.http.post(f"/api/silences/{second['id']}:expire")).raise_for_status()
        await stage.until(lambda found: [one.new.key for one in found] == ["web2", "web1"])


async def test_an_end_within_a_silence_is_told_while_it_holds(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "DOWN"}, deliveries=1)
        await silenced(stage, {"rule": "hosts"}, keep_waiting=True)
        await stage.publish({"host": "web1", "status": "OK"})
        _, end = await stage.until(lambda found: len(found) == 2)
        assert end.new.phase == "resolved"
        assert "late" not in end.new.post.decode()


async def test_an_end_that_was_silenced_is_told_when_the_silence_is_lifted(tmp_path: Path) -> None:
    waiting = RULES.replace("    send: chat", "    silenced_ends: wait\n    send: chat", 1)
    async with a_daemon(tmp_path, rules=waiting) as stage:
        await decided(stage, {"host": "web1", "status": "DOWN"}, deliveries=1)
        made = (await silenced(stage, {"rule": "hosts"}, keep_waiting=True))["silence"]
        await stage.publish({"host": "web1", "status": "OK"})
        assert await decisions_of(stage, 1)
        assert len(await stage.deliveries()) == 1
        (await stage.http.post(f"/api/silences/{made['id']}:expire")).raise_for_status()
        _, end = await stage.until(lambda found: len(found) == 2)
        assert end.new.phase == "resolved"
        assert "told late because it was silenced" in end.new.post.decode()


async def test_a_silence_lifted_while_the_daemon_was_away_is_noticed_when_it_starts(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, chat() + BOARD) as stage:
        made = (await silenced(stage, {"rule": "hosts"}, for_s=86_400))["silence"]
        await stage.publish({"host": "web1", "status": "DOWN"})
        assert await decisions_of(stage, 0)
        cache = stage.daemon.broker.cache
        record = cache.find_by_uid(SilenceRecord, made["id"])
        assert record is not None
    store = await open_store(f"sqlite://{tmp_path}/state/bridge.db", ManualClock())
    ended = msgspec.structs.replace(record, until_us=record.starts_us)
    await store.catalog.write([Put(record.uid, ended, expected_version=1)])
    await store.close()
    async with a_stage(tmp_path, RULES, chat() + BOARD) as stage:
        await stage.until(lambda found: [one.new.key for one in found] == ["web1"])


async def test_a_post_of_a_group_that_may_hold_an_end_is_not_taken_back(tmp_path: Path) -> None:
    rules = RULES.replace("    send: chat\n", "    group: {wait: 10s}\n    send: chat\n", 1)
    async with a_daemon(tmp_path, rules=rules) as stage:
        await stage.publish({"host": "web1", "status": "DOWN"}, {"host": "web2", "status": "DOWN"})
        await stage.until(lambda found: len(found) == 1, step_s=1)
        await stop_courier(stage)
        assert (await silenced(stage, {"rule": "hosts"}))["suppressed"] == 0


async def test_a_silence_says_what_it_covers_now(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        for host in ("web1", "web2", "db1"):
            await stage.publish({"host": host, "status": "CRITICAL", "severity": "critical"})
        await stage.until(lambda found: len(found) == 3 and all(one.tries for one in found))

        async def covers(matchers: dict[str, Any], **said: Any) -> tuple[int, int, bool]:
            counts = (await silenced(stage, matchers, keep_waiting=True, **said))["covers"]
            return counts["incidents"], counts["waiting"], counts["complete"]

        assert await covers({"$.host": {"like": "web*"}}) == (2, 2, True)
        assert await covers({"key": "web1", "destination": "chat", "severity": "critical"}) == (1, 1, True)
        assert await covers({"rule": "hosts", "destination": "nowhere"}) == (0, 0, True)
        assert await covers({"$.host": "db1"}, starts="2026-01-02T00:00:00Z") == (1, 1, True)
        made = await silenced(stage, {"$.host": {"like": "web*"}})
        assert (made["suppressed"], made["covers"]["waiting"]) == (2, 2)
        assert await covers({"$.host": {"like": "web*"}}) == (2, 0, True)
        await stage.publish({"host": "db1", "status": "OK"})
        await stage.until(lambda found: len(found) == 4)
        assert await covers({"$.host": "db1"}) == (0, 1, True)


@pytest.mark.parametrize("trouble", [Trouble("catalog.read", "unavailable"), Trouble("commit", "unavailable", skip=1)])
async def test_a_silence_that_is_ended_is_said_to_be_though_the_waking_fails(tmp_path: Path, trouble: Trouble) -> None:
    async with a_daemon(tmp_path) as stage:
        made = (await silenced(stage, {"rule": "hosts"}))["silence"]
        await stage.publish({"host": "web1", "status": "CRITICAL"})
        await decisions_of(stage, 0)
        trouble_in(stage).add(trouble)
        answer = await stage.http.post(f"/api/silences/{made['id']}:expire")
        assert (answer.status_code, answer.json()["silence"]["state"]) == (200, "expired")
        ((_, text),) = states(await stage.until(lambda found: len(found) == 1))
        assert text.startswith("web1 is CRITICAL")


async def test_a_silence_that_is_added_is_said_to_be_though_it_is_not_read_back_at_once(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        trouble_in(stage).add(Trouble("catalog.read", "unavailable"))
        made = (await silenced(stage, {"rule": "notes"}))["silence"]
        await stage.clock.advance(2)
        assert [one["id"] for one in (await stage.http.get("/api/silences")).json()["silences"]] == [made["id"]]
