"""What a commit that leases leaves for couriers to look for: pure, and shared by every engine."""

from __future__ import annotations

from collections.abc import Sequence

from broker.model import Commit, Leased


def find_exhausted(commit: Commit, granted: Sequence[Sequence[Leased]], now_us: int) -> set[str]:
    """The destinations of ``commit.leases`` at which nothing is left that a courier does not know of.

    ``granted`` is what was leased, request by request. A request that was granted all it asked for may have left some,
    and what the commit brings for later, or frees, has a time that no courier has asked for yet.
    """
    later = {new.destination for new in commit.deliveries if new.due_us > now_us}
    return {
        request.destination
        for request, leased in zip(commit.leases, granted, strict=True)
        if lines_of(leased) < request.limit and request.destination not in later and not commit.withdraw
    }


def lines_of(leased: Sequence[Leased]) -> int:
    """How many lines of one destination these deliveries are of."""
    return len({lease.delivery.new.order_key for lease in leased})
