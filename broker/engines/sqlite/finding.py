"""Which query finds deliveries: the narrowest index for what was asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from broker.engines.sqlite.deliveries import view_row
from broker.engines.sqlite.queries import load
from broker.model import Delivery, DeliveryQuery
from broker.steady import Reading

_SQL = load("outbox")
_AFTER_ALL = 2**62
_LAST_SIGN = "\U0010ffff"


def find(db: sqlite3.Connection, query: DeliveryQuery, now: Reading) -> Sequence[Delivery]:
    """The deliveries that fit, newest first."""
    wanted = asdict(query)
    if query.before_seq is None:
        wanted["before_seq"] = _AFTER_ALL
    if query.id_prefix is not None:
        wanted["behind_ids"] = query.id_prefix + _LAST_SIGN
    return [view_row(columns, now) for columns in db.execute(_SQL[query_name(query)], wanted)]


def query_name(query: DeliveryQuery) -> str:
    """The query that answers: for an id's beginning, a digest, a message, a line, an incident, a state, or anything."""
    if query.id_prefix is not None:
        return "find_by_prefix"
    if query.into is not None:
        return "find_into"
    if query.topic_uid is not None and query.offset is not None:
        return "find_of_message"
    if query.state == "waiting" and query.destination is not None and query.order_key is not None:
        return "find_in_line"
    if query.incident:
        return "find_of_incident"
    by_state = {"dead": "find_dead", "shadow": "find_shadow"}
    return by_state.get(query.state or "", "find")
