"""From decisions to one commit: names, ids and books."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.routing.commit_batch import UNDECIDABLE, Batch, RoutedTopic, delivery_id, incoming_of, timer_of, values_of
from broker.model import Message, StateDelete, StatePut, StateRow
from rules.model import Decision, Incoming, Judgement, Post, Send, StateChange, StateValue

NOW_US = 1_767_225_600_000_000
TOPIC = RoutedTopic("projects/P/topics/T", "uid-t")


def a_send(**changed: Any) -> Send:
    return replace(
        Send(
            origin="m/uid-t/7/0",
            rule="disks",
            send=0,
            part=0,
            parts=1,
            destination="ops",
            order_key="web1",
            post=Post(text="disk full", severity="critical"),
            phase="firing",
            key="web1",
            stands_for=1,
            priority=3,
            places={"host": "web1"},
            incident="web1",
        ),
        **changed,
    )


def a_batch() -> Batch:
    return Batch(TOPIC, "v1", NOW_US)


def test_a_send_becomes_a_delivery_that_is_due_now() -> None:
    batch = a_batch()
    batch.add(Decision(sends=(a_send(),), fate="decided", tally={"decided": 1}), 7)
    (new,) = batch.deliveries
    told = {field.name: getattr(new, field.name) for field in dataclasses.fields(new)}
    assert json.loads(told.pop("post"))["text"] == "disk full"
    assert told == {
        "id": delivery_id(a_send()),
        "origin": "m/uid-t/7/0",
        "rule": "disks",
        "send": 0,
        "part": 0,
        "parts": 1,
        "destination": "ops",
        "order_key": "web1",
        "priority": 3,
        "phase": "firing",
        "key": "web1",
        "incident": "web1",
        "stands_for": 1,
        "topic_uid": "uid-t",
        "offset": 7,
        "version": "v1",
        "places": {"host": "web1"},
        "severity": "critical",
        "due_us": NOW_US,
        "created_us": NOW_US,
        "late": False,
    }


def test_fates_and_sends_are_counted_in_their_books() -> None:
    batch = a_batch()
    batch.add(Decision(fate="decided", tally={"decided": 2, "suppressed/duplicate": 1}), 0)
    batch.add(Decision(fate="unmatched"), 1)
    batch.add(Decision(fate="decided", tally={"decided": 1, "held": -1}), 2)
    batch.add(Decision(tally={"decided": 1}), -1)
    assert batch.counters == {
        ("uid-t", "decided"): 2,
        ("uid-t", "unmatched"): 1,
        ("uid-t", "sends/decided"): 4,
        ("uid-t", "sends/suppressed/duplicate"): 1,
        ("uid-t", "sends/held"): -1,
    }


def test_a_judgement_becomes_a_record() -> None:
    batch = a_batch()
    judgement = Judgement(1, "disks", 2, "ops", "web1", "suppressed", "duplicate")
    batch.add(Decision(judgements=(judgement,)), 7)
    (record,) = batch.records
    assert (record.topic_uid, record.offset, record.item, record.rule, record.send) == ("uid-t", 7, 1, "disks", 2)
    assert (record.destination, record.key, record.outcome, record.by) == ("ops", "web1", "suppressed", "duplicate")
    assert (record.at_us, record.version) == (NOW_US, "v1")


def test_a_decision_that_cannot_be_taken_in_leaves_nothing_behind() -> None:
    batch = a_batch()
    bad = a_send(part=1, post=Post(text="", body=object()))
    decision = Decision(
        sends=(a_send(), bad),
        judgements=(Judgement(0, "disks", 0, "ops", "", "sent"),),
        fate="decided",
        tally={"decided": 1},
    )
    with pytest.raises(TypeError):
        batch.add(decision, 0)
    assert (batch.deliveries, batch.records, batch.counters, batch.dead) == ([], [], {}, [])


def test_an_undecidable_message_is_a_dead_letter_that_shows_its_beginning() -> None:
    batch = a_batch()
    incoming = Incoming(TOPIC.name, 7, NOW_US, "\ud800" + "x" * 10_000, {}, "m/uid-t/7")
    batch.add_undecidable(incoming, "KeyError")
    (dead,) = batch.dead
    assert (dead.rule, dead.destination, dead.origin) == (UNDECIDABLE, UNDECIDABLE, "m/uid-t/7/0")
    assert (dead.stands_for, dead.offset, dead.severity) == (1, 7, "error")
    text = json.loads(dead.post)["text"]
    assert text.startswith("This message could not be decided (KeyError):\n```\n\ufffdxxx")
    assert len(text) < 4_100
    assert batch.counters == {("uid-t", "decided"): 1, ("uid-t", "sends/decided"): 1}
    assert batch.deliveries == []


def test_texts_that_no_store_can_keep_are_mended() -> None:
    half = "a\ud800"
    batch = a_batch()
    send = a_send(order_key=half, key=half, incident=half, places={half: half}, post=Post(text=half, severity=half))
    batch.add(Decision(sends=(send,), judgements=(Judgement(0, "r", 0, "ops", half, "sent"),)), 0)
    (new,), (record,) = batch.deliveries, batch.records
    assert {new.order_key, new.key, new.incident, new.severity, record.key, *new.places, *new.places.values()} == {
        "a\ufffd"
    }


def test_the_id_of_a_delivery_is_its_key_and_nothing_else() -> None:
    assert delivery_id(a_send()) == delivery_id(a_send(post=Post(text="other"), destination="mail"))
    others = [a_send(origin="m/uid-t/8/0"), a_send(rule="r"), a_send(send=1), a_send(part=1)]
    assert len({delivery_id(one) for one in [a_send(), *others]}) == 5
    assert len(delivery_id(a_send())) == 32


def test_a_new_row_is_at_home_in_the_topic_and_an_old_one_stays_at_home() -> None:
    batch = a_batch()
    changes = [
        StateChange("new", b"1", "disks", NOW_US + 9),
        StateChange("old", b"2", "disks", NOW_US + 9, NOW_US + 5),
        StateChange("gone", None, "disks", 0),
    ]
    rows = {
        "new": StateRow("new", None, 0),
        "old": StateRow("old", b"1", 4, "disks", "uid-other"),
        "gone": StateRow("gone", b"1", 5, "disks", "uid-t"),
    }
    commit = batch.commit((), {"new": 0, "old": 4, "gone": 5}, changes, rows)
    assert commit.state == [
        StatePut("new", b"1", "disks", "uid-t", NOW_US + 9),
        StatePut("old", b"2", "disks", "uid-other", NOW_US + 9, NOW_US + 5),
        StateDelete("gone"),
    ]
    assert commit.reads == {"new": 0, "old": 4, "gone": 5}


def test_a_message_and_rows_are_handed_to_the_rules() -> None:
    message = Message(7, NOW_US, "data", {"a": "b"})
    assert incoming_of(TOPIC, message) == Incoming(TOPIC.name, 7, NOW_US, "data", {"a": "b"}, "m/uid-t/7")
    assert values_of({"k": StateRow("k", b"v", 3)}) == {"k": StateValue(b"v", 3)}
    with pytest.raises(ValueError, match="the row 'k' is not a timer"):
        timer_of(StateRow("k", b"v", 3))
