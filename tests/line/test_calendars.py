"""A daemon whose rota stands in a calendar at a URL: read at the start, told when it cannot be read, asked by posts."""

from __future__ import annotations

import json
from pathlib import Path

from bridge.fakes.exchange import Reply
from tests.fakes.receiver import FakeWebhook, webhook_receiver
from tests.line.stage import a_stage

__all__ = ["webhook_receiver"]

RULES = """
topic: projects/P/topics/T
rules:
  - {name: r, match: {$.n: {exists: true}}, text: "{{ data.n }}", mention: "{{ on_call('net') }}", send: ops}
  - {name: hourly, schedule: {cron: "0 * * * *"}, text: "{{ data.fired }} told", send: ops}
"""
ICS = (
    b"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20250101\n"
    b"RRULE:FREQ=DAILY\nSUMMARY:Anna\nEND:VEVENT\nEND:VCALENDAR\n"
)


async def test_posts_call_who_a_calendar_names_and_its_age_is_told(
    tmp_path: Path, webhook_receiver: FakeWebhook
) -> None:
    webhook_receiver.reply = Reply(200, ICS)
    more = (
        'rota: {net: {calendar: oncall, names: {Anna: "@anna"}}}\n'
        f'calendars: {{oncall: {{url: "{webhook_receiver.base_url}/x.ics?s3cret", stale_after: 2h}}}}\n'
    )
    async with a_stage(tmp_path, RULES, "  ops: {type: inbox}", more=more) as stage:
        while not stage.daemon.in_force.rule_set.shelf.list_copies():
            await stage.let_pass(1.0)
        await stage.publish({"n": 1})
        (delivery,) = await stage.settled(1)
        assert json.loads(delivery.new.post)["mention"] == "@anna"
        assert "ams_bridge_calendar_age_seconds" in (await stage.http.get("/metrics")).text
        webhook_receiver.reply = Reply(503)
        deliveries = await stage.settled(2, step_s=60)
        assert json.loads(deliveries[1].new.post)["text"] == "1 told"
        await stage.let_pass(2 * 3600)
        answer = (await stage.http.get("/readyz")).text
        assert "the calendar oncall was last read" in answer
        assert "s3cret" not in answer
        await stage.check_books()
