"""Reload: build everything first, swap last. Any problem keeps what is in force and says why.

Rules, templates, tables, destinations, sources and provisioning are taken up; ``server:``, ``store:``, ``auth:``,
``push:`` and ``log:`` need a restart, and a reload that changes them says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from bridge.control.reloading import Reloaded, ReloadOutcome, ReloadRefused
from bridge.couriers import Couriers
from bridge.current import InForce
from bridge.observe.metrics import Metrics
from bridge.provision import CannotProvision, provision
from bridge.pulls import Pulls
from bridge.retired import with_retired
from bridge.rule_files import keep, rules_of, world_of
from bridge.settings import MoveTo, Settings
from bridge.settings_file import read_settings
from bridge.systemd import credentials_folder
from broker.broker import Broker
from broker.errors import BrokerError
from broker.model import DeliveryQuery
from broker.store import Store
from rules.problems import ProblemsFound, as_table

_NEEDS_RESTART = ("server", "store", "auth", "push", "log")

log = structlog.get_logger("reload")


class Reloader:
    """Takes up changed files while everything goes on."""

    def __init__(
        self,
        config: Path,
        settings: Settings,
        environ: Mapping[str, str],
        store: Store,
        broker: Broker,
        in_force: InForce,
        couriers: Couriers,
        pulls: Pulls,
        metrics: Metrics,
    ) -> None:
        self.settings = settings
        self._config = config
        self._environ = environ
        self._store = store
        self._broker = broker
        self._in_force = in_force
        self._couriers = couriers
        self._pulls = pulls
        self._metrics = metrics
        self._turn = asyncio.Lock()

    async def reload(self) -> ReloadOutcome:
        """Read the files anew and put them in force, or keep everything as it is and say why. One at a time."""
        try:
            async with self._turn:
                outcome = await self._reload()
        except ProblemsFound as error:
            outcome = ReloadRefused(str(error))
        except (CannotProvision, BrokerError) as error:
            outcome = ReloadRefused("", (str(error),))
        match outcome:
            case Reloaded():
                self._metrics.reloads.labels("ok").inc()
                self._metrics.degraded.set(0)
                log.info("reloaded", version=outcome.version, warnings=len(outcome.warnings))
            case ReloadRefused():
                self._metrics.reloads.labels("refused").inc()
                log.error("reload refused; everything stays as it was", problems=outcome.text)
        return outcome

    async def _reload(self) -> ReloadOutcome:
        settings = read_settings(self._config, self._environ, credentials_folder(self._environ))
        reasons = await self._left_behind(settings)
        if reasons:
            return ReloadRefused("", reasons)
        built = self._couriers.build(settings.destinations)
        try:
            facts = {name: route.destination.facts for name, route in self._couriers.routes.items()}
            facts = {name: one for name, one in facts.items() if name in settings.destinations}
            facts |= {name: destination.facts for name, destination in built.items()}
            await provision(self._broker, settings.projects, settings.auth.certificates)
            world = world_of(settings, self._config, facts, self._broker)
            rule_set = rules_of(settings, world)
        except BaseException:
            for destination in built.values():
                await destination.close()
            raise
        await self._couriers.swap(settings.destinations, built)
        await self._settle_removed(settings)
        await self._pulls.swap(settings.sources)
        since_us = await keep(self._broker, rule_set)
        self._in_force.swap(await with_retired(rule_set, self._store, self._broker, world), since_us)
        warnings = [as_table([warning]) for warning in rule_set.warnings]
        changed = [name for name in _NEEDS_RESTART if getattr(settings, name) != getattr(self.settings, name)]
        if changed:
            warnings.append(f"{', '.join(f'{name}:' for name in changed)} changed: this takes a restart")
        self.settings = settings
        return Reloaded(rule_set.version, warnings)

    async def _left_behind(self, settings: Settings) -> list[str]:
        """Why the new settings cannot be: deliveries that wait for a destination that would be gone (semantics 16)."""
        reasons = []
        waiting: dict[str, int] = {}
        for balance in await self._store.outbox.balances():
            if balance.state == "waiting":
                waiting[balance.destination] = waiting.get(balance.destination, 0) + balance.deliveries
        for name, count in waiting.items():
            if count and name in self._couriers.routes and name not in settings.destinations:
                removed = settings.removed.get(name)
                if removed is None:
                    reasons.append(
                        f"destination {name!r} is gone from the settings while {count} deliveries wait for it; "
                        f"keep it until they are delivered, or write under destinations: {name}: {{removed: dead}} "
                        f"or {name}: {{removed: {{move_to: NAME}}}}"
                    )
        return reasons

    async def _settle_removed(self, settings: Settings) -> None:
        """Do with what waits for removed destinations what the settings say."""
        for name, said in settings.removed.items():
            if isinstance(said.removed, MoveTo):
                moved = await self._store.outbox.move(name, said.removed.move_to)
                log.info("deliveries moved", destination=name, to=said.removed.move_to, count=moved)
            else:
                dropped = await self._drop_waiting(name)
                log.info("deliveries dropped", destination=name, count=dropped)

    async def _drop_waiting(self, name: str) -> int:
        dropped = 0
        while found := await self._store.outbox.find(DeliveryQuery(state="waiting", destination=name, limit=500)):
            count = await self._store.outbox.drop([one.id for one in found], f"removed:{name}")
            if not count:
                break
            dropped += count
        return dropped
