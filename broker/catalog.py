"""The part of the store contract that is about typed records. Import it from ``broker.store``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from broker.model import CatalogChange, Changed, Stored


class Catalog(Protocol):
    """Projects, users, topics, subscriptions, schemas, silences, rule sets: typed records with a version."""

    async def read(self, kind: str, key: str) -> Stored | None:
        """The record under ``key``, or None."""

    async def list(self, kind: str, prefix: str = "") -> Sequence[Stored]:
        """All records of a kind whose key begins with ``prefix``, in creation order (a rename keeps the place)."""

    async def write(self, changes: Sequence[CatalogChange]) -> Sequence[Stored]:
        """Apply all changes in one transaction and return what now stands for each Put.

        A Put with ``expected_version`` 0 wants the key free. Raises VersionMoved naming the first that differs, or
        that would overwrite another key; nothing is changed then.
        """

    def changes(self, since_seq: int) -> AsyncIterator[Changed]:
        """Every change after ``since_seq``, oldest first, then new ones as they come, for ever.

        Never skips a record's last state; may repeat one, and may leave out versions in between. Ends only when
        cancelled or the store closes.
        """

    async def seq(self) -> int:
        """The number of the last change: what ``changes`` can start from after a full ``list``."""
