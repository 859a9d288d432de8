"""Filters that say what a whole list comes to: what it is about, how much of it fires, and what differs."""

from __future__ import annotations

from typing import Any

from jinja2.runtime import Undefined

from rules.rendering.budget import METER
from rules.rendering.differences import differences, read_items, subjects, tally
from rules.rendering.markdown import Authored


def subjects_filter(value: Any, otherwise: str = "event") -> Authored:
    """What the items of a list are about, and how many are about each.

    `**{{ data.alerts | subjects }}**` gives `12 x DiskWillFill, 3 x Down`: the names their senders give them, the most
    frequent first, three at most. Items without a name are counted as `event`, or what `otherwise` says.
    """
    return Authored(subjects(_items(value, 1), str(otherwise)))


def tally_filter(value: Any, otherwise: Any = "") -> dict[str, Any]:
    """What a list of alerts comes to.

    `{% set all = data.alerts | tally %}`: `all.firing` and `all.over` are counts, `all.severity` is the worst of those
    that fire, `all.first` are twenty of them, what fires first. An item is over if its status or state says so, or
    where it has none what `otherwise` says.
    """
    return tally(_items(value, 1), _word(otherwise))


def differences_filter(value: Any, otherwise: Any = "") -> Authored:
    """What the items of a list share, said once, and a table of the places in which they differ.

    `{{ data.alerts | differences }}`, on a line of its own. At most 20 rows, and those that fire first; of items that
    are all over (by their status, else by `otherwise`) a line that names them. Gives nothing where nothing differs, or
    an item is no mapping.
    """
    return Authored(differences(read_items(_items(value, 6), _word(otherwise))))


def _items(value: Any, steps_each: int) -> list[Any]:
    """The items of a list, paid for; what is no list is one item. Raises UndefinedError for a missing name."""
    if isinstance(value, Undefined):
        str(value)  # says which name is missing
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    METER.get().charge(1 + len(items) * steps_each)
    return items


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
