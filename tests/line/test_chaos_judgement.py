"""The judges of the chaos proof see each kind of fault, so that their silence means something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.routing.ledger import MessageBook, SendBook, TopicBooks
from broker.model import Attempt, Delivery
from tests.fakes.deliveries import a_new_delivery
from tests.line.chaos_judgement import Judgement, Kept, judge
from tests.line.chaos_publishers import Acknowledged
from tests.line.chaos_receiver import Arrival

ACKNOWLEDGED = [Acknowledged("a", n, n) for n in range(3)]


def _arrival(at_s: float, n: int, way: str = "taken", **changed: Any) -> Arrival:
    return Arrival(**({"at_s": at_s, "key": "a", "n": n, "delivery_id": f"d{n}", "way": way} | changed))


def _judged(*arrivals: Arrival, ended_at_s: Sequence[float] = (), unclear: int = 0, **changed: Any) -> Judgement:
    """The judgement of three messages of one key, of which ``unclear`` tries of the first are on record."""
    attempts = [Attempt(0, 0, "later", "no answer", counted=True, unclear=True) for _ in range(unclear)]
    kept = [Delivery(a_new_delivery(f"d{n}", offset=n), n, "delivered", 0) for n in range(3)]
    book = TopicBooks("T", "u", MessageBook(3, 0, 0, 3, 0, 0, 0), SendBook(3, delivered=3))
    store = Kept([(one, attempts if one.id == "d0" else []) for one in kept], 3, book)
    return judge(changed.get("acknowledged", ACKNOWLEDGED), arrivals, changed.get("kept", store), ended_at_s)


def _faults(found: Judgement) -> dict[str, int]:
    lists = ("lost", "out_of_order", "decided_twice", "needless", "strange")
    return {name: len(getattr(found, name)) for name in lists if getattr(found, name)}


def test_what_arrives_once_and_in_order_is_well() -> None:
    found = _judged(_arrival(1, 0), _arrival(2, 1), _arrival(3, 2))
    assert (_faults(found), found.arrived, found.repeats) == ({}, 3, 0)


def test_what_never_arrives_is_lost_and_so_is_what_was_only_refused() -> None:
    assert _faults(_judged(_arrival(1, 0), _arrival(2, 1))) == {"lost": 1}
    assert _faults(_judged(_arrival(1, 0), _arrival(2, 1), _arrival(3, 2, "500"))) == {"lost": 1}


def test_a_later_number_that_comes_first_is_out_of_order() -> None:
    assert _faults(_judged(_arrival(1, 0), _arrival(2, 2), _arrival(3, 1))) == {"out_of_order": 1}


def test_a_repeat_is_needless_unless_the_daemon_ended_in_between_or_a_try_was_unclear() -> None:
    came = [_arrival(1, 0), _arrival(2, 0), _arrival(3, 1), _arrival(4, 2)]
    assert _faults(_judged(*came)) == {"needless": 1}
    assert _faults(_judged(*came, ended_at_s=[0.5, 2.5])) == {"needless": 1}
    assert _faults(_judged(*came, ended_at_s=[1.5])) == {}
    assert _faults(_judged(*came, unclear=1)) == {}
    assert _faults(_judged(_arrival(0, 0, "500"), *came[1:])) == {}


def test_two_deliveries_of_one_message_were_decided_twice() -> None:
    came = [_arrival(1, 0), _arrival(2, 0, delivery_id="d7"), _arrival(3, 1), _arrival(4, 2)]
    assert _faults(_judged(*came, ended_at_s=[1.5])) == {"decided_twice": 1}
