"""Builds every part of the daemon once, in one straight line. ``daemon.py`` starts and stops what is built here."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import Final, TypeVar

import structlog

from bridge.app.certificate import Tls, fingerprint_of
from bridge.app.certificate_files import list_certificate_files
from bridge.app.maintenance import Sweeper
from bridge.app.parts import Daemon
from bridge.app.provision import provision
from bridge.app.readiness import Readiness
from bridge.app.reload import Reloader
from bridge.app.renewal import CertificateRenewal
from bridge.app.rule_changes import RuleChanges
from bridge.app.rule_choice import choose_rules
from bridge.app.sealing_check import check_sealing_key
from bridge.app.server import HttpServer
from bridge.app.shared_settings import sum_settings
from bridge.app.state_folder import guard_folder, sealing_key, state_folder, store_path, tls_of
from bridge.app.tracer_choice import choose_tracer, trace_deliveries
from bridge.app.web import WebRoot
from bridge.app.web_assembly import RELEASE, web_root
from bridge.app.word_index import make_search_filling
from bridge.canary.canaries import Canaries, CanaryMetrics
from bridge.chat.listeners import Listeners
from bridge.core.audit import AuditTrail
from bridge.core.holdings import Holdings
from bridge.core.host_and_port import host_and_port
from bridge.core.poison import PoisonGuard
from bridge.core.supervisor import Supervisor
from bridge.core.tracing import Tracer
from bridge.delivery.attempts import AttemptResult
from bridge.delivery.couriers import Couriers
from bridge.destinations.base import Destination
from bridge.destinations.buttons import Buttons
from bridge.destinations.destination_kinds import Tools
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.listened_channels import ListenedChannels
from bridge.destinations.post_records import PostRecords
from bridge.destinations.republish import Republisher
from bridge.destinations.signed_context import SignedContext
from bridge.front.connection_metrics import ConnectionMetrics
from bridge.front.connection_table import ConnectionTable
from bridge.front.limits import ConnectionLimits, limit_connections
from bridge.observe.calendar_metrics import CalendarMetrics
from bridge.observe.clock_guard import ClockGuard
from bridge.observe.condition import DaemonCondition
from bridge.observe.metrics import Metrics
from bridge.observe.poison_metrics import PoisonMetrics
from bridge.observe.recent_activity import RecentActivity
from bridge.observe.release_metrics import ReleaseMetrics
from bridge.push.http import PushHttp
from bridge.push.pushers import Pushers
from bridge.routing.active_config import ActiveConfig
from bridge.routing.fellow_nodes import FellowNodes, NodeWord, list_others
from bridge.routing.router import Routed
from bridge.routing.routers import Routers
from bridge.settings.model import ServerSettings, Settings
from bridge.sources.pulls import PullWorkers
from broker.broker import Broker, BrokerSettings
from broker.clock import Clock, SystemClock
from broker.engines import is_postgres, open_store
from broker.planned import PlannedCatalog, plan_catalog
from broker.retention import Retention, RetentionPolicy
from broker.store import Store

T = TypeVar("T")

_MOST_STALE_S: Final = 5.0

log = structlog.get_logger("daemon")


async def assemble(
    config: Path, settings: Settings, environ: Mapping[str, str], clock: Clock, *, open_pages: bool = False
) -> Daemon:
    """Build the daemon of ``settings`` as read from ``config``.

    Raises StoreUnavailable or StoreCorrupt, CannotProvision, CannotListen, BadSealingKey, and ProblemsFound when the
    rule files are bad and no earlier rule set is kept. ``open_pages`` lets everybody see the pages (the demo).
    """
    folder = state_folder(settings.store, environ)
    store = await open_store(settings.store, clock, settings.node)
    try:
        key = sealing_key(folder, environ, lasts=is_postgres(settings.store))
        broker = Broker(store, clock, _broker_settings(settings, key))
        await broker.load()
        catalog = await plan_catalog(broker)
        await check_sealing_key(catalog, node_name(settings), key)
        await provision(catalog.broker, settings.projects, settings.auth.certificates)
        buttons = Buttons(
            settings.server.public_url,
            SignedContext(key),
            clock,
            os.urandom,
            PostRecords(store),
            ListenedChannels(store, clock),
        )
        built = await _build(config, settings, environ, catalog, buttons)
        daemon = replace(built, search=make_search_filling(settings, broker, built.in_force))
        _watch(daemon)
        root = web_root(daemon, open_pages=open_pages)
        tls = tls_of(settings.server, folder, clock.wall_us())
        daemon.servers.extend(_servers(settings, root, tls, daemon))
        if tls is not None and settings.server.tls == "self-signed":
            log.info("self-signed certificate", file=str(tls.certificate), sha256=fingerprint_of(tls.certificate))
        await catalog.write()  # last: settings that cannot be used leave nothing behind
    except BaseException:
        await store.close()
        raise
    return daemon


def _broker_settings(settings: Settings, key: bytes) -> BrokerSettings:
    """Others change the catalog of a database: what was not heard of for too long is not answered from."""
    return BrokerSettings(sealing_key=key, max_staleness_s=_MOST_STALE_S if is_postgres(settings.store) else None)


async def _build(
    config: Path, settings: Settings, environ: Mapping[str, str], catalog: PlannedCatalog, buttons: Buttons
) -> Daemon:
    """Every part over a loaded broker and what its catalog will be, but for the servers."""
    broker, store, clock = catalog.real, catalog.real.store, catalog.real.clock
    supervisor, metrics, lately, rng = _keeper(settings, store, clock), Metrics(), RecentActivity(clock), SystemRandom()
    guard, table = PoisonGuard(clock, guard_folder(settings.store, environ)), _connections(settings.server)
    condition, clock_guard, push_http = _condition(settings, clock), ClockGuard(store, clock), _pushing(settings, clock)
    trouble = [guard.describe_degraded, table.full, condition.describe_degraded, clock_guard.explain]
    tracer = choose_tracer(settings.tracing, node_name(settings))
    couriers = _couriers(settings, broker, buttons, guard, supervisor, rng, metrics, lately, tracer)
    destinations, tell_routed = couriers.build(settings.destinations), _tell_routed(metrics, lately)
    in_force = await _rules_in_force(config, settings, destinations, catalog, metrics)
    canaries, listeners, pulls = lookouts = _lookouts(buttons, broker, couriers, supervisor, rng, metrics, tracer)
    reloader = Reloader(config, settings, environ, broker, in_force, couriers, *lookouts, supervisor, metrics)
    return Daemon(
        settings=settings,
        broker=broker,
        in_force=in_force,
        supervisor=supervisor,
        destinations=destinations,
        couriers=couriers,
        canaries=canaries,
        listeners=listeners,
        routers=Routers(store, broker, in_force, clock, supervisor, tell_routed, guard, couriers.keep_room, tracer),
        pulls=pulls,
        push_http=push_http,
        pushers=Pushers(broker, clock, supervisor, push_http.post, _give_up_after_s(settings), tracer),
        readiness=Readiness(store, in_force, supervisor, clock, lambda: canaries.standings, trouble),
        clock_guard=clock_guard,
        guard=guard,
        audit=_audit(settings, store, clock),
        condition=condition,
        sweeper=_sweeper(settings, store, broker, clock),
        metrics=metrics,
        lately=lately,
        reloader=reloader,
        rule_changes=RuleChanges(reloader, broker, in_force, supervisor),
        fellows=_fellows(settings, broker, in_force, reloader, trouble),
        buttons=buttons,
        connections=table,
        tracer=tracer,
    )


def _keeper(settings: Settings, store: Store, clock: Clock) -> Supervisor:
    """Who keeps workers at work, those that one node of all runs at a time only while it is this one."""
    return Supervisor(clock, Holdings(store.ownership, node_name(settings), clock))


def node_name(settings: Settings) -> str:
    """What this daemon is called among those that share its store."""
    return settings.node or socket.gethostname()


async def _rules_in_force(
    config: Path,
    settings: Settings,
    destinations: Mapping[str, Destination],
    catalog: PlannedCatalog,
    metrics: Metrics,
) -> ActiveConfig:
    """The rules to begin with, beside whichever nodes live."""
    others = list_others(await catalog.real.store.ownership.nodes(), node_name(settings))
    in_force = await choose_rules(config, settings, destinations, catalog, others)
    metrics.degraded.set(bool(in_force.degraded))
    return in_force


def _fellows(
    settings: Settings,
    broker: Broker,
    in_force: ActiveConfig,
    reloader: Reloader,
    trouble: list[Callable[[], str]],
) -> FellowNodes:
    """What this node says of itself to others, as things stand whenever it is asked; what differs is ``trouble``."""
    key = broker.settings.sealing_key

    def describe() -> NodeWord:
        return NodeWord(
            serves=in_force.decides_by,
            files=in_force.files,
            degraded=in_force.degraded,
            release=RELEASE,
            settings=sum_settings(reloader.settings, key),
        )

    fellows = FellowNodes(broker, broker.store.ownership, broker.clock, node_name(settings), describe)
    trouble += [fellows.explain, reloader.calendars.describe_degraded]
    return fellows


def _watch(daemon: Daemon) -> None:
    """Let Prometheus see what the parts know of themselves."""
    canary_metrics = CanaryMetrics(lambda: daemon.canaries.standings, daemon.clock)
    calendars, table = CalendarMetrics(daemon.reloader.calendars.list_ages), ConnectionMetrics(daemon.connections)
    others = PoisonMetrics(daemon.guard), table, calendars, daemon.condition, daemon.clock_guard
    holdings = [daemon.supervisor.holdings] if daemon.supervisor.holdings is not None else []
    release = ReleaseMetrics(version("ams-bridge"), daemon.clock)
    daemon.reloader.renewal = CertificateRenewal(daemon.push_http, daemon.servers)
    daemon.condition.watch_certificates(lambda: list_certificate_files(daemon.reloader.settings))
    daemon.metrics.watch(release, daemon.listeners, canary_metrics, *holdings, *others)


def _couriers(
    settings: Settings,
    broker: Broker,
    buttons: Buttons,
    guard: PoisonGuard,
    supervisor: Supervisor,
    rng: SystemRandom,
    metrics: Metrics,
    lately: RecentActivity,
    tracer: Tracer | None,
) -> Couriers:
    tools = Tools(broker.clock, make_client, buttons, Republisher(broker), guard)
    tell_tried = _tell_tried(metrics, lately)
    traces = trace_deliveries(tracer, broker.clock)
    if traces is not None:
        tell_tried = _each(tell_tried, traces.tell_settled)
    return Couriers(broker.store, tools, supervisor, rng, settings.drain, tell_tried, metrics.count_collapse, traces)


def _lookouts(
    buttons: Buttons,
    broker: Broker,
    couriers: Couriers,
    supervisor: Supervisor,
    rng: SystemRandom,
    metrics: Metrics,
    tracer: Tracer | None,
) -> tuple[Canaries, Listeners, PullWorkers]:
    """Who looks outside: canaries at destinations, listeners at what is written there, pulls at other services."""
    clock = broker.clock
    return (
        Canaries(broker.store, lambda: couriers.routes, supervisor, clock, os.urandom),
        Listeners(buttons.places, lambda: couriers.routes, supervisor, clock, rng),
        PullWorkers(broker, clock, supervisor, rng, metrics.count_refused_message, tracer),
    )


def _tell_tried(metrics: Metrics, lately: RecentActivity) -> Callable[[AttemptResult], None]:
    return _each(metrics.count_attempt, lately.note_attempt)


def _tell_routed(metrics: Metrics, lately: RecentActivity) -> Callable[[Routed], None]:
    return _each(metrics.count_batch, lately.note_batch)


def _pushing(settings: Settings, clock: Clock) -> PushHttp:
    push = settings.push
    return PushHttp(clock, allow_private=push.allow_private, ca_file=push.ca_file, client_pair=push.client_pair)


def _condition(settings: Settings, clock: Clock) -> DaemonCondition:
    return DaemonCondition(clock, store_path(settings.store))


def _give_up_after_s(settings: Settings) -> float | None:
    return None if settings.push.give_up_after == "off" else settings.push.give_up_after


def _each(*takers: Callable[[T], None]) -> Callable[[T], None]:
    """Tells several what happened."""

    def tell_all(happened: T) -> None:
        for taker in takers:
            taker(happened)

    return tell_all


def _audit(settings: Settings, store: Store, clock: Clock) -> AuditTrail:
    """The audit trail of a store, which has no state of its own."""
    return AuditTrail(store.log, clock, settings.retention.audit)


def _sweeper(settings: Settings, store: Store, broker: Broker, clock: Clock) -> Sweeper:
    policy = RetentionPolicy(settings.retention.messages, settings.retention.size)
    longest_s = max((destination.retry.give_up_after for destination in settings.destinations.values()), default=0.0)
    return Sweeper(
        store,
        broker,
        Retention(store, broker.cache, clock, policy),
        clock,
        deliveries_s=settings.retention.deliveries,
        longest_give_up_s=longest_s,
        audit=_audit(settings, store, clock),
    )


def _connections(settings: ServerSettings) -> ConnectionTable:
    """On the machine's own time, whatever the daemon's clock: waiting for a socket belongs to the network."""
    timeouts = settings.timeouts
    limits = ConnectionLimits(
        handshake_s=timeouts.handshake,
        head_s=timeouts.head,
        body_s=timeouts.body,
        idle_s=timeouts.idle,
        connections=limit_connections(settings.connections),
    )
    return ConnectionTable(limits, SystemClock())


def _servers(settings: Settings, root: WebRoot, tls: Tls | None, daemon: Daemon) -> list[HttpServer]:
    """The main port, and the one for certificate login: clients ask for that at 8443 when the main port is 443."""
    hsts_s = 0 if settings.server.hsts == "off" else settings.server.hsts

    def server(listen: str) -> HttpServer:
        return HttpServer(root, listen, tls, daemon.connections, hsts_s=hsts_s)

    servers = [server(settings.server.listen)]
    host, port = host_and_port(settings.server.listen)
    named = f"[{host}]" if ":" in host else host
    login = settings.server.x509_listen or (f"{named}:8443" if port == 443 and tls else None)
    if login is not None:
        servers.append(server(login))
    return servers
