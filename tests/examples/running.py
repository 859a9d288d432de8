"""The examples: where they are, what they need from the environment, and one of them as a running daemon."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bridge.app.build import assemble
from bridge.app.daemon import start, stop_daemon
from bridge.settings.model import Settings
from bridge.settings.settings_file import read_settings
from broker.clock import ManualClock
from tests.fakes.certificates import TestAuthority
from tests.house.reading import ROOT
from tests.line.stage import Stage

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/bridge.yaml"))
_REFERENCE = re.compile(r"\$\{env:(\w+)\}")
ADDRESSES = {"MATTERMOST_HOOK", "RECEIVER", "EGI_REGISTRY", "EOSC_REGISTRY", "MARKETPLACE_API"}
TOKEN = "AMS_BRIDGE_TOKEN"


def asked_of_the_environment(folder: Path) -> list[str]:
    """The variables that an example's settings name."""
    return list(dict.fromkeys(_REFERENCE.findall((folder / "bridge.yaml").read_text())))


def environment_of(folder: Path, state: Path) -> dict[str, str]:
    """A value for each of them."""
    values = {name: f"the-{name.lower().replace('_', '-')}" for name in asked_of_the_environment(folder)}
    for name in ADDRESSES & values.keys():
        values[name] = "http://127.0.0.1:9/hooks/aaaaaaaaaaaaaaaaaaaaaaaaaa"
    for name in ("ALARMS_DATABASE", "CLOUDS_DATABASE", "USAGE_DATABASE"):
        if name in values:
            values[name] = f"sqlite:///{state / name.lower().removesuffix('_database')}.db"
    if "TRUSTED_CERTIFICATES" in values:
        values["TRUSTED_CERTIFICATES"] = str(_trusted(state))
    if "CLIENT_CA" in values:
        authority = TestAuthority(_trusted(state))
        pair = authority.server("localhost")
        files = {"CERTIFICATE": pair.certificate, "CERTIFICATE_KEY": pair.key, "CLIENT_CA": authority.certificate}
        values |= {name: str(file) for name, file in files.items()}
    return values


def _trusted(state: Path) -> Path:
    """A folder with an authority that nobody was certified by."""
    folder = state / "trusted"
    folder.mkdir(exist_ok=True)
    TestAuthority(folder)
    return folder


@asynccontextmanager
async def an_example(
    name: str,
    state: Path,
    environ: Mapping[str, str] | None = None,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
) -> AsyncIterator[Stage]:
    """An example as a daemon on loopback, without TLS, its store in memory; ``sources`` changes settings of sources."""
    folder = state / name
    shutil.copytree(ROOT / "examples" / name, folder)
    values = environment_of(folder, state) | dict(environ or {})
    config = folder / "bridge.yaml"
    settings = _on_loopback(read_settings(config, values, None), sources or {})
    clock = ManualClock()
    daemon = await assemble(config, settings, values, clock)
    await start(daemon)
    try:
        base_url = f"http://127.0.0.1:{daemon.servers[0].port}"
        async with httpx.AsyncClient(base_url=base_url, headers={"x-api-key": values[TOKEN]}, timeout=20) as http:
            yield Stage(daemon, clock, http, folder)
    finally:
        await stop_daemon(daemon)


def _on_loopback(settings: Settings, sources: Mapping[str, Mapping[str, Any]]) -> Settings:
    server = settings.server.model_copy(update={"listen": "127.0.0.1:0", "tls": "off"})
    changed = {name: one.model_copy(update=sources.get(name, {})) for name, one in settings.sources.items()}
    return settings.model_copy(update={"server": server, "store": "memory", "sources": changed})
