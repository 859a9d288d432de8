"""Which query finds deliveries, the narrowest index for what was asked, and with which parameters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from broker.model import DecisionQuery, DeliveryQuery

_AFTER_ALL: Final = 2**62
_LAST_SIGN: Final = "\U0010ffff"


def parameters_of(query: DeliveryQuery) -> dict[str, Any]:
    """The parameters of the query that answers, by name."""
    wanted = asdict(query)
    if query.before_seq is None:
        wanted["before_seq"] = _AFTER_ALL
    if query_name(query) == "find_between":
        wanted |= {
            "since_us": query.since_us or 0,
            "until_us": _AFTER_ALL if query.until_us is None else query.until_us,
        }
    if query.id_prefix is not None:
        wanted["behind_ids"] = query.id_prefix + _LAST_SIGN
    return wanted


def query_name(query: DeliveryQuery) -> str:
    """The query that answers: for an id's beginning, a digest, a message, a line, an incident, times, or anything."""
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
    if query.state == "dead":
        return "find_dead"
    if query.since_us is not None or query.until_us is not None:
        return "find_between"
    return "find_shadow" if query.state == "shadow" else "find"


def parameters_of_decisions(query: DecisionQuery) -> dict[str, Any]:
    """The parameters of the query for decisions, by name, but for its times."""
    wanted = asdict(query)
    if query.before_seq is None:
        wanted["before_seq"] = _AFTER_ALL
    return wanted
