"""The page for those who have an AMS client: each of its blocks is run against a daemon over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import yaml
from cryptography.x509.oid import NameOID

from bridge.app.build import assemble
from bridge.app.daemon import start, stop_daemon
from bridge.settings.settings_file import read_settings
from broker.clock import SystemClock
from tests.fakes.certificates import TestAuthority
from tests.house.reading import ROOT
from tests.house.requirements import require_program

PAGE = (ROOT / "docs" / "connect-an-ams-client.md").read_text()
TOKENS = {"sender-token": "the-token-of-sender", "reader-token": "the-token-of-reader"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@contextlib.asynccontextmanager
async def a_daemon(folder: Path) -> AsyncIterator[dict[str, str]]:
    """A daemon with the page's settings; gives the environment that its blocks ask for."""
    authority = TestAuthority(folder)
    server = authority.server()
    client = authority.client(
        (NameOID.COUNTRY_NAME, "GR"), (NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, "ce.example.org")
    )
    projects, login = map(yaml.safe_load, blocks("yaml"))
    here = {"certificate": server.certificate, "key": server.key, "client_ca": authority.certificate}
    assert login["server"]["tls"].keys() == here.keys()
    login["server"] |= {"listen": "127.0.0.1:0", "tls": {key: str(path) for key, path in here.items()}}
    config, credentials = folder / "bridge.yaml", folder / "credentials"
    config.write_text(json.dumps({**projects, **login, "store": "memory"}))
    credentials.mkdir()
    (folder / "rules.d").mkdir()
    (folder / "rules.d" / "rules.yaml").write_text("rules: []\n")
    for name, token in TOKENS.items():
        (credentials / name).write_text(f"{token}\n")
    daemon = await assemble(config, read_settings(config, {}, credentials), {}, SystemClock())
    await start(daemon)
    try:
        yield {
            **os.environ,
            "AMS": f"localhost:{daemon.servers[0].port}",
            "CA": str(authority.certificate),
            "REQUESTS_CA_BUNDLE": str(authority.certificate),
            "NO_PROXY": "localhost",
            "SENDER_TOKEN": TOKENS["sender-token"],
            "READER_TOKEN": TOKENS["reader-token"],
            "CERT": str(client.certificate),
            "KEY": str(client.key),
        }
    finally:
        await stop_daemon(daemon)


async def run(environ: dict[str, str], *command: str) -> str:
    answer = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, timeout=50, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return str(answer.stdout)


async def test_what_is_typed_publishes_and_pulls(tmp_path: Path) -> None:
    require_program("curl", package="curl")
    (by_hand,) = blocks("sh")
    async with a_daemon(tmp_path) as environ:
        said = await run(environ, "sh", "-ec", by_hand)
    assert '"messageIds"' in said
    assert '"data":"eyJjcHUiOiA0Mn0="' in said.replace(" ", "")


async def test_the_library_publishes_pulls_and_logs_in_by_certificate(tmp_path: Path) -> None:
    publishing, login = blocks("python")
    async with a_daemon(tmp_path) as environ:
        assert await run(environ, sys.executable, "-c", publishing) == 'A {"cpu": 42}\n'
        assert await run(environ, sys.executable, "-c", login) == "True\n"
