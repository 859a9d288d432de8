"""Reload: build and judge everything on a planned catalog, write it in one transaction, then swap.

Until that transaction nothing lasts: any problem, the store's too, keeps what is in force and says why. After it
nothing can be refused any more: the swaps cannot fail, and what the store still has to take is tried until it does.

Rules, templates, tables, destinations, sources, provisioning and renewed certificates are taken up; the rest of
``server:``, ``store:``, ``auth:``, ``push:``, ``log:`` and ``tracing:`` need a restart, and a reload that changes them
says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from bridge.app.planned_rules import Change, PlannedRules
from bridge.app.provision import CannotProvision, provision
from bridge.app.removed_destinations import describe_left_behind, settle_removed
from bridge.app.renewal import CertificateRenewal, differs_but_for_files
from bridge.app.rule_choice import UNREADABLE, explain_bad, explain_lacking, explain_other
from bridge.app.unusable_settings import find_unusable_files
from bridge.canary.canaries import Canaries
from bridge.chat.listeners import Listeners
from bridge.core.offload import Offload
from bridge.core.supervisor import Supervisor
from bridge.core.systemd import credentials_folder
from bridge.delivery.couriers import Couriers
from bridge.destinations.base import Destination
from bridge.observe.metrics import Metrics
from bridge.operate.reload_outcome import Reloaded, ReloadOutcome, ReloadRefused
from bridge.routing.active_config import CURRENT, ActiveConfig
from bridge.routing.calendar_reading import CalendarReader
from bridge.routing.open_obligations import OpenObligations, read_obligations
from bridge.routing.retired_rules import add_retired, list_kept_rule_sets
from bridge.routing.rule_files import keep, read_calendars, rules_of, world_of
from bridge.settings.model import Settings
from bridge.settings.settings_file import read_settings
from bridge.sources.pulls import PullWorkers
from broker.broker import Broker
from broker.conflicts import retry_on_conflict
from broker.errors import BrokerError, StoreError
from broker.planned import PlannedCatalog, plan_catalog
from broker.records import RuleSetRecord, ServiceNote
from rules.language.read import rebuild
from rules.language.sources import World
from rules.ruleset import RuleSet
from rules.source.problems import ProblemsFound, as_table

_NEEDS_RESTART: Final = ("server", "store", "auth", "push", "log", "tracing")
_SETTLING: Final = "after reload"
_TRIES: Final = 5

log = structlog.get_logger("reload")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """All that a reload will put in force, built and judged; nothing of it lasts yet."""

    settings: Settings
    built: Mapping[str, Destination]
    catalog: PlannedCatalog
    rule_set: RuleSet
    since_us: int
    world: World


class _OtherVersion(Exception):
    """The files make another rule set than the one that is wanted."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class Reloader:
    """Takes up changed settings and rule files while everything goes on."""

    def __init__(
        self,
        config: Path,
        settings: Settings,
        environ: Mapping[str, str],
        broker: Broker,
        in_force: ActiveConfig,
        couriers: Couriers,
        canaries: Canaries,
        listeners: Listeners,
        pulls: PullWorkers,
        supervisor: Supervisor,
        metrics: Metrics,
    ) -> None:
        self.settings = settings
        self._config = config
        self._environ = environ
        self._store = broker.store
        self._broker = broker
        self._in_force = in_force
        self._couriers = couriers
        self._canaries = canaries
        self._listeners = listeners
        self._pulls = pulls
        self._supervisor = supervisor
        self._metrics = metrics
        self.renewal: CertificateRenewal | None = None
        self.calendars = CalendarReader(broker, in_force, lambda: self.settings.calendars)
        self._turn = asyncio.Lock()
        self._offload = Offload(broker.clock, "reload")  # ten thousand rules take seconds to read

    async def plan(self) -> PlannedRules | ReloadRefused:
        """The rules that a reload would put in force now, or why it would be refused. Raises StoreError."""
        try:
            async with self._turn:
                settings = read_settings(self._config, self._environ, credentials_folder(self._environ))
                faults = find_unusable_files(settings)
                if faults:
                    return ReloadRefused("", faults)
                prepared = await self._prepare(settings, OpenObligations(), Change())
                await _close_all(prepared.built)
        except ProblemsFound as error:
            return ReloadRefused(str(error))
        except StoreError:
            raise
        except (CannotProvision, BrokerError) as error:
            return ReloadRefused("", (str(error),))
        finally:
            self._offload.close()
        return PlannedRules(prepared.rule_set, prepared.world)

    async def reload(self, who: str = "") -> ReloadOutcome:
        """Read the files anew and put them in force, or keep everything as it is and say why. One at a time."""
        try:
            async with self._turn:
                outcome = await self._reload(Change(who))
        except ProblemsFound as error:
            outcome = ReloadRefused(str(error))
        except (CannotProvision, BrokerError) as error:
            outcome = ReloadRefused("", (str(error),))
        finally:
            self._offload.close()
        self.note_outcome(outcome)
        return outcome

    def note_outcome(self, outcome: ReloadOutcome) -> None:
        """Count what came of a reload, and show what was refused."""
        match outcome:
            case Reloaded():
                self._metrics.reloads.labels("ok").inc()
                self._metrics.degraded.set(0)
                log.info("reloaded", version=outcome.version, warnings=len(outcome.warnings))
            case ReloadRefused():
                self._metrics.reloads.labels("refused").inc()
                self._metrics.degraded.set(1)
                self._in_force.degraded = f"the last reload was refused, what was in force stays:\n{outcome.text}"
                log.error("reload refused; everything stays as it was", problems=outcome.text)

    async def follow_others(self) -> None:
        """Serve whatever rule set becomes current for all nodes, for ever."""
        seen, unreadable = 0, ""
        while True:
            note = self._broker.cache.find(ServiceNote, CURRENT)
            if note is not None and note.value not in (self._in_force.decides_by, unreadable):
                await self.take_up(note)
                unreadable = "" if self._in_force.decides_by else note.value
            seen = await self._broker.cache.wait_change(seen)

    async def take_up(self, note: ServiceNote) -> None:
        """Put in force what another node made current: as a reload where the files here say the same, else as kept.

        Raises StoreError; what was in force stays then.
        """
        try:
            async with self._turn:
                files, why = await self._take_up_files(note.value)
                if why:
                    await self._serve_kept(note, files, why)
        finally:
            self._offload.close()
        self._metrics.degraded.set(bool(self._in_force.degraded))
        log.info("another node made a rule set current", version=note.value, degraded=self._in_force.degraded)

    async def _take_up_files(self, version: str) -> tuple[str, str]:
        """Reload if that makes this version; else the version that the files make, and why they are not taken up."""
        try:
            outcome = await self._reload(Change(wanted=version))
        except _OtherVersion as error:
            return error.version, explain_other(version, error.version)
        except ProblemsFound as error:
            return "", explain_bad(version, error)
        except StoreError:
            raise
        except (CannotProvision, BrokerError) as error:
            return "", f"the settings of this node cannot be used, rule set {version} is in force: {error}"
        if isinstance(outcome, ReloadRefused):
            return "", f"a reload was refused here, rule set {version} is in force:\n{outcome.text}"
        return version, ""

    async def world_now(self) -> World:
        """What rules may refer to as things are now."""
        facts = {name: route.destination.facts for name, route in self._couriers.routes.items()}
        shelved = await self._offload.run(
            partial(read_calendars, self.settings, self._config, self._broker), large=True
        )
        return world_of(self.settings, self._config, facts, self._broker, shelved)

    async def _serve_kept(self, note: ServiceNote, files: str, why: str) -> None:
        """Serve a rule set as the store keeps it, or nothing where it cannot be read here."""
        record = self._broker.cache.find(RuleSetRecord, note.value)
        world = await self.world_now()
        obligations, kept = await read_obligations(self._store), list_kept_rule_sets(self._broker)
        try:
            rule_set = await self._offload.run(partial(rebuild, record.sources if record else b"", world), large=True)
        except (ProblemsFound, ValueError) as error:
            self._in_force.stop_deciding(f"{UNREADABLE}: {error}")
            return
        retiring = partial(add_retired, rule_set, obligations, kept, world, self._in_force.rule_set)
        whole, lacking = await self._offload.run(retiring, large=True), explain_lacking(rule_set)
        self._in_force.swap(whole, note.modified_us, why, files=files)
        if lacking:
            self._in_force.stop_deciding(lacking)
        await self._settle_or_try_again()

    async def _reload(self, change: Change) -> ReloadOutcome:
        """Take up the files; where a version is wanted, only if they make that one. Raises _OtherVersion."""
        settings = read_settings(self._config, self._environ, credentials_folder(self._environ))
        faults = find_unusable_files(settings)
        if faults:
            return ReloadRefused("", faults)
        obligations = await read_obligations(self._store)
        known = {*self._couriers.routes, *self.settings.removed}
        left = await describe_left_behind(self._store, obligations, {*settings.destinations, *settings.removed})
        reasons = [why for name, why in left.items() if name in known]
        if reasons:
            return ReloadRefused("", reasons)
        prepared = await self._write(settings, obligations, change)
        await self._swap(prepared)
        warnings = [as_table([warning]) for warning in prepared.rule_set.warnings]
        changed = [name for name in _NEEDS_RESTART if getattr(settings, name) != getattr(self.settings, name)]
        if "server" in changed and not differs_but_for_files(settings.server, self.settings.server):
            changed.remove("server")
        if changed:
            warnings.append(f"{', '.join(f'{name}:' for name in changed)} changed: this takes a restart")
        self.settings = settings
        trouble = await self._settle_or_try_again()
        if trouble:
            warnings.append(f"what the old rules kept back, or what waits for removed destinations, stays: {trouble}")
        return Reloaded(prepared.rule_set.version, warnings)

    async def _write(self, settings: Settings, obligations: OpenObligations, change: Change) -> _Prepared:
        """What was prepared, once the store has taken it; prepared anew when somebody changed the catalog meanwhile."""

        async def step() -> _Prepared:
            prepared = await self._prepare(settings, obligations, change)
            try:
                await prepared.catalog.write()
            except BaseException:
                await _close_all(prepared.built)
                raise
            return prepared

        return await retry_on_conflict(step, what="the catalog", attempts=_TRIES)

    async def _prepare(self, settings: Settings, obligations: OpenObligations, change: Change) -> _Prepared:
        """Build and judge everything, the rules against the catalog as it will be. Raises what is wrong with it."""
        catalog = await plan_catalog(self._broker)
        await provision(catalog.broker, settings.projects, settings.auth.certificates)
        built = self._couriers.build(settings.destinations)
        try:
            facts = {name: route.destination.facts for name, route in self._couriers.routes.items()}
            facts = {name: kind_facts for name, kind_facts in facts.items() if name in settings.destinations}
            facts |= {name: destination.facts for name, destination in built.items()}
            shelved = await self._offload.run(partial(read_calendars, settings, self._config, self._broker), large=True)
            world = world_of(settings, self._config, facts, catalog.broker, shelved)
            rule_set = await self._offload.run(partial(rules_of, settings, world), large=True)
            _check_version(rule_set, change.wanted)
            since_us = await keep(catalog.broker, rule_set, change.who, "reload")
            kept = list_kept_rule_sets(self._broker)
            retiring = partial(add_retired, rule_set, obligations, kept, world, self._in_force.rule_set)
            whole = await self._offload.run(retiring, large=True)  # older files are read like new ones
        except BaseException:
            await _close_all(built)
            raise
        return _Prepared(settings, built, catalog, whole, since_us, world)

    async def _swap(self, prepared: _Prepared) -> None:
        """Put in force what was written. Nothing here asks the store, and nothing can fail."""
        settings = prepared.settings
        self._in_force.swap(prepared.rule_set, prepared.since_us)
        await self._listeners.stop()
        await self._canaries.stop()  # they look through destinations that may go now
        await self._couriers.swap(settings.destinations, prepared.built)
        self._canaries.start(settings.destinations)
        self._listeners.start()
        await self._pulls.swap(settings.sources)
        if self.renewal is not None:
            await self.renewal.take_up(settings.server)

    async def _settle_or_try_again(self) -> str:
        """Settle what the swap left to do, now or as soon as the store can; says why not now, or ""."""
        await self._supervisor.stop(_SETTLING)
        try:
            await self._settle()
        except StoreError as error:
            log.warning("this is done as soon as the store answers", reason=str(error))
            self._supervisor.start(_SETTLING, self._settle, once=True)
            return f"{error}; it is done as soon as the store answers"
        return ""

    async def _settle(self) -> None:
        """What waits for removed destinations, and what older rules kept quiet. Doing it twice does no harm."""
        await settle_removed(self._store, self.settings.removed)  # after the swap: nothing more is decided for them
        await self._in_force.wake(self._store)

    async def settle_at_start(self) -> None:
        """Do with destinations that are gone what a reload does, for a daemon that starts without them.

        It cannot refuse to start: deliveries of which nobody said what to do with them wait, and that is told. What the
        store cannot take now it is given later. Raises StoreUnavailable when it cannot be read either.
        """
        await self._settle_or_try_again()
        staying = {*self.settings.destinations, *self.settings.removed}
        for reason in (await describe_left_behind(self._store, OpenObligations(), staying)).values():
            log.warning("something waits for a destination that is gone", reason=reason)


def _check_version(rule_set: RuleSet, wanted: str) -> None:
    """Raise _OtherVersion for a rule set that is not the wanted one, where one is wanted."""
    if wanted not in ("", rule_set.version):
        raise _OtherVersion(rule_set.version)


async def _close_all(built: Mapping[str, Destination]) -> None:
    for destination in built.values():
        await destination.close()
