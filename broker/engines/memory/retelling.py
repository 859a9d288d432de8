"""A commit whose times were told by a clock that was set before it came in."""

from __future__ import annotations

from dataclasses import replace

from broker.model import Commit, StatePut


def restamp_commit(commit: Commit, by_us: int) -> Commit:
    """The commit with its due times and ends as the clock tells them now, ``by_us`` later than it did."""
    if not by_us:
        return commit
    return replace(
        commit,
        state=[_retell(change, by_us) if isinstance(change, StatePut) else change for change in commit.state],
        deliveries=[replace(new, due_us=new.due_us + by_us) for new in commit.deliveries],
    )


def _retell(put: StatePut, by_us: int) -> StatePut:
    due_us = None if put.due_us is None else put.due_us + by_us
    return replace(put, expires_us=put.expires_us + by_us, due_us=due_us)
