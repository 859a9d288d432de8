"""What ``same`` compares: the values two events hold at the same places."""

from __future__ import annotations

import json
from typing import Any

from rules.deciding.quiet.rows import shorten_key
from rules.model import Event
from rules.ruleset import Inhibitor


def values_at(inhibitor: Inhibitor, event: Event) -> str | None:
    """What the event holds at the ``same`` places, as text to compare; None if one of them is not there."""
    value_lists: list[list[Any]] = []
    for place in inhibitor.same:
        values = place.find_in(event)
        if not values:
            return None
        value_lists.append(list(values))
    return shorten_key(json.dumps(value_lists, sort_keys=True, default=str))
