"""The routes about other rules and what rules told: previews, versions, bundles, noise."""

from __future__ import annotations

from bridge.control.api_bodies import ToRollBack
from bridge.control.api_queries import BundleQuery, NoiseQuery
from bridge.control.control_handlers import needs, refuses
from bridge.control.http_answers import OperatorRequest
from bridge.operate.bundle import Bundle
from bridge.operate.bundle_making import bundle_named
from bridge.operate.noise_report import NoiseReport, report_noise
from bridge.operate.operator_errors import InvalidInput, NoSuchThing, ReloadFailed
from bridge.operate.rule_changing import list_versions, preview_reload, promote_rules, roll_back_rules
from bridge.operate.rule_previews import ReloadPreview, RuleVersionAnswer, VersionsPage


@needs("respond")
@refuses(NoSuchThing)
async def bundle(asked: OperatorRequest, query: BundleQuery) -> Bundle:
    """GET /api/bundle: all that a decision rested on, without secrets, to make it again elsewhere."""
    return await bundle_named(asked.context, query.subject)


async def noise(asked: OperatorRequest, query: NoiseQuery) -> NoiseReport:
    """GET /api/noise: which keys told most, and what of it nobody needed."""
    return await report_noise(asked.context, since_s=query.since_s, hours=query.hours, limit=query.limit)


@needs("administer")
@refuses(ReloadFailed)
async def preview_rules(asked: OperatorRequest) -> ReloadPreview:
    """GET /api/reload:preview: what the files would have told otherwise lately; nothing changes."""
    return await preview_reload(asked.context)


async def rule_versions(asked: OperatorRequest) -> VersionsPage:
    """GET /api/rule-versions: which rule sets were in force, when and by whom, and what is held back."""
    return list_versions(asked.context)


@needs("administer")
@refuses(InvalidInput)
async def promote(asked: OperatorRequest) -> RuleVersionAnswer:
    """POST /api/rule-versions:promote: what is in shadow comes into force now."""
    return await promote_rules(asked.context, asked.by)


@needs("administer")
@refuses(InvalidInput)
async def roll_back(asked: OperatorRequest, body: ToRollBack) -> RuleVersionAnswer:
    """POST /api/rule-versions:rollback: the version of before is in force again, or a shadow is dropped."""
    return await roll_back_rules(asked.context, asked.by, body.version)
