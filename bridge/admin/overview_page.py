"""The overview: is all well, and if not, what is not; the ledger; and a reload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult
from bridge.control import silences_api, status_api
from bridge.control.incidents_api import firing
from bridge.control.subscriptions_api import all_subscriptions
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.request_reload import Reloaded
from bridge.operate.topic_names import topic_names
from bridge.routing.ledger import all_balanced
from bridge.routing.ledger import books as books_of


async def overview(asked: OperatorRequest) -> dict[str, Any]:
    """GET /."""
    stands = await status_api.status(asked)
    found = await books_of(asked.source.store, topic_names(asked))
    fire, complete = await firing(asked.source)
    return {
        "status": stands,
        "broken": [worker for worker in stands["workers"] if worker["state"] != "running"],
        "totals": _totals(stands["destinations"]),
        "books": found,
        "balanced": all_balanced(found),
        "firing": fire,
        "complete": complete,
        "silences": sum(one.state == "active" for one in (await silences_api.all_silences(asked))["silences"]),
    }


async def books(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ledger."""
    found = await books_of(asked.source.store, topic_names(asked))
    return {"books": found, "balanced": all_balanced(found)}


async def subscriptions(asked: OperatorRequest) -> dict[str, Any]:
    """GET /subscriptions."""
    return {"subscriptions": (await all_subscriptions(asked)).subscriptions}


async def reload(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /reload: read the files again; with any problem everything stays as it was."""
    outcome = await status_api.reloaded(asked)
    if isinstance(outcome, Reloaded):
        return FormResult("/rules", f"Settings and rules were read again; rule set {outcome.version[:12]} is in force.")
    raise Refusal(409, f"Nothing was reloaded, the old settings and rules stay in force:\n{outcome.text}")


def _totals(destinations: Iterable[dict[str, Any]]) -> dict[str, int]:
    rows = list(destinations)
    return {state: sum(row[state] for row in rows) for state in ("waiting", "delivered", "dead")}
