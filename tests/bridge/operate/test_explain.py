"""Why a message was told, or was not: what was decided, and what would be now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes.control import RULES, a_daemon, decided
from tests.line.stage import Stage


async def explained(stage: Stage, offset: int = 0) -> dict[str, Any]:
    """The explanation of a message of T."""
    answer = await stage.http.get("/api/explain", params={"message": f"projects/P/topics/T:{offset}"})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def test_what_was_decided_comes_with_deliveries_and_attempts(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        (delivery_id,) = await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
        await stage.until(lambda found: found[0].tries == 1)
        found = await explained(stage)
        assert found["decided"]["fate"] == "matched"
        (decision,) = found["decided"]["decisions"]
        assert (decision["rule"], decision["key"], decision["outcome"]) == ("hosts", "web1", "sent")
        (delivered,) = found["decided"]["deliveries"]
        assert delivered["delivery"]["id"] == delivery_id
        assert delivered["attempts"][0]["outcome"] == "later"


async def test_every_rule_says_what_it_saw(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        found = (await explained(stage))["recomputed"]
        hosts, notes = found["rules"]
        assert (hosts["rule"], hosts["fate"]) == ("hosts", "no match")
        (seen,) = hosts["match"]
        assert (seen["look"], seen["saw"], seen["held"], seen["decisive"]) == ("$.host", "nothing", False, True)
        assert (notes["fate"], notes["judgements"][0]["outcome"]) == ("acts", "sent")
        assert found["sends"][0]["post"]["text"] == "note hi"


async def test_other_rules_now_change_what_is_computed_and_not_what_is_on_record(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        (tmp_path / "rules.d" / "rules.yaml").write_text(RULES.replace("$.note", "$.memo"))
        assert (await stage.http.post("/api/reload")).status_code == 200
        found = await explained(stage)
        assert found["recomputed"]["fate"] == "unmatched"
        assert [one["rule"] for one in found["decided"]["decisions"]] == ["notes"]
        assert found["decided"]["decisions"][0]["version"] != found["recomputed"]["version"]


async def test_explaining_changes_nothing(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"note": "hi"}, deliveries=1)
        for _ in range(3):
            await explained(stage)
        assert len(await stage.deliveries()) == 1
        await stage.check_books()


async def test_a_message_no_rule_wanted_is_unmatched(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, "else", {"note": "hi"}, deliveries=1)
        found = await explained(stage)
        assert (found["decided"]["fate"], found["decided"]["decisions"]) == ("unmatched", [])
