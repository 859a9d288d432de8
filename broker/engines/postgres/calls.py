"""What a writer is asked to do: calls that are made together in one transaction, and calls that need one alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from broker.engines.postgres.connections import Db
from broker.engines.postgres.unit import Unit, UnitNeeds
from broker.model import OwnerToken
from broker.ownership import current_owner

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared(Generic[T]):
    """A change that shares a transaction with others of its kind.

    ``done`` is called with the answer once that is committed, even when who asked was cancelled meanwhile. ``owner`` is
    the token that must hold for it.
    """

    size_bytes: int = 0
    done: Callable[[T], None] | None = None
    owner: OwnerToken | None = field(default_factory=current_owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together(Shared[T]):
    """A change of what a unit holds.

    ``want`` names what it looks at. ``make`` changes the unit or raises BrokerError having changed nothing; it may be
    called more than once, the first time without consequence. ``then`` works on the database itself once all of the
    group is written, still in the same transaction, and may name destinations that have news; what it gives is the
    answer. With ``by_lease`` it changes nothing but what it holds leases on, and asks for no token beside them.
    """

    want: Callable[[UnitNeeds], None]
    make: Callable[[Unit], T]
    then: Callable[[Db, T, set[str]], Awaitable[T]] | None = None
    by_lease: bool = False


@dataclass(frozen=True, slots=True)
class Alone(Generic[T]):
    """A change in a transaction of its own, which it begins; the writer commits it, or rolls it back when it raises.

    ``make`` puts the destinations that it has news for into the set. It may be made more than once.
    """

    make: Callable[[Db, set[str]], Awaitable[T]]
    owner: OwnerToken | None = field(default_factory=current_owner)


WriterCall: TypeAlias = Shared[T] | Alone[T]
