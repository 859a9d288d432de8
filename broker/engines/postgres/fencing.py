"""Fences: a write of a worker goes in only while its token holds, by the transaction that makes it.

The worker's row is kept from changing hands until that transaction ends. What was refused is counted in
``refused_writes`` by worker and token, so that anybody can see that somebody tried, and that it is not in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import Question, ask, columns, load
from broker.errors import LeaseLost, NotOwner
from broker.model import OwnerToken

_SQL: Final = load("ownership")
_FIRST_TOKEN: Final = 1


def lock_owners(owners: Iterable[OwnerToken]) -> Question:
    """The question for the tokens that hold for the workers of ``owners`` until the transaction ends."""
    return _SQL["owners"], (sorted({owner.worker for owner in owners}),)


def check_owner(tokens: Mapping[str, int], owner: OwnerToken | None) -> None:
    """Raise NotOwner for a token that does not hold its worker now; the first one holds one that nobody ever took."""
    if owner is not None and not _holds(tokens, owner):
        raise NotOwner(owner)


async def check_before_commit(db: Db, owner: OwnerToken | None) -> None:
    """Raise NotOwner unless the token holds, and will until the transaction under way ends."""
    if owner is not None:
        check_owner(dict(await ask(db, *lock_owners([owner]))), owner)


async def explain_lost_lease(db: Db, lost: LeaseLost, owner: OwnerToken | None) -> LeaseLost:
    """The same error, which says whether the lease was lost with the worker."""
    if owner is None:
        return lost
    tokens: dict[str, int] = dict(await ask(db, _SQL["tokens"], ([owner.worker],)))
    return lost if _holds(tokens, owner) else LeaseLost(lost.delivery, owner)


def count_refused(outcomes: Sequence[tuple[Any, BaseException | None]]) -> Iterable[Question]:
    """The statement that counts the writes among these that a fence refused; none where there were none."""
    refused = Counter(
        error.owner for _, error in outcomes if isinstance(error, NotOwner | LeaseLost) and error.owner is not None
    )
    if refused:
        yield _SQL["count_refused"], columns((owner.worker, owner.token, writes) for owner, writes in refused.items())


def _holds(tokens: Mapping[str, int], owner: OwnerToken) -> bool:
    return tokens.get(owner.worker, _FIRST_TOKEN) == owner.token
