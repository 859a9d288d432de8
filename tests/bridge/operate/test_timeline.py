"""What happened, key by key: asked of the use case, and shown on the page and by the command."""

from __future__ import annotations

from pathlib import Path

from bridge.operate.key_timeline import Timeline, TimelineFilter, read_timeline
from bridge.operate.open_incidents import take_open_incident
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_silences import begin_silence, silence_span
from bridge.operate.time_spans import read_span
from bridge.operate.topic_names import topic_names
from broker.model import Commit
from tests.bridge.operate.test_use_cases import ANN, context_of
from tests.contracts.builders import a_decision, a_delivery
from tests.fakes.command_line import ask
from tests.fakes.control import a_daemon, decided
from tests.line.stage import TOKEN, Stage

RULES = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.host: {exists: true}}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    dedupe: 10m
    severity: critical
    text: "{{ data.host }} is {{ data.status }}"
    send: board
  - {name: notes, match: {$.note: {exists: true}}, text: "note {{ data.note }}", shadow: true, send: board}
"""


async def read(context: OperatorContext, begin: str = "2h", end: str = "", after: str = "", **wanted: str) -> Timeline:
    span = read_span(begin, end, "", context.clock.wall_us())
    return await read_timeline(context, span, TimelineFilter(**wanted), after=after, limit=2)


async def a_night(stage: Stage) -> OperatorContext:
    """web1 fires, is told, comes again, is taken and ends; web2 is silenced; a note is in shadow."""
    context = context_of(stage)
    await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
    await stage.until(lambda found: found[0].state == "delivered", step_s=1)
    now_us = context.clock.wall_us()
    span = silence_span(now_us, starts_us=None, until_us=None, for_s=3600)
    await begin_silence(context, ANN, {"key": "web2"}, span, why="power works")
    await stage.publish({"host": "web1", "status": "CRITICAL"}, {"host": "web2", "status": "CRITICAL"}, {"note": "x"})
    await stage.clock.advance(5)
    await take_open_incident(context, ANN, "hosts", "web1")
    await stage.clock.advance(60)
    await stage.publish({"host": "web1", "status": "OK"})
    await stage.clock.advance(5)
    return context


async def test_each_key_tells_what_was_told_kept_quiet_taken_and_ended(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        told = await read(await a_night(stage))
        assert (told.received, told.complete, told.keys) == (5, True, 3)
        web1, web2 = told.lanes
        assert [(entry.kind, entry.word) for entry in web1.entries] == [
            ("told", "firing"),
            ("quiet", "suppressed"),
            ("taken", ""),
            ("ended", "resolved"),
        ]
        assert web1.severity == "critical"
        assert web1.entries[2].who == "ann"
        assert web1.entries[0].arrived is not None
        assert web1.entries[0].summary == "web1 is CRITICAL"
        (silenced,) = web2.entries
        assert (silenced.why, silenced.silence != "") == ("silence of ann: power works", True)
        assert silenced.until is not None


async def test_a_duplicate_says_until_when_it_is_one(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        told = await read(await a_night(stage))
        first, duplicate, *_ = told.lanes[0].entries
        assert duplicate.why == "the same was told less than 10m before"
        assert duplicate.until is not None
        assert duplicate.until[:19] > first.at[:19]
        span = read_span(first.at, duplicate.until, "", stage.clock.wall_us())
        assert span.length_us == 600_000_000


async def test_keys_are_paged_and_filters_leave_the_others_out(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        context = await a_night(stage)
        page = await read(context)
        rest = await read(context, after=page.next)
        assert [lane.rule for lane in rest.lanes] == ["notes"]
        assert (rest.next, rest.lanes[0].entries[0].why) == ("", "the rule is in shadow: nobody is told")
        for wanted in ({"key": "web2"}, {"rule": "hosts", "key": "web2"}, {"key": "web2", "destination": "board"}):
            assert [lane.key for lane in (await read(context, **wanted)).lanes] == ["web2"]
        assert (await read(context, destination="chat")).lanes == []
        assert (await read(context, "1s")).lanes == []


async def test_bars_add_up_to_what_happened(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        told = await read(await a_night(stage))
        for kind, count in told.counts.items():
            assert sum(bar.counts.get(kind, 0) for bar in told.bars) == count


async def test_a_span_with_more_than_is_read_says_from_when_on_it_is_whole(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        context = context_of(stage)
        topic_uid = next(uid for uid, name in topic_names(context.broker).items() if name.endswith("/T"))
        for nth in range(21):
            now_us = stage.clock.wall_us()
            many = [
                a_delivery(f"{nth}-{one}", key=f"k{nth}", topic_uid=topic_uid, created_us=now_us, destination="gone")
                for one in range(100)
            ]
            await stage.daemon.store.commit(Commit(deliveries=many))
            await stage.clock.advance(60)
        told = await read(context)
        assert not told.complete
        assert (told.keys, told.counts["waiting"]) == (19, 1_900)
        before = await read(context, "2h", told.known_from)
        assert (before.complete, before.keys) == (True, 2)


async def test_what_came_again_and_again_is_one_entry(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        now_us = stage.clock.wall_us()
        records = [
            a_decision(offset=nth, outcome="suppressed", by="duplicate", at_us=now_us + nth) for nth in range(30)
        ]
        await stage.daemon.store.commit(Commit(decisions=records))
        await stage.clock.advance(1)
        (lane,) = (await read(context_of(stage))).lanes
        assert [(entry.count, lane.counts) for entry in lane.entries] == [(30, {"quiet": 30})]


async def test_the_command_and_the_api_show_the_same(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=RULES) as stage:
        await a_night(stage)
        shown = await ask(stage, "timeline", "2h", "--zone", "UTC")
        assert shown.code == 0
        assert "5 messages came in; 1 told" in shown.words
        assert "silence of ann: power works, until" in shown.words
        assert "taken by ann" in shown.words
        answer = (await ask(stage, "timeline", "2h", "--zone", "UTC", "--key", "web1", "--json")).value
        assert [lane["key"] for lane in answer["lanes"]] == ["web1"]
        asked = {"from": "2h", "key": "web1"}
        direct = await stage.http.get("/api/timeline", params=asked, headers={"x-api-key": TOKEN})
        assert direct.json()["counts"] == answer["counts"]
        wrong = await ask(stage, "timeline", "lest night", "--zone", "UTC")
        assert (wrong.code, 'did you mean "last night"?' in wrong.err) == (1, True)
