"""Old messages through the rules of now: over the API, and with the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker.engines.memory.trouble import Trouble
from rules.deciding.quiet.rows import KeyRow, row_from_bytes
from tests.bridge.control.test_silences import decisions_of, silenced
from tests.fakes.command_line import ask
from tests.fakes.control import BOARD, RULES, a_daemon, chat, decided, trouble_in
from tests.line.stage import Stage, a_stage

FIRING = {"host": "web1", "status": "DOWN"}
OVER = {"host": "web1", "status": "OK"}


async def replay(stage: Stage, *messages: str, live: bool = False) -> Any:
    """The answer to a replay."""
    answer = await stage.http.post("/api/messages:replay", json={"messages": list(messages), "live": live})
    answer.raise_for_status()
    return answer.json()


async def state_of(stage: Stage) -> dict[str, int]:
    """Every row of state with its version."""
    return {row.key: row.version for row in await stage.daemon.store.state.list("", 100)}


async def test_a_message_of_before_the_rules_is_told_when_it_is_replayed(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish({"memo": "hi"})
        assert await decisions_of(stage, 0) == []
        (tmp_path / "rules.d" / "rules.yaml").write_text(RULES.replace("note", "memo"))
        (await stage.http.post("/api/reload")).raise_for_status()
        (one,) = (await replay(stage, "P/T:0"))["replayed"]
        (delivery,) = await stage.settled(1)
        assert (one["fate"], one["deliveries"]) == ("decided", [delivery.id])
        assert (delivery.new.origin, delivery.new.offset, delivery.new.late) == (f"r/{one['replay']}/0", 0, True)
        assert [(found["outcome"], found["by"]) for found in await decisions_of(stage, 0)] == [("sent", "replay")]
        await stage.check_books()


async def test_a_replay_leaves_no_trace_in_the_state(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, FIRING, deliveries=1)
        before = await state_of(stage)
        for _ in range(2):
            await replay(stage, "projects/P/topics/T:0")
        assert await state_of(stage) == before
        first, *again = await stage.deliveries()
        assert [(one.new.key, one.new.incident) for one in again] == [("web1", "")] * 2
        assert len({one.new.order_key for one in (first, *again)}) == 3
        await stage.check_books()


async def test_a_live_replay_is_like_a_message_of_now(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, chat() + BOARD) as stage:
        await decided(stage, FIRING, deliveries=1)
        await stage.publish(OVER)
        await stage.until(lambda found: len(found) == 2)
        (one,) = (await replay(stage, "P/T:1", live=True))["replayed"]
        assert (one["fate"], one["deliveries"]) == ("unmatched", [])
        await replay(stage, "P/T:0", live=True)
        assert [one.new.phase for one in await stage.deliveries()] == ["firing", "resolved", "firing"]
        row = await stage.daemon.store.state.read(["k/hosts/web1"])
        kept = row_from_bytes("k/hosts/web1", row["k/hosts/web1"].value or b"")
        assert isinstance(kept, KeyRow)
        assert kept.incident is not None
        await stage.check_books()


async def test_a_live_replay_that_opens_a_group_is_posted_by_the_router(tmp_path: Path) -> None:
    rules = RULES.replace("    send: chat\n", "    group: {wait: 10s}\n    send: board\n", 1)
    async with a_daemon(tmp_path, rules=rules) as stage:
        await stage.publish(FIRING)
        await stage.settled(1, step_s=1)
        await stage.let_pass(3_000)
        assert (await replay(stage, "P/T:0", live=True))["replayed"][0]["deliveries"] == []
        await stage.settled(2, step_s=1)
        await stage.check_books()


async def test_silences_hold_for_a_replay(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        made = (await silenced(stage, {"rule": "notes"}))["silence"]
        (one,) = (await replay(stage, "P/T:0"))["replayed"]
        assert [found["by"] for found in one["decisions"]] == [f"replay silence:{made['id']}"]
        assert one["deliveries"] == []
        await stage.check_books()


async def test_a_span_is_decided_in_order_and_what_is_gone_is_named(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, *({"note": n} for n in range(4)), deliveries=4)
        answer = await replay(stage, "P/T:2-5", "P/T:0")
        assert [one["message"][-1] for one in answer["replayed"]] == ["2", "3", "0"]
        assert answer["missing"] == ["projects/P/topics/T:4", "projects/P/topics/T:5"]
        posts = [one.new.post.decode().partition('"text":"')[2][:6] for one in (await stage.deliveries())[4:]]
        assert posts == ["note 2", "note 3", "note 0"]


async def test_a_replay_of_which_nobody_knows_whether_it_is_in_says_so(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, FIRING, deliveries=1)
        trouble_in(stage).add(Trouble("commit", "not stored"))
        answer = await stage.http.post("/api/messages:replay", json={"messages": ["P/T:0"], "live": True})
        assert answer.status_code == 503
        await replay(stage, "P/T:0", live=True)
        assert len(await stage.deliveries()) == 2


@pytest.mark.parametrize(
    ("messages", "code", "said"),
    [
        ([], 400, "name 1 to 100 messages"),
        (["P/T"], 400, "'P/T' is no message; write TOPIC:OFFSET"),
        (["P/T:5-2"], 400, "'P/T:5-2' ends before it begins"),
        (["P/T:0-1000"], 400, "more than 1000 messages"),
        (["P/NOPE:1"], 404, 'no topic "P/NOPE"'),
        (["P/T:7"], 404, "none of these messages is there any more"),
    ],
)
async def test_what_cannot_be_replayed_is_refused_with_the_reason(
    tmp_path: Path, messages: list[str], code: int, said: str
) -> None:
    async with a_daemon(tmp_path) as stage:
        answer = await stage.http.post("/api/messages:replay", json={"messages": messages})
        assert answer.status_code == code
        assert said in answer.json()["error"]["message"]


async def test_the_command_says_what_was_decided_and_made(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, {"nothing": 1}, deliveries=1)
        said = await ask(stage, "replay", "P/T:0-2")
        assert said.code == 0
        assert said.words == (
            "projects/P/topics/T:0 decided -> notes to board: sent projects/P/topics/T:1 unmatched "
            "projects/P/topics/T:2 is not there 2 messages decided anew, 1 delivery made"
        )
        assert (await ask(stage, "replay", "P/T:0", "--live", "--json")).value["replayed"][0]["fate"] == "decided"
