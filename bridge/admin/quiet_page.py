"""The page of what was kept quiet: each with its reason, and until when."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from bridge.control import history_handlers
from bridge.control.api_queries import QuietQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.quiet_list import QUIET_OUTCOMES
from bridge.operate.rule_views import rule_names
from bridge.operate.topic_names import topic_names

REASONS: Final = (
    "silence", "inhibited", "hours", "not_hours", "duplicate", "throttle", "flapping", "group", "count", "for",
    "straggler", "order", "drop", "told-nobody",
)  # fmt: skip
"""What may keep something quiet, by the names that the books have for it."""
_PAGING: Final = ("limit", "before")


async def view_quiet(asked: OperatorRequest) -> dict[str, Any]:
    """GET /quiet: what was decided and not told, newest first."""
    query = asked.query(QuietQuery)
    page = await history_handlers.quiet(asked, query)
    chosen = {name: text for name, text in msgspec.to_builtins(query).items() if name not in _PAGING and text}
    return {
        "query": query,
        "quiet": page.quiet,
        "outcomes": QUIET_OUTCOMES,
        "reasons": REASONS,
        "topics": list(topic_names(asked.context.broker).values()),
        "rules": rule_names(asked.context),
        "destinations": list(asked.context.destinations()),
        "silenced": f"/deliveries?{urlencode({'state': 'suppressed', **_same(chosen)})}",
        "next": f"/quiet?{urlencode({**chosen, 'before': page.next})}" if page.next is not None else "",
    }


def _same(chosen: dict[str, str]) -> dict[str, str]:
    """What the list of deliveries can be asked, too."""
    return {name: chosen[name] for name in ("topic", "rule", "destination", "from", "to", "zone") if name in chosen}
