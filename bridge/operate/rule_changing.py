"""What operators ask about other rules: what they would tell, which were in force, and to go on or back.

The daemon's own part does it (``RuleChanging``); its steps are decided in docs/specification/reload.md.
"""

from __future__ import annotations

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput, ReloadFailed
from bridge.operate.reload_outcome import ReloadRefused
from bridge.operate.rule_previews import ReloadPreview, RuleChanging, RuleVersionAnswer, VersionsPage


async def preview_reload(context: OperatorContext) -> ReloadPreview:
    """What a reload would change. Raises ReloadFailed with every problem of the files, StoreUnavailable."""
    preview = await _part(context).preview()
    if isinstance(preview, ReloadRefused):
        raise ReloadFailed(preview)
    return preview


def list_versions(context: OperatorContext) -> VersionsPage:
    """Which rule sets were in force."""
    return _part(context).show_versions()


async def promote_rules(context: OperatorContext, by: Requester) -> RuleVersionAnswer:
    """Put in force what is in shadow. Raises InvalidInput when nothing is, StoreUnavailable."""
    before = context.in_force.rule_set.version
    version = await _part(context).promote(by.who)
    await context.note(by, "rules.promote", before={"version": before}, after={"version": version})
    return RuleVersionAnswer(version)


async def roll_back_rules(context: OperatorContext, by: Requester, version: str = "") -> RuleVersionAnswer:
    """Put the version of before in force, or the one that is named. Raises InvalidInput, StoreUnavailable."""
    before = context.in_force.rule_set.version
    now = await _part(context).roll_back(by.who, version)
    await context.note(by, "rules.rollback", version, before={"version": before}, after={"version": now})
    return RuleVersionAnswer(now)


def _part(context: OperatorContext) -> RuleChanging:
    if context.rule_changes is None:
        raise InvalidInput("rules", "this daemon cannot change its rules in steps")
    return context.rule_changes
