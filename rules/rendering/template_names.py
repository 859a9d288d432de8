"""What templates and expressions see of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.events.moments import from_us
from rules.model import Event


def names_of(event: Event, *, now_us: int, tables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The names that templates see and their values (rules-language.md section 2); the caller may add names.

    The rule's ``set:`` names stand beside the fixed ones, which win.
    """
    return {
        **event.vars,
        "data": event.data,
        "text": event.text,
        "attributes": event.attributes,
        "message": event.message,
        "vars": event.vars,
        "parent": event.parent,
        "tables": tables if tables is not None else {},
        "now": from_us(now_us),
    }
