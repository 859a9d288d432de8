"""The page of what was found: messages, deliveries, incidents and silences that say what was typed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from bridge.control import history_handlers
from bridge.control.api_queries import FindQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.finding_things import FATES, KINDS, FindPage, FoundThing
from bridge.operate.rule_views import rule_names
from bridge.operate.topic_names import topic_names

_NOTHING = FindPage(results=[], next="", indexed=True, fresh=True)


async def view_find(asked: OperatorRequest) -> dict[str, Any]:
    """GET /find: what fits; nothing yet where nothing was asked for."""
    query = asked.query(FindQuery)
    about = {
        "q": query.q,
        "kind": query.kind,
        "fate": query.fate,
        "topic": query.topic,
        "rule": query.rule,
        "destination": query.destination,
        "key": query.key,
        "from": query.since,
        "to": query.until,
    }
    page = await history_handlers.find(asked, query) if any(about.values()) else _NOTHING
    older = {name: text for name, text in about.items() if text} | {"zone": query.zone, "before": page.next}
    return {
        "query": query,
        "page": page,
        "asked": any(about.values()),
        "kinds": KINDS,
        "fates": FATES,
        "topics": list(topic_names(asked.context.broker).values()),
        "rules": rule_names(asked.context),
        "destinations": list(asked.context.destinations()),
        "place_of": _place_of,
        "next": f"/find?{urlencode(older)}" if page.next else "",
    }


def _place_of(match: FoundThing) -> str:
    """The address of the page that shows a match."""
    match match.kind:
        case "message":
            return f"/messages/why?{urlencode({'message': f'{match.topic}:{match.offset}'})}"
        case "delivery":
            return f"/deliveries/{match.id}"
        case "incident":
            return f"/timeline?{urlencode({'from': match.at, 'rule': match.rule, 'key': match.key})}"
        case "silence":
            return f"/silences?all=1#{match.id}"
