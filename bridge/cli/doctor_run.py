"""``doctor``: what may be wrong with the store, the machine and what waits, without asking the daemon."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bridge.app.certificate_files import list_certificate_files
from bridge.cli.command_context import Context, path_exists
from bridge.cli.fitting_tables import Column, text_column
from bridge.cli.output import EXIT_FAILED, BadConfiguration, Output
from bridge.cli.setup import settings_of_context
from bridge.core.proxies import read_proxies
from bridge.core.secret import Secret
from bridge.observe.certificate_ends import CertificateFile
from bridge.observe.condition import look_around
from bridge.observe.finding import Finding
from bridge.settings.model import Settings
from broker.clock import US_PER_S, SystemClock, us
from broker.days import moment
from broker.delivery import Delivery, DeliveryQuery
from broker.engines import check_url, is_postgres, open_reader, sqlite_path
from broker.engines.sqlite.examine import check_pages, find_stray, newest_us
from broker.errors import StoreCorrupt, StoreError, StoreNotMade, StoreUnavailable
from broker.store import Store

_CLOCK_SLACK_S: Final = 5.0
_DUE_SLACK_S: Final = 60.0
_MOST: Final = 1_000
"""Deliveries of each destination that are looked at."""
_STYLES: Final = {"ok": "green", "warning": "yellow", "wrong": "red"}


def run_doctor(context: Context) -> None:
    """Look at everything, tell what was found, and exit with 1 when something is wrong."""
    findings = examine_all(context)
    rows = [{"check": finding.check, "state": finding.state, "text": finding.text} for finding in findings]
    wrong = any(finding.state == "wrong" for finding in findings)
    if context.output.as_json:
        context.output.print_value({"ok": not wrong, "findings": rows})
    else:
        _show(context.output, rows)
    if wrong:
        raise SystemExit(EXIT_FAILED)


def examine_all(context: Context) -> list[Finding]:
    """The findings of every examination; what stands in the way of one is a finding too."""
    try:
        settings = settings_of_context(context)
    except BadConfiguration as error:
        return [Finding("settings", "wrong", error.format_message())]
    findings = [Finding("settings", "ok", f"{context.config_path()} and all secrets that it names can be read")]
    store = _store_path(settings, findings)
    files = _expected_certificates(list_certificate_files(settings), store)
    findings += look_around(_store_to_measure(store), files, SystemClock().wall_us())
    findings += asyncio.run(_proxies(settings))
    if store is not None and path_exists(store):
        findings += _files(store)
    if is_postgres(settings.store) or (store is not None and path_exists(store)):
        findings += asyncio.run(_contents(settings))
    return findings


def _store_path(settings: Settings, findings: list[Finding]) -> Path | None:
    if settings.store == "memory":
        findings.append(Finding("store", "warning", "the store is in memory: a restart forgets everything"))
        return None
    try:
        check_url(settings.store)
        if is_postgres(settings.store):
            return None
        path = sqlite_path(settings.store)
        exists = path.exists()
    except StoreUnavailable as error:
        findings.append(Finding("store", "wrong", error.reason))
        return None
    except OSError as error:
        findings.append(Finding("store", "wrong", f"{error.filename} cannot be looked at: {error.strerror}"))
        return None
    if not exists:
        findings.append(Finding("store", "warning", f"{path} does not exist: the first start makes it"))
    return path


def _expected_certificates(files: Sequence[CertificateFile], store: Path | None) -> list[CertificateFile]:
    """Those that should be there: the daemon makes the one beside its store at its first start."""
    return [file for file in files if store is None or file.path.parent != store.parent or path_exists(file.path)]


def _store_to_measure(store: Path | None) -> Path | None:
    return store if store is not None and store.parent.is_dir() else None


def _files(store: Path) -> list[Finding]:
    """Whether the store's files belong together, and whether its pages do."""
    findings = []
    try:
        left = find_stray(store)
        findings.append(Finding("files", "wrong" if left else "ok", left or f"what lies beside {store} belongs to it"))
        if left:
            return findings  # reading on would be reading a mixture
        problem = check_pages(store)
        text = f"{store}: {problem}; restore a backup" if problem else f"{store}: all pages fit together"
        findings.append(Finding("pages", "wrong" if problem else "ok", text))
        findings.append(_clock(newest_us(store)))
    except (StoreUnavailable, StoreCorrupt) as error:
        findings.append(Finding("pages", "wrong", error.reason))
    return findings


def _clock(stamp_us: int) -> Finding:
    """Whether the clock is behind what the store has seen of it."""
    ahead_s = (stamp_us - SystemClock().wall_us()) / US_PER_S
    if not stamp_us or ahead_s <= _CLOCK_SLACK_S:
        return Finding("clock", "ok", "the clock is not behind the newest message")
    text = f"the clock is {ahead_s:,.0f} s behind the newest message ({moment(stamp_us).isoformat()}): it was set back"
    return Finding("clock", "wrong", text)


async def _proxies(settings: Settings) -> list[Finding]:
    """Through which proxy each destination is asked."""
    findings, proxies = [], read_proxies()
    for name, config in settings.destinations.items():
        config_url = getattr(config, "url", None)
        url = config_url.reveal() if isinstance(config_url, Secret) else config_url
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            proxy = await proxies.proxy_for(url)
            if proxy is not None:
                parts = urlsplit(proxy)
                where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
                findings.append(Finding("proxy", "ok", f"{name} is asked through {where}"))
    return findings


async def _contents(settings: Settings) -> list[Finding]:
    try:
        store = await open_reader(settings.store, SystemClock(), glance=True)
    except StoreNotMade as error:
        return [Finding("store", "warning", error.reason)]
    except StoreError as error:
        return [Finding("store", "wrong", str(error))]
    try:
        return await _waiting(store, settings)
    except StoreError as error:
        return [Finding("store", "wrong", str(error))]
    finally:
        await store.close()


async def _waiting(store: Store, settings: Settings) -> list[Finding]:
    """What waits and why, destination by destination."""
    waiting: Counter[str] = Counter()
    for balance in await store.outbox.balances():
        if balance.state == "waiting" and balance.deliveries > 0:
            waiting[balance.destination] += balance.deliveries
    findings = []
    for name, count in waiting.items():
        query = DeliveryQuery(state="waiting", destination=name, limit=_MOST)
        deliveries = await store.outbox.find(query)
        findings.append(await _line(store, settings, name, count))
        findings += _impossible(settings, name, deliveries)
    return findings or [Finding("waiting", "ok", "nothing waits")]


async def _line(store: Store, settings: Settings, name: str, count: int) -> Finding:
    waits = f"{name}: {count:,} {'delivery waits' if count == 1 else 'deliveries wait'}"
    if name not in settings.destinations:
        return Finding("waiting", "wrong", f"{waits}, and bridge.yaml has no such destination")
    oldest = await store.outbox.find(DeliveryQuery(state="waiting", destination=name, limit=_MOST))
    for delivery in reversed(oldest):
        read = await store.outbox.read(delivery.id)
        tries = read[1] if read is not None else ()
        if tries:
            return Finding("waiting", "warning", f"{waits}; the oldest one that was tried: {tries[-1].reason}")
    return Finding("waiting", "ok", f"{waits}; none was tried yet")


def _impossible(settings: Settings, name: str, deliveries: Sequence[Delivery]) -> list[Finding]:
    """Deliveries that are due later than any pause could make them."""
    config = settings.destinations.get(name)
    if config is None:
        return []
    latest_us = SystemClock().wall_us() + us(config.retry.max + _DUE_SLACK_S)
    late = [delivery for delivery in deliveries if delivery.due_us > latest_us]
    if not late:
        return []
    last = moment(max(delivery.due_us for delivery in late)).isoformat()
    return [
        Finding("due", "wrong", f"{name}: {len(late):,} wait until {last}, longer than any pause: the clock jumped")
    ]


def _show(output: Output, rows: list[dict[str, Any]]) -> None:
    columns = [
        text_column("Check", "check"),
        Column("State", lambda row: row["state"], style=lambda row: _STYLES[row["state"]]),
        text_column("What", "text", below=True),
    ]
    output.print_rows(rows, columns)
