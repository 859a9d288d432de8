"""``check``: everything that is wrong with settings, rules and templates, all at once, and what a start would do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bridge.app.installed_plugins import list_installed_plugins
from bridge.app.provision import CannotProvision, provision
from bridge.app.state_folder import SEALING_KEY_FILE, BadSealingKey, sealing_key
from bridge.app.unusable_settings import fault_lines
from bridge.chat.settings_checks import check_button_address
from bridge.cli.command_context import Context
from bridge.cli.loading import destinations_of, rule_set_of
from bridge.cli.output import BadConfiguration, Failed, Output, format_count
from bridge.cli.probe import TopicsToBe, probe_all, tell_probes
from bridge.cli.problem_listing import as_lines, as_values
from bridge.cli.setup import settings_of_context, settings_without_secrets
from bridge.destinations.base import Destination
from bridge.settings.canary_checks import check_notify_hosts
from bridge.settings.model import Settings
from broker.broker import Broker, BrokerSettings
from broker.clock import SystemClock
from broker.engines import may_stand, open_reader, sqlite_path
from broker.engines.memory import MemoryStore
from broker.errors import StoreCorrupt, StoreError, StoreNotMade, StoreUnusable
from broker.planned import plan_catalog
from broker.store import Store
from broker.tokens import SEALING_KEY_BYTES
from rules.plugins import PluginReport
from rules.ruleset import RuleSet
from rules.source.places import read_file
from rules.source.problems import Problem, ProblemsFound

_NO_STORE: Final = "There is no store yet; the first start makes it, and provisions:"


@dataclass(slots=True)
class _Findings:
    """What a check found, for people and for ``--json``."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    provisioning: list[str] | None = None
    provisioning_note: str = ""
    store_is_known: bool = True
    rules: int = 0
    tests: int = 0
    probes: list[dict[str, str]] = field(default_factory=list)
    plugins: list[PluginReport] = field(default_factory=list)

    def value(self) -> dict[str, Any]:
        return {
            "ok": not (self.problems or self.reasons),
            "problems": as_values(self.problems),
            "reasons": self.reasons,
            "warnings": as_values(self.warnings),
            "rules": self.rules,
            "tests": self.tests,
            "provisioning": self.provisioning,
            "probes": self.probes,
            "plugins": [asdict(plugin) for plugin in self.plugins],
        }


def run_check(context: Context, *, settings_only: bool, probe: bool, strict: bool) -> None:
    """Check everything, tell what was found, and exit as ``check`` says."""
    findings = _Findings(plugins=list_installed_plugins())
    settings = _settings(context, findings, need_secrets=probe or "CREDENTIALS_DIRECTORY" in os.environ)
    findings.reasons += fault_lines(settings)
    if not settings_only and not any(fault.startswith("destinations.") for fault in findings.reasons):
        asyncio.run(_check(context, settings, findings, probe=probe))
    if context.output.as_json:
        context.output.print_value(findings.value())
    for warning in findings.warnings if not context.output.quiet else ():
        context.output.errors.print(as_lines([warning]), markup=False, soft_wrap=True)
    for plugin in findings.plugins:
        if plugin.fault:
            text = f"a plugin cannot be used: {plugin.origin} adds {_what(plugin)}, but {plugin.fault}"
            context.output.errors.print(text, markup=False, soft_wrap=True)
    if findings.problems or findings.reasons:
        lines = [as_lines(findings.problems)] if findings.problems else []
        raise BadConfiguration("\n".join([*lines, *findings.reasons]))
    if not context.output.as_json:
        _tell(context, settings, findings, settings_only=settings_only)
    if strict and findings.warnings:
        raise Failed(f"{format_count(len(findings.warnings), 'warning')}, and --strict lets none pass")
    failing = [probe["destination"] for probe in findings.probes if probe["outcome"] != "ready"]
    if failing:
        raise Failed(f"not ready: {', '.join(failing)}")


def _settings(context: Context, findings: _Findings, *, need_secrets: bool) -> Settings:
    """The settings, with a warning for each secret that is not here. Raises BadConfiguration."""
    try:
        return settings_of_context(context)
    except BadConfiguration as error:
        if not need_secrets:
            with suppress(BadConfiguration):
                read = settings_without_secrets(context)
                findings.warnings += read.absent
                return read.settings
        if context.output.as_json and isinstance(error.__cause__, ProblemsFound):
            findings.problems = list(error.__cause__.problems)
            context.output.print_value(findings.value())
        raise


async def _check(context: Context, settings: Settings, findings: _Findings, *, probe: bool) -> None:
    broker = await _broker(settings, findings)
    destinations = destinations_of(settings, TopicsToBe(settings, broker) if findings.store_is_known else None)
    try:
        planned = await _plan(settings, broker, findings)
        await _check_rules(context, settings, destinations, planned, findings)
        document = read_file(context.config_path())
        findings.warnings += check_button_address(settings, document)
        findings.warnings += check_notify_hosts(settings.destinations, document)
        if probe and not findings.problems:
            findings.probes = await probe_all(destinations)
    finally:
        for destination in destinations.values():
            await destination.close()


async def _broker(settings: Settings, findings: _Findings) -> Broker:
    """A broker over the store as it stands, to look only; over an empty one when there is none to look at."""
    clock = SystemClock()
    key = BrokerSettings(sealing_key=_sealing_key(settings, findings))
    store: Store | None = None
    try:
        if may_stand(settings.store):
            store = await open_reader(settings.store, clock, glance=True)
            broker = Broker(store, clock, key)
            await broker.load()
            return broker
        findings.provisioning_note = _NO_STORE
    except StoreNotMade:
        findings.provisioning_note = _NO_STORE
    except (StoreUnusable, StoreCorrupt) as error:
        fault = f"store: {error.reason}"
        findings.reasons += [fault] if fault not in findings.reasons else []
    except (StoreError, OSError) as error:
        findings.store_is_known = False
        findings.provisioning_note = f"This could not be compared with the store ({error}):"
    if store is not None:
        await store.close()
    broker = Broker(MemoryStore(clock), clock, key)
    await broker.load()
    return broker


def _sealing_key(settings: Settings, findings: _Findings) -> bytes:
    """The key as it stands; another one when there is none, for nothing is sealed then."""
    try:
        folder = sqlite_path(settings.store).parent
        if (folder / SEALING_KEY_FILE).exists() or os.environ.get("CREDENTIALS_DIRECTORY"):
            return sealing_key(folder, os.environ)
    except BadSealingKey as error:
        findings.reasons.append(f"sealing key: {error}")
    except (StoreError, OSError):
        pass
    return os.urandom(SEALING_KEY_BYTES)


async def _check_rules(
    context: Context,
    settings: Settings,
    destinations: Mapping[str, Destination],
    broker: Broker,
    findings: _Findings,
) -> None:
    try:
        rule_set: RuleSet = rule_set_of(
            context, settings, {n: destination.facts for n, destination in destinations.items()}, broker
        )
    except ProblemsFound as error:
        findings.problems = list(error.problems)
        return
    findings.rules, findings.tests = len(rule_set.rules), len(rule_set.cases)
    findings.warnings += rule_set.warnings


async def _plan(settings: Settings, broker: Broker, findings: _Findings) -> Broker:
    """The catalog as the next start or reload would make it; only a copy is provisioned."""
    planned = (await plan_catalog(broker)).broker
    try:
        findings.provisioning = await provision(planned, settings.projects, settings.auth.certificates)
    except CannotProvision as error:
        findings.reasons.append(f"projects: {error}")
    await broker.store.close()
    return planned


def _tell(context: Context, settings: Settings, findings: _Findings, *, settings_only: bool) -> None:
    output: Output = context.output
    sections = (settings.projects, "project"), (settings.sources, "source"), (settings.destinations, "destination")
    output.confirm(f"{context.config_path()}: {', '.join(format_count(len(named), noun) for named, noun in sections)}")
    for plugin in findings.plugins:
        if not plugin.fault:
            output.confirm(f"{_what(plugin)} of the plugin {plugin.origin}")
    if settings_only:
        return
    tests = f"with {format_count(findings.tests, 'test')}; `ams-bridge rules test` runs them"
    output.confirm(f"{format_count(findings.rules, 'rule')} {tests}")
    if findings.provisioning:
        output.say(findings.provisioning_note or "The next start or reload provisions:")
        for line in findings.provisioning:
            output.say(f"  {line}")
    elif findings.provisioning is not None and settings.projects:
        output.confirm("everything under projects: exists")
    if findings.probes:
        tell_probes(output, findings.probes)


def _what(plugin: PluginReport) -> str:
    """What a plugin adds, in words: ``the operator version_below``."""
    noun = {"destinations": "destination type", "sources": "source type"}.get(plugin.extends, plugin.extends[:-1])
    return f"the {noun} {plugin.name}"
