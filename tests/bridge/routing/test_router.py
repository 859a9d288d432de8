"""The router: read, decide, commit; where it begins, what it survives, and what no message can do to others."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.routing.isolation import is_large
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from broker.errors import DuplicateDelivery
from broker.model import Commit, CursorMove, DeliveryQuery, Leased, StateDelete, StatePut
from broker.names import router_cursor
from rules.ruleset import PostMaking, RuleSet
from tests.fakes.deliveries import a_new_delivery
from tests.fakes.routing import ALL, OTHER, UIDS, Routing, T, an_alert, keep, routed, rules_of

UID = UIDS[T]


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


# --- From message to delivery ------------------------------------------------------------------------


async def test_a_message_becomes_a_delivery_in_one_commit() -> None:
    async with routed(Routing()) as routing:
        await routing.publish(an_alert())
        await routing.passes()
        (delivery,) = await routing.deliveries()
        new = delivery.new
        assert (new.origin, new.rule, new.send, new.part) == (f"m/{UID}/0/0", "all", 0, 0)
        assert (new.destination, new.order_key, new.key, new.topic_uid) == ("ops", "web1", "web1", UID)
        assert (new.version, new.offset) == (routing.in_force.rule_set.version, 0)
        assert await routing.texts() == ["web1 is CRITICAL"]
        (record,) = await routing.store.decisions.list_for_message(UID, 0)
        assert (record.rule, record.destination, record.outcome, record.version) == ("all", "ops", "sent", new.version)
        assert (await routing.cursor()).offset == 1


async def test_every_fate_of_a_message_stands_in_the_books() -> None:
    rules = """
        rules:
          - {name: noise, match: {$.status: OK}, drop: true}
          - {name: all, match: {$.status: CRITICAL}, text: x, send: [ops, mail]}
    """
    async with routed(Routing(rules)) as routing:
        await routing.publish(an_alert(), an_alert(status="OK"), an_alert(status="WARNING"))
        await routing.passes()
        book = await routing.books()
        assert (book.messages.received, book.messages.decided) == (3, 1)
        assert (book.messages.dropped, book.messages.unmatched, book.messages.undecided) == (1, 1, 0)
        assert (book.sends.decided, book.sends.waiting, book.sends.dropped) == (3, 2, 1)


async def test_messages_are_decided_in_their_order_over_many_batches() -> None:
    async with routed(Routing()) as routing:
        for start in range(0, 1_000, 250):
            await routing.publish(*(an_alert(host=f"web{n}") for n in range(start, start + 250)))
        await routing.passes(1.0)
        assert await routing.texts() == [f"web{n} is CRITICAL" for n in range(1_000)]
        assert sum(batch.messages for batch in routing.told) == 1_000
        assert sum(batch.deliveries for batch in routing.told) == 1_000


async def test_a_message_that_comes_while_it_rests_is_decided_at_once() -> None:
    async with routed(Routing()) as routing:
        await routing.passes(1_000.0)
        await routing.publish(an_alert())
        await routing.passes()
        assert await routing.texts() == ["web1 is CRITICAL"]


async def test_within_a_batch_a_message_sees_what_those_before_it_changed() -> None:
    rules = "rules: [{name: r, key: '{{ data.host }}', dedupe: 1h, text: x, send: ops}]"
    async with routed(Routing(rules)) as routing:
        await routing.publish(*(an_alert() for _ in range(5)))
        await routing.passes()
        book = await routing.books()
        assert (book.sends.waiting, book.sends.suppressed_by) == (1, {"duplicate": 4})
        assert len(routing.told) == 1


async def test_after_a_stop_nothing_more_is_decided() -> None:
    routing = Routing()
    router = routing.router()
    running = asyncio.create_task(router.run())
    await routing.passes()
    router.stop()
    await routing.passes()
    assert running.done()
    await running
    await routing.publish(an_alert())
    await routing.passes(100.0)
    assert await routing.deliveries() == []


async def test_what_a_rule_in_shadow_would_have_sent_is_kept_beside_what_was_sent() -> None:
    rules = """
        rules:
          - {name: live, text: "{{ data.host }}", send: ops}
          - {name: tried, text: "{{ data.host }}!", send: [ops, mail], shadow: true}
          - {name: gathered, text: "{{ data.host }}?", send: mail, group: {wait: 30s}, shadow: true}
    """
    async with routed(Routing(rules)) as routing:
        await routing.publish(an_alert(), an_alert(host="web2"))
        await routing.passes(31.0)
        shadows = await routing.store.outbox.find(DeliveryQuery(state="shadow"))
        kept = [(one.new.rule, one.new.destination, json.loads(one.new.post)["text"]) for one in shadows[::-1]]
        assert kept == [
            ("tried", "ops", "web1!"),
            ("tried", "mail", "web1!"),
            ("tried", "ops", "web2!"),
            ("tried", "mail", "web2!"),
            ("gathered", "mail", "web1?\nweb2?"),
        ]
        assert await routing.texts() == ["web1", "web2"]
        book = await routing.books()
        assert (book.sends.decided, book.sends.waiting, book.sends.shadow, book.sends.held) == (8, 2, 6, 0)
        assert sum(batch.deliveries for batch in routing.told) == 2


# --- Where it begins -----------------------------------------------------------------------------------


async def test_a_first_cursor_begins_at_the_end_and_what_lies_before_is_unrouted() -> None:
    routing = Routing()
    await routing.publish(an_alert(), an_alert())
    async with routed(routing, routing.router(is_young=False)):
        await routing.publish(an_alert(host="web2"))
        await routing.passes()
        assert await routing.texts() == ["web2 is CRITICAL"]
        assert (await routing.books()).messages.unrouted == 2


async def test_a_topic_younger_than_the_rules_begins_at_its_first_message() -> None:
    routing = Routing()
    await routing.publish(an_alert(), an_alert(host="web2"))
    async with routed(routing, routing.router(is_young=True)):
        assert await routing.texts() == ["web1 is CRITICAL", "web2 is CRITICAL"]
        assert (await routing.books()).messages.unrouted == 0


async def test_what_a_young_topic_lost_before_it_was_routed_is_expired() -> None:
    routing = Routing()
    await routing.publish(an_alert(), an_alert(), an_alert(host="web3"))
    await routing.store.log.trim(UID, 2)
    async with routed(routing, routing.router(is_young=True)):
        assert await routing.texts() == ["web3 is CRITICAL"]
        assert (await routing.books()).messages.expired == 2


async def test_it_goes_on_where_it_stood() -> None:
    routing = Routing()
    async with routed(routing):
        await routing.publish(an_alert())
        await routing.passes()
    await routing.publish(an_alert(host="web2"))
    async with routed(routing, routing.router(is_young=False)):
        assert await routing.texts() == ["web1 is CRITICAL", "web2 is CRITICAL"]


async def test_heard_again_after_a_while_it_begins_at_the_end_and_the_books_still_balance() -> None:
    routing = Routing()
    async with routed(routing):
        await routing.publish(an_alert())
        await routing.passes()
    await routing.store.cursors.delete(router_cursor(UID))
    await routing.publish(an_alert(host="unheard"), an_alert(host="unheard"))
    assert (await routing.books()).messages.unrouted == 2
    async with routed(routing):
        await routing.publish(an_alert(host="web2"))
        await routing.passes()
        assert await routing.texts() == ["web1 is CRITICAL", "web2 is CRITICAL"]
        messages = (await routing.books()).messages
        assert (messages.received, messages.decided, messages.unrouted) == (4, 2, 2)


async def test_two_that_create_the_first_cursor_at_once_agree_on_one() -> None:
    routing = Routing()
    await routing.publish(an_alert(), an_alert())
    async with routed(routing, routing.router(is_young=False), routing.router(is_young=False)):
        assert (await routing.books()).messages.unrouted == 2


# --- Jumps -----------------------------------------------------------------------------------------------


async def test_messages_that_went_before_they_were_decided_are_counted_as_expired() -> None:
    routing = Routing()
    async with routed(routing):
        await routing.publish(an_alert())
        await routing.passes()
    await routing.publish(*(an_alert() for _ in range(5)))
    await routing.publish(an_alert(host="last"))
    await routing.store.log.trim(UID, 6)
    async with routed(routing):
        assert await routing.texts() == ["web1 is CRITICAL", "last is CRITICAL"]
        assert (await routing.books()).messages.expired == 5


async def test_when_all_that_was_not_decided_is_gone_it_moves_behind_it_and_rests() -> None:
    routing = Routing()
    async with routed(routing):
        await routing.publish(an_alert())
        await routing.passes()
    await routing.publish(*(an_alert() for _ in range(5)))
    await routing.store.log.trim(UID, 6)
    async with routed(routing):
        await routing.passes(10.0)
        assert (await routing.cursor()).offset == 6
        messages = (await routing.books()).messages
        assert (messages.expired, messages.undecided) == (5, 0)
        await routing.publish(an_alert(host="next"))
        await routing.passes()
        assert (await routing.texts())[-1] == "next is CRITICAL"


async def test_a_jump_in_offsets_of_a_restored_log_is_counted_as_expired() -> None:
    async with routed(Routing()) as routing:
        await routing.publish(an_alert())
        await routing.passes()
        await routing.store.log.reserve(UID, 1_000)
        await routing.publish(an_alert(host="after"))
        await routing.passes()
        assert await routing.offsets() == [0, 1_000]
        assert (await routing.books()).messages.expired == 999


# --- Somebody else was there first -------------------------------------------------------------------------


class Meddled(MemoryStore):
    """A store on which somebody else does something just before the first commit of a decision."""

    meddle: Callable[[Commit], Awaitable[None]] | None = None

    async def commit(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None = None) -> None:
        if self.meddle is not None and (commit.counters.get((UID, "decided")) or commit.reads):
            meddle, self.meddle = self.meddle, None
            await meddle(commit)
        await super().commit(commit, take)


async def test_when_state_moved_meanwhile_it_decides_again() -> None:
    store = Meddled(ManualClock())

    async def somebody_tells_it_first(commit: Commit) -> None:
        changes = [change for change in commit.state if isinstance(change, StatePut)]
        await MemoryStore.commit(store, Commit(state=changes))

    store.meddle = somebody_tells_it_first
    rules = "rules: [{name: r, key: '{{ data.host }}', dedupe: 1h, text: x, send: ops}]"
    async with routed(Routing(rules, store=store)) as routing:
        await routing.publish(an_alert())
        await routing.passes()
        book = await routing.books()
        assert (book.messages.decided, book.sends.waiting, book.sends.suppressed_by) == (1, 0, {"duplicate": 1})


async def test_when_the_cursor_moved_meanwhile_it_goes_on_from_there() -> None:
    store = Meddled(ManualClock())

    async def somebody_decides_it_first(commit: Commit) -> None:
        await MemoryStore.commit(store, commit)

    store.meddle = somebody_decides_it_first
    async with routed(Routing(store=store)) as routing:
        await routing.publish(an_alert())
        await routing.passes()
        await routing.publish(an_alert(host="web2"))
        await routing.passes()
        assert await routing.texts() == ["web1 is CRITICAL", "web2 is CRITICAL"]


async def test_a_cursor_moved_back_is_followed() -> None:
    store = Meddled(ManualClock())

    async def somebody_moves_it(commit: Commit) -> None:
        cursor = commit.cursors[0].cursor
        counters = {(UID, "unmatched"): 1}
        await MemoryStore.commit(store, Commit(cursors=[CursorMove(replace(cursor, offset=1))], counters=counters))

    store.meddle = somebody_moves_it
    async with routed(Routing(store=store)) as routing:
        await routing.publish(an_alert(), an_alert(host="web2"))
        await routing.passes()
        assert await routing.texts() == ["web2 is CRITICAL"]


@pytest.mark.parametrize("outcome", ["stored", "not stored", "unavailable"])
@pytest.mark.parametrize("skip", [0, 1, 2])
async def test_a_commit_of_unknown_outcome_is_neither_repeated_nor_lost(outcome: Any, skip: int) -> None:
    async with routed(Routing(ALL, Trouble("commit", outcome, skip=skip, times=2))) as routing:
        await routing.passes(5.0)
        for n in range(3):
            await routing.publish(an_alert(host=f"web{n}"))
            await routing.passes(5.0)
        assert await routing.texts() == [f"web{n} is CRITICAL" for n in range(3)]


@pytest.mark.parametrize("call", ["cursors.get", "log.read", "log.bounds", "log.wait_for", "state.due", "counters"])
async def test_a_store_that_is_away_for_a_while_only_delays(call: str) -> None:
    async with routed(Routing(ALL, Trouble(call, "unavailable", times=3))) as routing:
        await routing.publish(an_alert())
        await routing.passes(20.0)
        assert await routing.texts() == ["web1 is CRITICAL"]


async def test_a_delivery_key_that_comes_twice_stops_the_topic_loudly_and_skips_nothing() -> None:
    routing = Routing()
    twin = a_new_delivery("twin", origin=f"m/{UID}/0/0", rule="all", topic_uid="elsewhere")
    await routing.store.commit(Commit(deliveries=[twin]))
    await routing.publish(an_alert())
    with pytest.raises(DuplicateDelivery):
        await routing.router().run()
    assert (await routing.cursor()).offset == 0


# --- Poison ------------------------------------------------------------------------------------------------


class Broken:
    """In place of a part of a rule: a bug of ours that messages with ``poison`` meet."""

    text = "$.broken"

    def find(self, payload: Any) -> list[Any]:
        """As ``for_each``."""
        if "poison" in payload:
            raise RuntimeError("a bug")
        return [payload]

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("a bug")


def broken_in(step: str) -> RuleSet:
    """Rules that break on a poison message in one step of deciding, and post every other message."""
    whole = rules_of(
        """
        rules:
          - {name: poison, match: {$.poison: true}, body: x, send: hook, stop: true}
          - {name: all, text: "{{ data.host }} is {{ data.status }}", send: ops}
        """
    )
    poison, ordinary = whole.rules
    match step:
        case "matching":
            ordinary = replace(ordinary, for_each=Broken())  # type: ignore[arg-type]
            rules = (ordinary,)
        case "deciding":
            rules = (replace(poison, making=PostMaking(text=Broken())), ordinary)  # type: ignore[arg-type]
        case _:
            rules = (replace(poison, making=PostMaking(body=object(), has_body=True)), ordinary)  # type: ignore[arg-type]
    return replace(whole, rules=rules, views={})


@pytest.mark.parametrize("step", ["matching", "deciding", "entering"])
async def test_a_message_that_breaks_a_step_is_a_dead_letter_and_holds_up_nobody(step: str, logs: list[Any]) -> None:
    async with routed(Routing(broken_in(step))) as routing:
        await routing.publish(an_alert(), an_alert(poison=True), an_alert(host="web2"))
        await routing.passes()
        assert await routing.texts() == ["web1 is CRITICAL", "web2 is CRITICAL"]
        assert await routing.dead() == [1]
        (dead,) = [one for one in await routing.deliveries() if one.state == "dead"]
        text = json.loads(dead.new.post)["text"]
        assert text.startswith("This message could not be decided (")
        assert '"poison": true' in text
        assert routing.told[-1].counts == {"undecidable": 1}
        book = await routing.books()
        assert (book.messages.decided, book.sends.decided, book.sends.dead) == (3, 3, 1)
        assert any(entry["log_level"] == "error" and entry["topic"] == T for entry in logs)


async def test_nothing_of_a_broken_decision_is_left_behind() -> None:
    whole = rules_of(
        """
        rules:
          - {name: first, key: "{{ data.host }}", dedupe: 1h, text: x, send: ops}
          - {name: poison, match: {$.poison: true}, body: x, send: hook}
        """
    )
    first, poison = whole.rules
    rules = (first, replace(poison, making=PostMaking(body=object(), has_body=True)))  # type: ignore[arg-type]
    async with routed(Routing(replace(whole, rules=rules, views={}))) as routing:
        await routing.publish(an_alert(poison=True), an_alert())
        await routing.passes()
        assert await routing.dead() == [0]
        assert await routing.texts() == ["x"]  # the poison did not count as told
        assert (await routing.books()).sends.suppressed == 0


async def test_halves_of_surrogate_pairs_go_through_as_replacement_characters() -> None:
    whole = rules_of("rules: [{name: r, key: '{{ data.host }}', body: x, send: hook}]")
    making = PostMaking(body={"half \ud800": ["\udfff", 1, None]}, has_body=True)
    rules = tuple(replace(rule, making=making) for rule in whole.rules)
    async with routed(Routing(replace(whole, rules=rules, views={}))) as routing:
        await routing.publish(an_alert(), '{"host": "half \\ud800"}', an_alert())
        await routing.passes()
        assert await routing.dead() == []
        first, second, third = await routing.deliveries()
        assert json.loads(first.new.post)["body"] == {"half \ufffd": ["\ufffd", 1, None]}
        for new in (first.new, second.new, third.new):
            "".join([new.key, new.order_key, *new.places, *new.places.values()]).encode()


class Picky(MemoryStore):
    """A store that cannot take certain texts, and breaks off as an engine with a bug would."""

    async def commit(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None = None) -> None:
        if any("poison" in new.key for new in commit.deliveries):
            raise UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates not allowed")
        await super().commit(commit, take)


async def test_a_message_that_the_store_cannot_take_costs_itself_only() -> None:
    async with routed(Routing(store=Picky(ManualClock()))) as routing:
        hosts = [f"web{n}" for n in range(40)] + ["poison"] + [f"web{n}" for n in range(41, 80)]
        await routing.publish(*(an_alert(host=host) for host in hosts))
        await routing.passes(5.0)
        assert await routing.dead() == [40]
        assert await routing.offsets() == list(range(80))


class Full(MemoryStore):
    """A store that takes nothing at all, and breaks off as an engine with a bug would."""

    async def commit(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None = None) -> None:
        if commit.counters.get((UID, "decided")):
            raise RuntimeError("a bug of the engine")
        await super().commit(commit, take)


async def test_a_store_that_takes_nothing_is_told_and_loses_nothing() -> None:
    routing = Routing(store=Full(ManualClock()))
    await routing.publish(an_alert(), an_alert())
    with pytest.raises(RuntimeError, match="a bug of the engine"):
        await routing.router().run()
    assert (await routing.cursor()).offset == 0


@pytest.mark.parametrize(
    "payload",
    [
        "not json",
        "",
        "\x00\x01",
        base64.b64encode(b"\xff\xfe\x00").decode(),
        "[" * 100_000,
        '{"host": ' + "9" * 5_000 + "}",
        json.dumps({"host": "x" * 1_000_000}),
        json.dumps({"host": {"deep": ["a"] * 200_000}}),
        json.dumps({"host": "@channel :red_circle: Ωμέγα 🔥"}),
        "null",
    ],
    ids=["text", "empty", "control", "bytes", "deep", "number", "1MB", "1MB list", "unicode", "null"],
)
async def test_no_payload_blocks_the_ones_behind_it(payload: str) -> None:
    async with routed(Routing()) as routing:
        await routing.publish(an_alert(), payload, an_alert(host="behind"))
        await routing.passes(1.0)
        offsets = await routing.offsets()
        assert set(offsets) == {0, 1, 2}
        assert (await routing.texts())[-1] == "behind is CRITICAL"
        assert await routing.dead() == []


# --- Timers --------------------------------------------------------------------------------------------------


GROUPED = """
rules:
  - name: grouped
    group: {by: [$.status], wait: 10s, every: 60s}
    text: "{{ events | length }} events"
    send: ops
"""


async def test_a_timer_fires_at_its_time_and_is_armed_again() -> None:
    async with routed(Routing(GROUPED)) as routing:
        await routing.publish(an_alert(), an_alert())
        await routing.passes(9.0)
        assert await routing.texts() == []
        assert (await routing.books()).sends.held == 2
        await routing.passes(1.1)
        assert len(await routing.texts()) == 1
        await routing.publish(an_alert())
        await routing.passes(50.0)
        assert len(await routing.texts()) == 1
        await routing.passes(10.0)
        assert len(await routing.texts()) == 2
        (first, second) = await routing.deliveries()
        assert first.new.origin.startswith("t/")
        assert (first.new.offset, first.new.stands_for, second.new.stands_for) == (-1, 2, 1)
        assert [batch.messages for batch in routing.told] == [2, 0, 1, 0]


async def test_a_timer_that_was_due_while_nobody_routed_fires_at_once() -> None:
    routing = Routing(GROUPED)
    async with routed(routing):
        await routing.publish(an_alert())
        await routing.passes()
    await routing.passes(100_000.0)
    async with routed(routing):
        assert len(await routing.texts()) == 1


async def test_more_timers_than_one_batch_all_fire() -> None:
    rules = "rules: [{name: g, group: {by: [$.host], wait: 10s}, text: x, send: ops}]"
    async with routed(Routing(rules)) as routing:
        await routing.publish(*(an_alert(host=f"web{n}") for n in range(250)))
        await routing.passes(11.0)
        assert len(await routing.texts()) == 250


@pytest.mark.parametrize("outcome", ["stored", "not stored"])
async def test_a_firing_of_unknown_outcome_is_neither_repeated_nor_lost(outcome: Any) -> None:
    async with routed(Routing(GROUPED)) as routing:
        await routing.publish(an_alert())
        await routing.passes(5.0)
        routing.gate.add(Trouble("commit", outcome, times=1))
        await routing.passes(20.0)
        assert len(await routing.texts()) == 1


async def test_a_timer_that_moved_while_it_was_fired_is_looked_at_again() -> None:
    store = Meddled(ManualClock())

    async def somebody_fires_it(commit: Commit) -> None:
        await MemoryStore.commit(store, commit)

    async with routed(Routing(GROUPED, store=store)) as routing:
        store._clock = routing.clock
        store.state._clock = routing.clock
        await routing.publish(an_alert())
        await routing.passes()
        store.meddle = somebody_fires_it
        await routing.passes(20.0)
        assert len(await routing.texts()) == 1


async def test_a_timer_that_breaks_is_put_off_and_the_others_fire(logs: list[Any]) -> None:
    async with routed(Routing(GROUPED)) as routing:
        now_us = routing.clock.wall_us()
        garbage = StatePut("g/grouped/garbage", b"\xff garbage", "grouped", UID, now_us + 2_000_000, now_us + 1_000_000)
        await routing.store.commit(Commit(state=[garbage]))
        await routing.publish(an_alert())
        await routing.passes(20.0)
        assert len(await routing.texts()) == 1
        row = (await routing.store.state.read([garbage.key]))[garbage.key]
        assert (row.value, row.due_us) == (garbage.value, now_us + 301_000_000)
        assert any(entry["event"] == "firing broke" for entry in logs)
        await routing.passes(3 * 300.0)
        row = (await routing.store.state.read([garbage.key]))[garbage.key]
        assert row.value == garbage.value
        await routing.store.commit(Commit(state=[StateDelete(garbage.key)]))


async def test_what_a_timer_leads_to_that_cannot_be_entered_puts_it_off() -> None:
    whole = rules_of(GROUPED.replace("send: ops", "send: hook"))
    async with routed(Routing(whole)) as routing:
        await routing.publish(an_alert())
        await routing.passes(5.0)
        (rule,) = whole.rules
        broken = replace(rule, making=PostMaking(body=object(), has_body=True))  # type: ignore[arg-type]
        routing.reload(replace(whole, rules=(broken,), by_name={"grouped": broken}, views={}, version="broken"))
        await routing.passes(20.0)
        assert await routing.deliveries() == []
        assert (await routing.books()).sends.held == 1
        routing.reload(GROUPED)
        await routing.passes(300.0)
        assert (await routing.texts()) == ["1 events"]


async def test_a_router_that_sets_a_timer_of_another_topic_wakes_its_router() -> None:
    rules = f"""
        topic: [{T}, {OTHER}]
        rules:
          - name: r
            key: "{{{{ data.host }}}}"
            match: {{$.status: CRITICAL}}
            resolved: {{$.status: OK}}
            flapping: {{changes: 3, within: 20s}}
            text: "{{{{ data.status }}}}"
            send: ops
    """
    routing = Routing(rules)
    async with routed(routing, routing.router(T), routing.router(OTHER)):
        await routing.publish(an_alert(), topic=T)
        await routing.passes(1.0)
        for status in ("OK", "CRITICAL", "OK"):
            await routing.publish(an_alert(status=status), topic=OTHER)
            await routing.passes(0.1)
        before = len(await routing.deliveries())
        await routing.passes(25.0)
        phases = [one.new.phase for one in (await routing.deliveries())[before:]]
        assert phases == ["calm"]


# --- Rules that change -----------------------------------------------------------------------------------------


async def test_other_rules_count_from_the_next_batch_on() -> None:
    async with routed(Routing()) as routing:
        await routing.publish(an_alert())
        await routing.passes()
        routing.reload("rules: [{name: new, text: 'now {{ data.host }}', send: mail}]")
        await routing.publish(an_alert(host="web2"))
        await routing.passes()
        assert await routing.texts() == ["web1 is CRITICAL", "now web2"]
        first, second = await routing.deliveries()
        assert first.new.version != second.new.version == routing.in_force.rule_set.version


async def test_a_router_that_fails_leaves_its_nudges_to_the_next_run() -> None:
    routing = Routing(ALL, Trouble("log.wait_for", "unavailable", times=2))
    router = routing.router()
    running = asyncio.create_task(keep(router, routing.clock))
    await routing.passes(10.0)
    await routing.publish(an_alert())
    await routing.passes(10.0)
    assert await routing.texts() == ["web1 is CRITICAL"]
    router.stop()
    await routing.passes(5.0)
    await running


def test_a_packed_message_is_decided_beside_the_event_loop_however_small_it_is() -> None:
    bomb = base64.b64encode(gzip.compress(json.dumps([1] * 1_000_000).encode())).decode()
    assert len(bomb) < 64 * 1024
    assert is_large(bomb)
    assert is_large(base64.b64encode(bomb.encode()).decode())
    assert not is_large(json.dumps([1] * 1_000))
