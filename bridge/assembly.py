"""Builds every part of the daemon once, in one straight line. ``daemon.py`` starts and stops what is built here."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bridge.admin.pages import Pages, PageSource
from bridge.admin.session import Sessions, Viewer
from bridge.api.call import ApiSettings
from bridge.api.dispatch import ams_app
from bridge.control.routes import control_routes
from bridge.control.source import ControlSource
from bridge.couriers import Couriers
from bridge.current import InForce
from bridge.destinations.http import make_client
from bridge.destinations.kinds import Tools
from bridge.ledger import TopicBooks, books
from bridge.observe.metrics import Metrics
from bridge.outside import Outsider
from bridge.provision import provision
from bridge.pulls import Pulls
from bridge.push_http import PushHttp
from bridge.pushers import Pushers
from bridge.readiness import Readiness
from bridge.reload import Reloader
from bridge.retired import with_retired
from bridge.routers import Routers, full_names
from bridge.rule_files import keep, last_good, rules_of, world_of
from bridge.server import HttpServer, Tls
from bridge.settings import Settings
from bridge.sources.hooks import Hooks
from bridge.state_folder import sealing_key, state_folder, tls_of
from bridge.supervisor import Supervisor
from bridge.sweeper import Sweeper
from bridge.web import Root
from broker.access import SERVICE_ADMIN
from broker.broker import Broker, BrokerSettings
from broker.clock import Clock
from broker.engines import open_store
from broker.retention import Retention, RetentionPolicy
from broker.store import Store
from broker.tokens import digest_of, same_digest
from rules.problems import ProblemsFound
from rules.ruleset import RuleSet
from rules.sources import World


@dataclass(frozen=True, slots=True)
class Daemon:
    """All parts, built and ready to run."""

    settings: Settings
    clock: Clock
    store: Store
    broker: Broker
    in_force: InForce
    supervisor: Supervisor
    couriers: Couriers
    routers: Routers
    pulls: Pulls
    push_http: PushHttp
    pushers: Pushers
    readiness: Readiness
    sweeper: Sweeper
    metrics: Metrics
    reloader: Reloader
    servers: list[HttpServer]
    stopping: asyncio.Event

    async def books(self) -> list[TopicBooks]:
        """The books of every topic."""
        names = {uid: name for uid, (name, _) in full_names(self.broker).items()}
        return await books(self.store, names)


async def assemble(
    config: Path, settings: Settings, environ: Mapping[str, str], clock: Clock, *, open_pages: bool = False
) -> Daemon:
    """Build the daemon of ``settings`` as read from ``config``.

    Raises StoreUnavailable or StoreCorrupt, CannotProvision, CannotListen, BadSealingKey, and ProblemsFound when the
    rule files are bad and no earlier rule set is kept. ``open_pages`` lets everybody see the pages (the demo).
    """
    folder = state_folder(settings.store)
    store = await open_store(settings.store, clock)
    try:
        broker = Broker(store, clock, BrokerSettings(sealing_key=sealing_key(folder, environ)))
        await broker.load()
        await provision(broker, settings.projects, settings.auth.certificates)
        supervisor, metrics, stopping = Supervisor(clock), Metrics(), asyncio.Event()
        tools = Tools(clock, make_client)
        rng = random.SystemRandom()
        couriers = Couriers(store, tools, supervisor, rng, settings.drain, metrics.tried)
        built = couriers.build(settings.destinations)
        world = world_of(settings, config, {name: one.facts for name, one in built.items()}, broker)
        in_force = await _rules_in_force(settings, world, store, broker, metrics)
        await couriers.swap(settings.destinations, built)
        routers = Routers(store, broker, in_force, clock, supervisor, metrics.routed)
        pulls = Pulls(broker, clock, supervisor, rng)
        push_http = PushHttp(clock, allow_private=settings.push.allow_private)
        give_up_after_s = None if settings.push.give_up_after == "off" else settings.push.give_up_after
        pushers = Pushers(broker, clock, supervisor, push_http.post, give_up_after_s)
        readiness = Readiness(store, in_force, supervisor, clock)
        reloader = Reloader(config, settings, environ, store, broker, in_force, couriers, pulls, metrics)
        daemon = Daemon(
            settings=settings,
            clock=clock,
            store=store,
            broker=broker,
            in_force=in_force,
            supervisor=supervisor,
            couriers=couriers,
            routers=routers,
            pulls=pulls,
            push_http=push_http,
            pushers=pushers,
            readiness=readiness,
            sweeper=_sweeper(settings, store, broker, clock),
            metrics=metrics,
            reloader=reloader,
            servers=[],
            stopping=stopping,
        )
        root = _web(daemon, open_pages=open_pages)
        tls = tls_of(settings.server, folder, clock.wall_us())
        daemon.servers.extend(_servers(settings, root, tls))
    except BaseException:
        await store.close()
        raise
    return daemon


async def _rules_in_force(settings: Settings, world: World, store: Store, broker: Broker, metrics: Metrics) -> InForce:
    """The rules of the files; when they are bad, the last good ones, degraded (semantics.md item 18)."""
    degraded = ""
    try:
        rule_set: RuleSet = rules_of(settings, world)
        since_us = await keep(broker, rule_set)
    except ProblemsFound as error:
        kept = last_good(broker, world)
        if kept is None:
            raise
        rule_set, since_us = kept
        degraded = f"the rule files are bad, rule set {rule_set.version} is in force:\n{error}"
        metrics.degraded.set(1)
    in_force = InForce(await with_retired(rule_set, store, broker, world), since_us, degraded)
    in_force.take_silences(broker.cache)
    return in_force


def _web(daemon: Daemon, *, open_pages: bool) -> Root:
    """Everything the daemon answers over HTTP."""
    settings, broker, store = daemon.settings, daemon.broker, daemon.store
    service_token = settings.auth.service_token
    digest = digest_of(service_token.reveal().encode()) if service_token else ""

    def admit(token: str) -> str | None:
        """The name of an administrator: the service token's, or a user's with the service role service_admin."""
        if digest and same_digest(digest_of(token.encode()), digest):
            return "service token"
        user = broker.users.by_token(token)
        return user.name if user is not None and SERVICE_ADMIN in user.service_roles else None

    sessions = Sessions(os.urandom(32), daemon.clock)
    outsider = Outsider(daemon.clock, allow_private=settings.push.allow_private, push_status=daemon.pushers.status)
    api = ApiSettings(
        service_token_digest=digest,
        token_from=settings.auth.token_from,
        push_mode=settings.push.mode,
        max_body_bytes=settings.server.max_body,
        release=version("ams-bridge"),
    )
    control = ControlSource(
        store=store,
        broker=broker,
        clock=daemon.clock,
        in_force=daemon.in_force,
        couriers=lambda: {name: route.courier for name, route in daemon.couriers.routes.items()},
        destinations=lambda: {name: route.destination for name, route in daemon.couriers.routes.items()},
        health=daemon.readiness.report,
        supervisor=daemon.supervisor,
        reload=daemon.reloader.reload,
        admit=admit,
        stopping=daemon.stopping,
        release=version("ams-bridge"),
    )
    pages = Pages(
        PageSource(
            store=store,
            kinds=daemon.couriers.kinds,
            ledger=daemon.books,
            health=daemon.readiness.report,
            admit=admit,
            sessions=sessions,
            secure_cookies=settings.server.tls != "off",
            open_to=Viewer("demo") if open_pages else None,
        )
    )
    hooks = Hooks(
        broker, lambda: daemon.reloader.settings.sources, settings.server.max_body, daemon.metrics.hook_called
    )
    return Root(
        ams_app(broker, api, outsider.outside()),
        hooks,
        daemon.readiness.report,
        lambda: daemon.metrics.page(daemon.books, store.outbox.balances, lambda: _breakers(daemon.couriers)),
        [*control_routes(control), *pages.routes()],
    )


def _breakers(couriers: Couriers) -> dict[str, bool]:
    return {name: route.courier.breaker.state == "open" for name, route in couriers.routes.items()}


def _sweeper(settings: Settings, store: Store, broker: Broker, clock: Clock) -> Sweeper:
    policy = RetentionPolicy(settings.retention.messages, settings.retention.size)
    longest_s = max((one.retry.give_up_after for one in settings.destinations.values()), default=0.0)
    return Sweeper(
        store,
        broker,
        Retention(store, broker.cache, clock, policy),
        clock,
        deliveries_s=settings.retention.deliveries,
        longest_give_up_s=longest_s,
    )


def _servers(settings: Settings, root: Root, tls: Tls | None) -> list[HttpServer]:
    servers = [HttpServer(root, settings.server.listen, tls)]
    if settings.server.x509_listen is not None:
        servers.append(HttpServer(root, settings.server.x509_listen, tls))
    return servers
