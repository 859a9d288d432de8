"""Reads settings and rules again in an operator's name."""

from __future__ import annotations

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import ReloadFailed
from bridge.operate.reload_outcome import Reloaded


async def reload_files(context: OperatorContext, by: Requester) -> Reloaded:
    """Take up what the files say now, or raise ReloadFailed with every problem; then everything stays as it was."""
    before = context.in_force.rule_set.version
    outcome = await context.reload()
    after = {"version": context.in_force.rule_set.version}
    await context.note(by, "reload", before={"version": before}, after=after, done=isinstance(outcome, Reloaded))
    if not isinstance(outcome, Reloaded):
        raise ReloadFailed(outcome)
    return outcome
