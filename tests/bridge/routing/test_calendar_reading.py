"""Calendars at URLs: read over real HTTP, kept, shared by nodes, and told when they grow old."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.fakes.exchange import Reply
from bridge.routing.active_config import ActiveConfig
from bridge.routing.calendar_copies import shelve_calendars
from bridge.routing.calendar_reading import CalendarReader
from bridge.settings.calendar_settings import CalendarSettings
from broker.broker import Broker
from broker.clock import ManualClock
from tests.fakes.brokers import a_broker
from tests.fakes.receiver import FakeWebhook, running, webhook_receiver
from tests.fakes.rule_sets import a_rule

__all__ = ["webhook_receiver"]


def ics(*names: str) -> Reply:
    events = "".join(
        f"BEGIN:VEVENT\nUID:{name}\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY\nSUMMARY:{name}\nEND:VEVENT\n"
        for name in names
    )
    return Reply(200, f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{events}END:VCALENDAR\n".encode())


class Node:
    """What one daemon knows of the calendars of its settings."""

    def __init__(self, broker: Broker, **calendars: CalendarSettings) -> None:
        self.rules = a_rule("text: x")
        shelved = shelve_calendars(calendars, broker, broker.clock.wall_us(), "bridge.yaml")
        for name, copy in shelved.shelf.list_copies().items():
            self.rules.shelf.put(name, copy)
        self.reader = CalendarReader(broker, ActiveConfig(self.rules, 0), lambda: calendars)
        self.clock = broker.clock

    def names(self, calendar: str = "oncall") -> set[str]:
        return {period.summary for period in self.rules.shelf.copy_of(calendar).periods}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def a_calendar(receiver: FakeWebhook, path: str = "/oncall.ics?secret=s3cret", **more: object) -> CalendarSettings:
    return CalendarSettings.model_validate({"url": f"{receiver.base_url}{path}", **more})


async def test_what_a_url_says_counts_and_is_read_again_when_it_is_time(
    clock: ManualClock, webhook_receiver: FakeWebhook
) -> None:
    webhook_receiver.reply = ics("anna")
    node = Node(await a_broker(clock), oncall=a_calendar(webhook_receiver))
    await node.reader.look()
    assert node.names() == {"anna"}
    webhook_receiver.reply = ics("ben")
    await clock.advance(899)
    await node.reader.look()
    assert node.names() == {"anna"}
    await clock.advance(1)
    await node.reader.look()
    assert (node.names(), len(webhook_receiver.requests)) == ({"ben"}, 2)


async def test_the_last_good_copy_counts_and_its_age_is_told_without_the_url(
    clock: ManualClock, webhook_receiver: FakeWebhook
) -> None:
    webhook_receiver.reply = ics("anna")
    node = Node(await a_broker(clock), oncall=a_calendar(webhook_receiver, stale_after="2h"))
    await node.reader.look()
    assert node.reader.describe_degraded() == ""
    for reply in (Reply(503), Reply(200, b"<html>log in</html>")):
        webhook_receiver.reply = reply
        await clock.advance(3600)
        await node.reader.look()
    assert node.reader.describe_degraded() == ""
    await clock.advance(1)
    told = node.reader.describe_degraded()
    assert told.startswith("the calendar oncall was last read 2h ago, and counts as it was: this is no calendar")
    assert "s3cret" not in told
    assert node.names() == {"anna"}


async def test_one_that_was_never_read_is_told_and_its_file_counts(
    clock: ManualClock, webhook_receiver: FakeWebhook, tmp_path: Path
) -> None:
    file = tmp_path / "copy.ics"
    file.write_bytes(ics("dora").body)
    webhook_receiver.reply = Reply(404)
    node = Node(await a_broker(clock), oncall=a_calendar(webhook_receiver, file=file))
    await node.reader.look()
    assert node.names() == {"dora"}
    assert node.reader.describe_degraded() == "the calendar oncall was never read: the URL answers HTTP 404"


async def test_a_restart_and_another_node_have_the_copy_without_asking(
    clock: ManualClock, webhook_receiver: FakeWebhook
) -> None:
    webhook_receiver.reply = ics("anna")
    broker, settings = await a_broker(clock), a_calendar(webhook_receiver)
    await Node(broker, oncall=settings).reader.look()
    webhook_receiver.reply = Reply(500)
    other = await a_broker(clock, broker.store)
    again = Node(other, oncall=settings)
    assert again.names() == {"anna"}
    await again.reader.look()
    assert len(webhook_receiver.requests) == 1


async def test_a_node_takes_what_another_has_read(clock: ManualClock, webhook_receiver: FakeWebhook) -> None:
    broker, settings = await a_broker(clock), a_calendar(webhook_receiver)
    webhook_receiver.reply = ics("anna")
    one = Node(broker, oncall=settings)
    await one.reader.look()
    other = Node(await a_broker(clock, broker.store), oncall=settings)
    await other.reader.look()
    webhook_receiver.reply = ics("ben")
    await clock.advance(900)
    await other.reader.look()
    await broker.load()
    await one.reader.look()
    assert (one.names(), other.names(), len(webhook_receiver.requests)) == ({"ben"}, {"ben"}, 2)


async def test_the_copy_of_another_url_does_not_count(clock: ManualClock, webhook_receiver: FakeWebhook) -> None:
    webhook_receiver.reply = ics("anna")
    broker = await a_broker(clock)
    await Node(broker, oncall=a_calendar(webhook_receiver)).reader.look()
    assert Node(broker, oncall=a_calendar(webhook_receiver, "/other.ics")).names() == set()


async def test_nobody_at_the_url_is_a_fault_and_not_an_error(clock: ManualClock) -> None:
    with running(FakeWebhook()) as gone:
        settings = a_calendar(gone)
    node = Node(await a_broker(clock), oncall=settings)
    await node.reader.look()
    assert "the calendar oncall was never read: the URL cannot be read" in node.reader.describe_degraded()


async def test_a_file_is_read_again_and_one_that_is_broken_leaves_what_was(clock: ManualClock, tmp_path: Path) -> None:
    file = tmp_path / "plan.ics"
    file.write_bytes(ics("works").body)
    node = Node(await a_broker(clock), plan=CalendarSettings(file=file))
    for body, names in ((ics("more").body, {"more"}), (b"broken", {"more"})):
        file.write_bytes(body)
        await clock.advance(900)
        await node.reader.look()
        assert node.names("plan") == names
    assert node.reader.describe_degraded() == ""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "needs a url: or a file:"),
        ({"url": "ftp://x/y"}, "http, https or webcal URL"),
        ({"url": "https://x/y", "timezone": "Athens"}, 'no time zone "Athens"'),
    ],
)
def test_settings_that_cannot_be_are_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CalendarSettings.model_validate(given)


def test_webcal_is_https() -> None:
    url = CalendarSettings.model_validate({"url": "webcal://x/y.ics"}).url
    assert url is not None
    assert url.reveal() == "https://x/y.ics"
