"""``incidents``: listed with filters, taken and given back by the beginning of an id; and ids of other things."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.command_line import ask
from tests.fakes.control import NOBODY_THERE, a_daemon, decided

REPEATING = """
topic: projects/P/topics/T
rules:
  - name: hosts
    match: {$.host: {exists: true}}
    key: "{{ data.host }}"
    resolved: {$.status: OK}
    repeat: 1h
    text: "{{ data.host }} is {{ data.status }}"
    send: board
"""


async def test_incidents_are_listed_chosen_taken_and_given_back(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await decided(stage, {"host": "web1", "status": "BAD"}, {"host": "db1", "status": "BAD"}, deliveries=2)
        listed = (await ask(stage, "incidents", "list", "--json")).value
        ids = {one["key"]: one["id"] for one in listed}
        assert sorted(ids) == ["db1", "web1"]
        shown = await ask(stage, "incidents", "list")
        assert "Id Since Rule Taken by State Key Told" in shown.words
        assert f"{ids['web1'][:8]} " in shown.out
        taken = await ask(stage, "incidents", "take", ids["web1"][:8], "--who", "ann")
        assert (taken.code, taken.out) == (0, "✓ hosts: web1 is taken by ann\n")
        for chosen, keys in (
            (["--free"], ["db1"]),
            (["--taken-by", "ann"], ["web1"]),
            (["--key", "web"], ["web1"]),
            (["--rule", "notes"], []),
            (["--limit", "1"], [listed[0]["key"]]),
        ):
            assert [one["key"] for one in (await ask(stage, "incidents", "list", *chosen, "--json")).value] == keys
        back = await ask(stage, "incidents", "give-back", ids["web1"][:8], "--json")
        assert back.value == [{"id": ids["web1"], "rule": "hosts", "key": "web1", "before": "ann"}]
        again = await ask(stage, "incidents", "give-back", ids["web1"])
        assert again.out == "✓ hosts: web1 was nobody's\n"


async def test_what_is_given_back_is_reminded_of_again(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, rules=REPEATING) as stage:
        await decided(stage, {"host": "web1", "status": "BAD"}, deliveries=1)
        body = {"rule": "hosts", "key": "web1"}
        (await stage.http.post("/api/incidents:take", json=body)).raise_for_status()
        for _ in range(5):
            await stage.clock.advance(3600)
        assert len(await stage.deliveries()) == 1
        answer = await stage.http.post("/api/incidents:give-back", json=body)
        assert answer.json() == {"before": "service token"}
        await stage.until(lambda found: len(found) == 2, step_s=0.5)
        for _ in range(2):
            await stage.clock.advance(3601)
        await stage.until(lambda found: len(found) >= 3, step_s=0.5)
        audit = (await stage.http.get("/api/audit", params={"what": "incident"})).json()["entries"]
        assert [one["what"] for one in audit] == ["incident.give-back", "incident.take"]


async def test_an_id_that_is_none_or_several_is_refused(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        hosts = [{"host": f"h{number}", "status": "BAD"} for number in range(17)]
        await decided(stage, *hosts, deliveries=17)
        nothing = await ask(stage, "incidents", "take", "x")
        assert (nothing.code, "no open incident has an id that begins with x" in nothing.err) == (1, True)
        found = (await ask(stage, "incidents", "list", "--json")).value
        first = [one["id"][0] for one in found]
        twice = next(sign for sign in first if first.count(sign) > 1)
        several = await ask(stage, "incidents", "give-back", twice)
        assert (several.code, f"several incidents have ids that begin with {twice}" in several.err) == (1, True)
        gone = await stage.http.post("/api/incidents:give-back", json={"rule": "hosts", "key": "x"})
        assert gone.status_code == 404


async def test_deliveries_and_silences_are_named_by_the_beginning_of_their_ids(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, NOBODY_THERE) as stage:
        hosts = [{"host": f"h{number}", "status": "BAD"} for number in range(17)]
        ids = await decided(stage, *hosts, deliveries=17)
        shown = await ask(stage, "deliveries", "show", ids[0][:8], "--json")
        assert shown.value["delivery"]["id"] == ids[0]
        twice = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
        several = await ask(stage, "deliveries", "show", twice)
        assert (several.code, f'several deliveries have ids that begin with "{twice}"' in several.err) == (1, True)
        await asyncio.sleep(0)  # noqa: TID251 - lets the courier go on
        dropped = await ask(stage, "deliveries", "drop", ids[3][:10], "--yes")
        assert (dropped.code, dropped.out) == (0, "✓ 1 delivery dropped\n")
        made = (await ask(stage, "silence", "add", "rule=hosts", "--for", "2h", "--why", "w", "--json")).value
        ended = await ask(stage, "silence", "expire", made["silence"]["id"][:8])
        assert ended.code == 0
        assert (await ask(stage, "silence", "expire", "zzz")).code == 1
