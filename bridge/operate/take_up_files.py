"""Reads settings and rules again in an operator's name."""

from __future__ import annotations

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import ReloadFailed
from bridge.operate.reload_outcome import Reloaded


async def reload_files(context: OperatorContext, by: Requester, *, confirmed: bool = False) -> Reloaded:
    """Take up what the files say now, or raise ReloadFailed with every problem; then everything stays as it was.

    ``confirmed``: also where it would have told something else, and the settings ask whether that is meant.
    """
    before, changes = context.in_force.rule_set.version, context.rule_changes
    outcome = await (context.reload() if changes is None else changes.reload(by.who, confirmed=confirmed))
    after = {"version": context.in_force.rule_set.version}
    await context.note(by, "reload", before={"version": before}, after=after, done=isinstance(outcome, Reloaded))
    if not isinstance(outcome, Reloaded):
        raise ReloadFailed(outcome)
    return outcome
