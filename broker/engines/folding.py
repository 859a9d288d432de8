"""Which deliveries may be folded together without disorder: what every engine checks inside its transaction. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from broker.errors import LineMoved
from broker.model import Backlog, Delivery, LinePlace, NewDelivery

_FIRST: Final = -1
_LAST: Final = 2**62


def place_of_digest(
    folded: Sequence[tuple[Delivery, int]], digest: NewDelivery, waiting: Callable[[str, str, int, int], int]
) -> int | None:
    """The place that the digest takes in its own line, or None when it joins the end.

    ``folded`` are the deliveries with their places; ``waiting`` counts what waits of a destination and order key from
    one place to another. Raises LineMoved.
    """
    lines: dict[tuple[str, str], list[int]] = {}
    for delivery, place in folded:
        lines.setdefault((delivery.new.destination, delivery.new.order_key), []).append(place)
    own = lines.get((digest.destination, digest.order_key))
    for (destination, order_key), places in lines.items():
        first, last = (min(places), max(places)) if places is own else (_FIRST, _LAST)
        if waiting(destination, order_key, first, last) > len(places):
            raise LineMoved(order_key, "another delivery of it waits and was not named")
    return min(own) if own is not None else None


def no_longer_waits(order_key: str) -> LineMoved:
    """What is raised for a named delivery that is not there any more, or held by somebody."""
    return LineMoved(order_key, "a named delivery no longer waits")


def page_of(
    placed: Sequence[tuple[Delivery, LinePlace]], after: LinePlace | None, limit: int, receipts: Mapping[str, str]
) -> Backlog:
    """The page that begins with ``found``, which are up to ``limit`` + 1 deliveries from behind ``after``.

    A line whose end is not in sight is left for the next page, unless it began with this one or before.
    """
    more = len(placed) > limit
    shown = list(placed[:limit])
    is_piece = bool(after and shown and shown[0][1].order_key == after.order_key)
    if is_piece:
        shown = [entry for entry in shown if entry[1].order_key == shown[0][1].order_key]
    elif more and placed[limit][1].order_key == shown[-1][1].order_key:
        whole = [entry for entry in shown if entry[1].order_key != shown[-1][1].order_key]
        is_piece = not whole
        shown = whole or shown
    keys = {place.order_key for _, place in shown}
    return Backlog(
        deliveries=tuple(delivery for delivery, _ in shown),
        receipts={key: receipt for key, receipt in receipts.items() if key in keys},
        is_piece=is_piece,
        next=shown[-1][1] if len(shown) < len(placed) else None,
    )
