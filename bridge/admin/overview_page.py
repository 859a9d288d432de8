"""The overview: is all well, and if not, what is not; the ledger; and a reload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult
from bridge.control.api_queries import SubscriptionsQuery
from bridge.control.http_answers import OperatorRequest, Refusal
from bridge.operate.daemon_status import DestinationView, read_status
from bridge.operate.ledger_views import read_books
from bridge.operate.open_incidents import count_firing
from bridge.operate.operator_errors import ReloadFailed
from bridge.operate.operator_silences import list_silences
from bridge.operate.subscription_views import list_subscriptions
from bridge.operate.take_up_files import reload_files

_WELL: Final = ("running", "at another node")
_MESSAGE_LISTS: Final = {
    "Received": "/messages?topic=",
    "Decided": "/find?kind=message&fate=matched&topic=",
    "Unmatched": "/find?kind=message&fate=unmatched&topic=",
    "Dropped": "/quiet?by=drop&topic=",
    "Undecided": "/find?kind=message&fate=undecided&topic=",
}
"""Where the messages of a topic are that a column of the books counts; expired ones are nowhere any more."""
_SEND_LISTS: Final = {
    "Decided": "/timeline?from=7d&topic=",
    "Held": "/quiet?outcome=held&topic=",
    "Suppressed": "/quiet?outcome=suppressed&topic=",
    "Updated": "/quiet?outcome=updated&topic=",
    **{
        state.capitalize(): f"/deliveries?state={state}&topic="
        for state in ("delivered", "waiting", "folded", "cancelled", "shadow", "dropped", "dead")
    },
}
"""The same for sends."""


async def view_overview(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/``: how all goes, at a glance."""
    status = await read_status(asked.context)
    ledger = await read_books(asked.context)
    count = await count_firing(asked.context)
    silences = list_silences(asked.context, with_expired=False).silences
    return {
        "status": status,
        "broken": [worker for worker in status.workers if worker.state not in _WELL],
        "totals": _totals(status.destinations),
        "books": ledger.books,
        "balanced": ledger.balanced,
        "firing": count.firing,
        "complete": count.complete,
        "silences": sum(silence.state == "active" for silence in silences),
    }


async def view_ledger(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/ledger``: the books of every topic."""
    ledger = await read_books(asked.context)
    return {
        "books": ledger.books,
        "balanced": ledger.balanced,
        "message_lists": _MESSAGE_LISTS,
        "send_lists": _SEND_LISTS,
    }


async def view_subscriptions(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/subscriptions``: how far consumers are."""
    page = await list_subscriptions(asked.context, asked.query(SubscriptionsQuery).project)
    return {"subscriptions": page.subscriptions}


async def reload(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /reload: read the files again; with any problem everything stays as it was."""
    try:
        reloaded = await reload_files(asked.context, asked.by)
    except ReloadFailed as error:
        text = f"Nothing was reloaded, the old settings and rules stay in force:\n{error.refused.text}"
        raise Refusal(409, text) from error
    return FormResult("/rules", f"Settings and rules were read again; rule set {reloaded.version[:12]} is in force.")


def _totals(destinations: Sequence[DestinationView]) -> dict[str, int]:
    return {
        "waiting": sum(destination.waiting for destination in destinations),
        "delivered": sum(destination.delivered for destination in destinations),
        "dead": sum(destination.dead for destination in destinations),
    }
