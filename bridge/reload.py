"""Reload: build everything first, swap last. Any problem keeps what is in force and says why.

Rules, templates, tables, destinations, sources and provisioning are taken up; ``server:``, ``store:``, ``auth:``,
``push:`` and ``log:`` need a restart, and a reload that changes them says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import structlog

from bridge.aside import Aside
from bridge.canary.canaries import Canaries
from bridge.control.reloading import Reloaded, ReloadOutcome, ReloadRefused
from bridge.couriers import Couriers
from bridge.current import InForce
from bridge.leaving import left_behind, settle_removed
from bridge.listening.listeners import Listeners
from bridge.observe.metrics import Metrics
from bridge.owing import Owed, read_owed
from bridge.provision import CannotProvision, provision
from bridge.pulls import Pulls
from bridge.retired import with_retired
from bridge.rule_files import keep, rules_of, world_of
from bridge.settings import Settings
from bridge.settings_file import read_settings
from bridge.systemd import credentials_folder
from broker.broker import Broker
from broker.errors import BrokerError
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
        canaries: Canaries,
        listeners: Listeners,
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
        self._canaries = canaries
        self._listeners = listeners
        self._pulls = pulls
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._aside = Aside(broker.clock, "reload")  # ten thousand rules take seconds to read

    async def reload(self) -> ReloadOutcome:
        """Read the files anew and put them in force, or keep everything as it is and say why. One at a time."""
        try:
            async with self._turn:
                outcome = await self._reload()
        except ProblemsFound as error:
            outcome = ReloadRefused(str(error))
        except (CannotProvision, BrokerError) as error:
            outcome = ReloadRefused("", (str(error),))
        finally:
            self._aside.close()
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
        return outcome

    async def _reload(self) -> ReloadOutcome:
        settings = read_settings(self._config, self._environ, credentials_folder(self._environ))
        owed = await read_owed(self._store)
        known = {*self._couriers.routes, *self.settings.removed}
        left = await left_behind(self._store, owed, {*settings.destinations, *settings.removed})
        reasons = [why for name, why in left.items() if name in known]
        if reasons:
            return ReloadRefused("", reasons)
        built = self._couriers.build(settings.destinations)
        try:
            facts = {name: route.destination.facts for name, route in self._couriers.routes.items()}
            facts = {name: one for name, one in facts.items() if name in settings.destinations}
            facts |= {name: destination.facts for name, destination in built.items()}
            await provision(self._broker, settings.projects, settings.auth.certificates)
            world = world_of(settings, self._config, facts, self._broker)
            rule_set = await self._aside.run(partial(rules_of, settings, world), large=True)
        except BaseException:
            for destination in built.values():
                await destination.close()
            raise
        await self._listeners.stop()
        await self._canaries.stop()  # they look through destinations that may go now
        await self._couriers.swap(settings.destinations, built)
        self._canaries.start(settings.destinations)
        self._listeners.start()
        since_us = await keep(self._broker, rule_set)
        self._in_force.swap(with_retired(rule_set, owed, self._broker, world, self._in_force.rule_set), since_us)
        await settle_removed(self._store, settings.removed)  # after the swap: nothing more is decided for them
        await self._in_force.wake(self._store)
        await self._pulls.swap(settings.sources)
        warnings = [as_table([warning]) for warning in rule_set.warnings]
        changed = [name for name in _NEEDS_RESTART if getattr(settings, name) != getattr(self.settings, name)]
        if changed:
            warnings.append(f"{', '.join(f'{name}:' for name in changed)} changed: this takes a restart")
        self.settings = settings
        return Reloaded(rule_set.version, warnings)

    async def at_start(self) -> None:
        """What a reload does with destinations that are gone, for a daemon that starts without them.

        It cannot refuse to start: deliveries of which nobody said what to do with them wait, and that is told. Raises
        StoreUnavailable.
        """
        await settle_removed(self._store, self.settings.removed)
        staying = {*self.settings.destinations, *self.settings.removed}
        for reason in (await left_behind(self._store, Owed(), staying)).values():
            log.warning("something waits for a destination that is gone", reason=reason)
