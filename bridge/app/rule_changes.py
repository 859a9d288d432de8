"""Other rules come into force in steps: tried on what came, shadowed, put in force, watched, and put back.

Which steps there are is said under ``reload:`` of the settings in force; docs/specification/reload.md has the corners.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from bridge.app.planned_rules import PlannedRules
from bridge.app.reload import Reloader
from bridge.app.rule_comparison import RuleComparison
from bridge.core.supervisor import Supervisor
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_times import rfc3339
from bridge.operate.reload_outcome import Reloaded, ReloadOutcome, ReloadRefused
from bridge.operate.rule_previews import HeldView, ReloadPreview, VersionsPage, VersionView
from bridge.operate.topic_names import topic_names
from bridge.routing.active_config import CURRENT, ActiveConfig
from bridge.routing.rule_versions import (
    ChangedBy,
    HeldVersion,
    explain_held,
    list_version_changes,
    put_current,
    put_held,
    put_rule_set,
    read_held,
)
from broker.broker import Broker
from broker.clock import Clock, us
from broker.conflicts import retry_on_conflict
from broker.errors import VersionMoved
from broker.model import DeliveryQuery, Put
from broker.records import RuleSetRecord, ServiceNote
from rules.language.sources import World
from rules.source.problems import ProblemsFound

_SHADOWING: Final = "rules in shadow"
_WATCHING: Final = "watch of new rules"
_LOOK_EVERY_S: Final = 1.0
_WATCH_EVERY_S: Final = 5.0
_MOST_DEAD: Final = 1_000

log = structlog.get_logger("reload")


class RuleChanges:
    """Brings other rules in force. One step at a time; what it waits for is done by workers of its own."""

    def __init__(self, reloader: Reloader, broker: Broker, in_force: ActiveConfig, supervisor: Supervisor) -> None:
        self._reloader = reloader
        self._broker = broker
        self._in_force = in_force
        self._supervisor = supervisor
        self._turn = asyncio.Lock()
        self._shadow: RuleComparison | None = None

    @property
    def _clock(self) -> Clock:
        return self._broker.clock

    @property
    def is_busy(self) -> bool:
        """Whether a step is under way."""
        return self._turn.locked()

    async def reload(self, who: str, *, confirmed: bool = False) -> ReloadOutcome:
        """Take up the files: at once, or what the settings ask for first."""
        async with self._turn:
            wanted, before = self._reloader.settings.reload, self._in_force.rule_set.version
            if (wanted.confirm == "changes" and not confirmed) or wanted.shadow != "off":
                plan = await self._reloader.plan()
                if isinstance(plan, PlannedRules) and plan.rule_set.version != before:
                    if wanted.confirm == "changes" and not confirmed:
                        preview = await self._compare(plan)
                        if preview.tells_otherwise:
                            refused = ReloadRefused("", (describe_waiting(preview),))
                            self._reloader.note_outcome(refused)
                            return refused
                    if wanted.shadow != "off":
                        return await self._begin_shadow(plan, who, wanted.shadow)
            outcome = await self._reloader.reload(who)
            if isinstance(outcome, Reloaded):
                await self._stop_workers()
                if outcome.version != before:
                    await self._watch(before, outcome.version)
            return outcome

    async def preview(self) -> ReloadPreview | ReloadRefused:
        """See RuleChanging. Nothing changes."""
        async with self._turn:
            plan = await self._reloader.plan()
            return await self._compare(plan) if isinstance(plan, PlannedRules) else plan

    async def promote(self, who: str) -> str:
        """See RuleChanging."""
        async with self._turn:
            hold = read_held(self._broker.cache)
            if hold is None or hold.kind != "shadow":
                raise InvalidInput("version", "no rules are in shadow; `ams-bridge reload` takes up the files")
            await self._stop_workers()
            return await self._make_current(hold.version, who, "promote", None)

    async def roll_back(self, who: str, version: str = "") -> str:
        """See RuleChanging."""
        async with self._turn:
            current, hold = self._in_force.rule_set.version, read_held(self._broker.cache)
            if hold is not None and hold.kind == "shadow" and not version:
                await self._stop_workers()
                await self._drop_shadow(hold, who, "")
                return current
            wanted = version or self._version_before(current)
            record = self._broker.cache.find(RuleSetRecord, wanted)
            if wanted in ("", current) or record is None:
                known = (
                    "no other version is kept" if not version else f"there is no version {version[:40]} to go back to"
                )
                raise InvalidInput("version", f"{known}: `ams-bridge rules versions`")
            await self._stop_workers()
            now_us = self._clock.wall_us()
            back = HeldVersion(version=current, kind="rolled back", at_us=now_us, who=who)
            return await self._make_current(wanted, who, "rollback", back)

    def show_versions(self) -> VersionsPage:
        """See RuleChanging."""
        cache = self._broker.cache
        return VersionsPage(
            in_force=self._in_force.rule_set.version,
            held=self._view_held(read_held(cache)),
            versions=[
                VersionView(
                    version=change.version,
                    at=rfc3339(change.at_us),
                    who=change.who,
                    how=change.how,
                    kept=cache.find(RuleSetRecord, change.version) is not None,
                )
                for change in list_version_changes(cache)
            ],
        )

    def resume(self) -> None:
        """Go on with a shadow that a start found: its files are here, and it is not over."""
        hold = read_held(self._broker.cache)
        if hold is not None and hold.kind == "shadow" and hold.version == self._in_force.files:
            self._supervisor.start(_SHADOWING, partial(self._follow_shadow, hold, None), once=True)

    def _view_held(self, hold: HeldVersion | None) -> HeldView | None:
        if hold is None:
            return None
        seen = self._shadow.preview(hold.at_us) if self._shadow is not None and hold.kind == "shadow" else None
        return HeldView(
            version=hold.version,
            kind=hold.kind,
            at=rfc3339(hold.at_us),
            until=rfc3339(hold.until_us) if hold.kind == "shadow" else None,
            who=hold.who,
            why=hold.why,
            messages=seen.messages if seen is not None else None,
            differences=seen.differences if seen is not None else None,
            undecidable=seen.undecidable if seen is not None else None,
            rules=seen.rules if seen is not None else [],
        )

    def _comparison(self, new: bytes, world: World) -> RuleComparison:
        """What the rules in force and others make of what comes."""
        old = self._in_force.rule_set.sources
        return RuleComparison(self._broker.store, self._clock, topic_names(self._broker), old, new, world)

    async def _compare(self, plan: PlannedRules) -> ReloadPreview:
        since_us = self._clock.wall_us() - us(self._reloader.settings.reload.look_back)
        comparison = self._comparison(plan.rule_set.sources, plan.world)
        try:
            await comparison.look_back(since_us)
        finally:
            comparison.close()
        return comparison.preview(since_us)

    async def _begin_shadow(self, plan: PlannedRules, who: str, shadow_s: float) -> Reloaded:
        now_us, rule_set = self._clock.wall_us(), plan.rule_set
        hold = HeldVersion(
            version=rule_set.version, kind="shadow", at_us=now_us, until_us=now_us + us(shadow_s), who=who
        )
        await self._stop_workers()
        await self._write(lambda: put_rule_set(self._broker, rule_set) + put_held(self._broker, hold))
        self._supervisor.start(_SHADOWING, partial(self._follow_shadow, hold, plan.world), once=True)
        current = self._in_force.rule_set.version
        self._in_force.degraded = explain_held(hold, current)
        log.info("rules are in shadow", version=hold.version, until=rfc3339(hold.until_us))
        return Reloaded(current, (f"{explain_held(hold, current)}; by itself at {rfc3339(hold.until_us)}",))

    async def _follow_shadow(self, hold: HeldVersion, world: World | None) -> None:
        """Let both decide what comes, and put the new rules in force when their time is over. Raises StoreError."""
        record = self._broker.cache.find(RuleSetRecord, hold.version)
        world = world if world is not None else await self._reloader.world_now()
        comparison = self._comparison(record.sources if record is not None else b"", world)
        try:
            await comparison.look_back(hold.at_us - us(self._reloader.settings.reload.look_back))
            comparison.clear()
            self._shadow = comparison
            while self._clock.wall_us() < hold.until_us and not comparison.undecidable:
                await self._clock.sleep(_LOOK_EVERY_S)
                await comparison.follow()
            cause = comparison.cause
        except ProblemsFound as error:
            cause = str(error)
        finally:
            comparison.close()
        async with self._turn:
            if read_held(self._broker.cache) != hold:
                return
            if cause:
                await self._drop_shadow(hold, "ams-bridge", cause)
            else:
                await self._make_current(hold.version, hold.who, "promote", None)
            self._shadow = None

    async def _drop_shadow(self, hold: HeldVersion, who: str, why: str) -> None:
        dropped = HeldVersion(version=hold.version, kind="rolled back", at_us=self._clock.wall_us(), who=who, why=why)
        await self._write(lambda: put_held(self._broker, dropped))
        self._in_force.degraded = explain_held(dropped, self._in_force.rule_set.version)
        log.warning("rules in shadow were dropped", version=hold.version, who=who, reason=why)

    async def _make_current(self, version: str, who: str, how: ChangedBy, hold: HeldVersion | None) -> str:
        """Make a kept version current for all nodes, and serve it here."""
        before = self._in_force.rule_set.version
        await self._write(lambda: put_current(self._broker, version, who, how) + put_held(self._broker, hold))
        note = self._broker.cache.find(ServiceNote, CURRENT)
        if note is not None and self._in_force.decides_by != version:
            await self._reloader.take_up(note)
        if hold is not None and self._in_force.files == hold.version:
            self._in_force.degraded = explain_held(hold, version)
        log.info("a rule set was made current", version=version, before=before, who=who, how=how)
        if how == "promote":
            await self._watch(before, version)
        return version

    async def _watch(self, before: str, version: str) -> None:
        within = self._reloader.settings.reload.roll_back
        await self._supervisor.stop(_WATCHING)
        if within != "off":
            at_us = self._clock.wall_us()
            self._supervisor.start(_WATCHING, partial(self._follow_dead, before, version, at_us, within), once=True)

    async def _follow_dead(self, before: str, version: str, at_us: int, within_s: float) -> None:
        """Put the rules of before in force again when the new ones' dead letters rise. Raises StoreError."""
        most = self._reloader.settings.reload.roll_back_at
        while self._clock.wall_us() < at_us + us(within_s) and self._in_force.rule_set.version == version:
            await self._clock.sleep(_WATCH_EVERY_S)
            dead = await self._count_dead(version, at_us, None)
            if dead < most or dead <= 2 * await self._count_dead(before, at_us - us(within_s), at_us):
                continue
            why = f"{dead} of what it decided became dead letters within {round(within_s)} s"
            hold = HeldVersion(version=version, kind="rolled back", at_us=self._clock.wall_us(), why=why)
            async with self._turn:
                if self._in_force.rule_set.version == version:
                    await self._make_current(before, "ams-bridge", "automatic rollback", hold)
            return

    async def _count_dead(self, version: str, since_us: int, until_us: int | None) -> int:
        """The dead letters that a version made, those of messages it could not decide included."""
        query = DeliveryQuery(state="dead", since_us=since_us, limit=_MOST_DEAD)
        return sum(
            delivery.new.version == version and (until_us is None or delivery.new.created_us < until_us)
            for delivery in await self._broker.store.outbox.find(query)
        )

    def _version_before(self, current: str) -> str:
        """The version that was current last before this one, and is kept."""
        cache = self._broker.cache
        versions = [change.version for change in list_version_changes(cache)]
        return next((name for name in versions if name != current and cache.find(RuleSetRecord, name) is not None), "")

    async def _stop_workers(self) -> None:
        await self._supervisor.stop(_SHADOWING)
        await self._supervisor.stop(_WATCHING)
        self._shadow = None

    async def _write(self, make_changes: Callable[[], list[Put]]) -> None:
        async def step() -> None:
            await self._broker.cache.write(make_changes())

        await retry_on_conflict(step, what="which rules are current", on=VersionMoved)


def describe_waiting(preview: ReloadPreview) -> str:
    """Why a reload waits: what it would have told otherwise, in counts."""
    rules = ", ".join(
        f"{rule.rule} ({rule.now_sends} more, {rule.no_longer_sends} fewer, {rule.text_changed} with another text)"
        for rule in preview.rules[:10]
    )
    undecidable = f"; {preview.undecidable} messages could not be decided" if preview.undecidable else ""
    return (
        f"of {preview.messages} messages since {preview.since} {preview.differences} posts would have been told "
        f"otherwise: {rules or 'none'}{undecidable}; `ams-bridge reload --preview` shows them, "
        "`ams-bridge reload --yes` puts it in force"
    )
