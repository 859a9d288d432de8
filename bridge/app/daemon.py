"""The daemon: read settings, build, start, wait for the order to stop, stop in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import uvloop

from bridge.app.build import assemble
from bridge.app.parts import Daemon
from bridge.app.provision import CannotProvision
from bridge.app.server import CannotListen
from bridge.app.signals import handle_signals
from bridge.app.state_folder import BadSealingKey
from bridge.app.unusable_settings import find_unusable_files
from bridge.core.audit import AuditEntry
from bridge.core.reload_report import ReloadReport, write_report
from bridge.core.systemd import (
    JOURNAL_ERROR,
    NotifySocket,
    credentials_folder,
    is_journal,
    mark_priority,
    runtime_folder,
    watchdog_interval_s,
)
from bridge.observe.logs import configure_logs
from bridge.operate.reload_outcome import Reloaded
from bridge.settings.model import Settings
from bridge.settings.settings_file import read_settings
from broker.clock import Clock, SystemClock
from broker.errors import Moved, OutcomeUnknown, StoreCorrupt, StoreUnavailable, StoreUnusable
from rules.source.problems import ProblemsFound

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_CONFIGURATION: Final = 78
_STORE_AGAIN_S: Final = 2.0
_REFUSALS: Final = (ProblemsFound, CannotProvision, BadSealingKey, StoreUnusable, StoreCorrupt, CannotListen, OSError)
_DAMAGED: Final = "`ams-bridge doctor` says what is wrong with it, `ams-bridge restore` puts a backup in its place"

log = structlog.get_logger("daemon")


def run(config: Path, environ: Mapping[str, str]) -> int:
    """Run the daemon until a signal stops it; returns the exit code (0, 1, or 78 where waiting mends nothing)."""
    try:
        settings = read_settings(config, environ, credentials_folder(environ))
    except ProblemsFound as error:
        _complain(str(error), environ)
        return EXIT_BAD_CONFIGURATION
    faults = find_unusable_files(settings)
    if faults:
        _complain("\n".join(faults), environ)
        return EXIT_BAD_CONFIGURATION
    configure_logs(settings.log, to_journal=is_journal(environ, sys.stderr))
    return uvloop.run(_run(config, settings, environ, SystemClock()))


async def _run(config: Path, settings: Settings, environ: Mapping[str, str], clock: Clock) -> int:
    notify = NotifySocket.from_environment(environ)
    stop = asyncio.Event()
    daemon: Daemon | None = None
    reloads: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly

    def reload() -> None:
        if daemon is not None:
            begun = asyncio.create_task(_reload(daemon, notify, runtime_folder(environ)), name="reload")
            reloads.add(begun)
            begun.add_done_callback(reloads.discard)

    with handle_signals(stop.set, reload):
        try:
            daemon = await _assemble(config, settings, environ, clock, notify, stop)
            if daemon is None:
                return EXIT_OK
            await start(daemon)
        except _REFUSALS as error:
            if daemon is not None:
                await stop_daemon(daemon)
            return _refuse(error, environ)
        _keep_watchdog(daemon, notify, environ)
        notify.notify_ready(_status(daemon))
        _freeze()
        log.info("ready", listen=settings.server.listen, rules=daemon.in_force.rule_set.version)
        await stop.wait()
        notify.notify_stopping("letting deliveries under way finish")
        await stop_daemon(daemon)
    log.info("stopped")
    return EXIT_OK


def _complain(text: str, environ: Mapping[str, str]) -> None:
    """Write what is wrong with the settings as people read it, to the journal as errors."""
    sys.stderr.write(f"{mark_priority(text, JOURNAL_ERROR) if is_journal(environ, sys.stderr) else text}\n")


def _refuse(error: Exception, environ: Mapping[str, str]) -> int:
    """Say in a sentence why there is no start; gives the exit code, 78 where the next would end alike."""
    match error:
        case ProblemsFound():
            _complain(str(error), environ)
        case StoreCorrupt(reason=reason):
            log.error("the store cannot be used", reason=f"{reason}; {_DAMAGED}")
        case StoreUnusable(reason=reason):
            log.error("the store cannot be used", reason=reason)
        case CannotProvision() | BadSealingKey():
            log.error("the settings cannot be used", reason=str(error))
        case _:
            log.error("cannot start", reason=str(error))
            return EXIT_FAILED
    return EXIT_BAD_CONFIGURATION


def _freeze() -> None:
    """Keep what start-up made out of the garbage collector's sight, and let that begin, or go on.

    It stays for good, and a full collection that looks at it stops everything for 50 to 100 ms, now and then.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    _give_back_memory()


def _give_back_memory() -> None:
    """Give the system back what start-up has freed: one to six MiB were seen, by what the settings ask for.

    The C library keeps it for later, as far as it has a word for that; nothing later needs as much at once.
    """
    import ctypes

    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


async def _reload(daemon: Daemon, notify: NotifySocket, folder: Path | None) -> None:
    """Reload as told by SIGHUP, tell systemd when it began and ended, and leave a report in ``folder``."""
    begun_s = daemon.clock.monotonic()
    notify.notify_reloading(begun_s)
    problems, warnings = "the daemon has a bug: its log has more", tuple[str, ...]()
    try:
        outcome = await daemon.rule_changes.reload("SIGHUP")
        done, after = isinstance(outcome, Reloaded), {"version": daemon.in_force.rule_set.version}
        problems, warnings = ("", tuple(outcome.warnings)) if isinstance(outcome, Reloaded) else (outcome.text, ())
        entry = AuditEntry(what="reload", who="SIGHUP", outcome="done" if done else "refused", after=after)
        await daemon.audit.note(entry)
    finally:
        if folder is not None:
            _leave_report(folder, ReloadReport(begun_s, daemon.in_force.rule_set.version, problems, warnings))
        notify.notify_ready(_status(daemon))


def _leave_report(folder: Path, report: ReloadReport) -> None:
    try:
        write_report(folder, report)
    except OSError as error:
        log.warning("the report of a reload could not be written", folder=str(folder), reason=str(error))


def _status(daemon: Daemon) -> str:
    """What `systemctl status` shows: where it listens, and whether the rules of the files are those in force."""
    degraded = daemon.in_force.degraded.partition("\n")[0].rstrip(":")
    status = f"listening on {daemon.settings.server.listen}, rule set {daemon.in_force.rule_set.version}"
    return f"{status}; {degraded}, see the log" if degraded else status


async def start(daemon: Daemon) -> None:
    """Start all workers, then take requests."""
    supervisor = daemon.supervisor
    supervisor.start("catalog", daemon.broker.cache.follow)
    if supervisor.holdings is not None and supervisor.holdings.is_shared:
        supervisor.start("holdings", supervisor.holdings.follow)
        supervisor.start("fellow nodes", daemon.fellows.follow)
        supervisor.start("rules of all nodes", daemon.reloader.follow_others)
    follow = partial(daemon.in_force.follow_clock, daemon.broker.cache, daemon.store)
    supervisor.start("clock", lambda: daemon.clock_guard.follow(follow))
    supervisor.start("silences", lambda: daemon.in_force.follow_silences(daemon.broker.cache, daemon.store))
    supervisor.start("state counts", lambda: daemon.in_force.follow_counts(daemon.store, daemon.clock))
    await daemon.couriers.swap(daemon.settings.destinations, daemon.destinations)
    daemon.couriers.start_inbound()
    daemon.canaries.start(daemon.settings.destinations)
    daemon.listeners.start()
    with contextlib.suppress(StoreUnavailable):  # the worker tries again
        await daemon.reloader.settle_at_start()
        await daemon.routers.sync()  # before anything can be published: nobody's first alert is to pass by unrouted
    supervisor.start("routers", daemon.routers.follow)
    daemon.rule_changes.resume()
    if daemon.settings.push.mode == "internal":
        supervisor.start("pushers", daemon.pushers.follow)
    supervisor.start("readiness", daemon.readiness.follow)
    supervisor.start("condition", daemon.condition.follow)
    supervisor.start("calendars", daemon.reloader.calendars.follow)
    supervisor.start("sweeper", daemon.sweeper.run, on_one_node=True)
    if daemon.search is not None:
        supervisor.start("search", daemon.search.run, on_one_node=True)
    for server in daemon.servers:
        await server.start()
    await daemon.pulls.swap(daemon.settings.sources)


async def stop_daemon(daemon: Daemon) -> None:
    """Stop in reverse: receive no more, decide no more, lease no more, let tries finish, close the store."""
    daemon.readiness.stopping = True
    daemon.stopping.set()
    for server in daemon.servers:
        await server.stop()
    await daemon.pulls.stop()
    await daemon.supervisor.stop("routers")
    await daemon.routers.stop()
    await daemon.supervisor.stop("pushers")
    await daemon.pushers.stop()
    await daemon.canaries.stop()
    await daemon.listeners.stop()
    await daemon.couriers.stop()
    await daemon.supervisor.stop_all()
    await daemon.push_http.close()
    daemon.guard.close()
    if daemon.tracer is not None:
        await daemon.tracer.close()
    await daemon.store.close()


async def _assemble(
    config: Path,
    settings: Settings,
    environ: Mapping[str, str],
    clock: Clock,
    notify: NotifySocket,
    stop: asyncio.Event,
) -> Daemon | None:
    """Build the daemon, waiting for a store that cannot be reached yet; None when told to stop meanwhile."""
    while not stop.is_set():
        try:
            return await assemble(config, settings, environ, clock)
        except StoreUnusable:
            raise
        except (StoreUnavailable, OutcomeUnknown, Moved) as error:
            log.error("waiting for the store", reason=str(error))
            notify.notify_status(f"waiting for the store: {error}")
        try:
            async with clock.timeout(_STORE_AGAIN_S):
                await stop.wait()
        except TimeoutError:
            continue
    return None


def _keep_watchdog(daemon: Daemon, notify: NotifySocket, environ: Mapping[str, str]) -> None:
    """Feed systemd's watchdog as long as the event loop turns; a worker that waits for the store counts as turning."""
    interval_s = watchdog_interval_s(environ, os.getpid())
    if interval_s is None:
        return

    async def feed() -> None:
        while True:
            notify.feed_watchdog()
            await daemon.clock.sleep(interval_s)

    daemon.supervisor.start("watchdog", feed)
