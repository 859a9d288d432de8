"""An authority of one's own: every kind that speaks HTTP, the pull from a remote AMS and pushes trust ``ca_file``."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from bridge.api.ports import LivePorts
from bridge.chat.websocket import Lost, connect_websocket
from bridge.core.secret import Secret
from bridge.destinations.base import Later
from bridge.destinations.config import HttpDestinationConfig
from bridge.destinations.destination_kinds import KINDS, Tools
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.kit.redact import Redactor
from bridge.push.http import NotPosted, PushHttp
from bridge.sources.ams import AmsSource, AmsSourceConfig, RemoteTrouble
from broker.clock import SystemClock
from tests.fakes.certificates import TestAuthority
from tests.fakes.command_line import command, write
from tests.fakes.tls_server import served

HTTP_KINDS = [name for name, kind in KINDS.items() if issubclass(kind.config, HttpDestinationConfig)]
MORE: dict[str, dict[str, Any]] = {
    "mattermost_bot": {"token": "abc", "channel": "ops"},
    "slack_bot": {"token": "abc", "channel": "ops"},
}
FAR = (
    "sources: {far: {type: ams, topic: projects/P/topics/T, endpoint: a, project: P, subscription: S, "
    "token: x, ca_file: gone.pem}}"
)
UNTRUSTED = "its certificate is not trusted"


def test_the_kinds_with_a_url_are_those_that_take_an_authority() -> None:
    with_url = [name for name, kind in KINDS.items() if "url" in kind.config.model_fields]
    assert sorted(HTTP_KINDS) == sorted(set(with_url) - {"apprise", "database"})
    assert "email" in [name for name, kind in KINDS.items() if "ca_file" in kind.config.model_fields]


async def probed(kind: str, url: str, ca_file: Path | None, **more: Any) -> str:
    """Why a destination of this kind cannot deliver to what listens at ``url``; "" when it can."""
    fields = {"type": kind, "url": f"{url}/hooks/x", "timeout": 5.0, "ca_file": ca_file, **MORE.get(kind, {}), **more}
    config = KINDS[kind].config.model_validate(fields)
    destination = KINDS[kind].build("it", config, Tools(SystemClock(), make_client))
    try:
        return getattr(await destination.probe(), "reason", "")
    finally:
        await destination.close()


@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_an_authority_of_ones_own_is_trusted_by_every_kind(tmp_path: Path, kind: str) -> None:
    authority = TestAuthority(tmp_path)
    with served(authority.server()) as port:
        url = f"https://localhost:{port}"
        assert UNTRUSTED in await probed(kind, url, None)
        reason = await probed(kind, url, authority.certificate)
    assert UNTRUSTED not in reason
    assert "no connection" not in reason


@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_a_file_that_cannot_be_used_is_named_and_nothing_is_asked(tmp_path: Path, kind: str) -> None:
    reason = await probed(kind, "https://localhost:1", tmp_path / "gone.pem")
    assert f"the ca_file {tmp_path}/gone.pem cannot be used: No such file or directory" in reason


async def test_of_mail_too_it_is_named(tmp_path: Path) -> None:
    fields = {"type": "email", "host": "localhost", "port": 1, "from": "a@b.org", "to": ["c@d.org"], "security": "tls"}
    config = KINDS["email"].config.model_validate({**fields, "ca_file": tmp_path / "gone.pem"})
    destination = KINDS["email"].build("it", config, Tools(SystemClock(), make_client))
    outcome = await destination.probe()
    await destination.close()
    assert isinstance(outcome, Later)
    assert "gone.pem cannot be used" in outcome.reason


@pytest.mark.parametrize("key", ["ca", "ca_file"])
async def test_a_remote_ams_is_asked_by_its_authority(tmp_path: Path, key: str) -> None:
    authority = TestAuthority(tmp_path)
    with served(authority.server()) as port:
        assert UNTRUSTED in await pulled(f"localhost:{port}", {})
        assert UNTRUSTED not in await pulled(f"localhost:{port}", {key: authority.certificate})


async def pulled(endpoint: str, files: dict[str, Path]) -> str:
    """What a pull from a remote AMS stumbled over."""
    config = AmsSourceConfig(
        topic="projects/P/topics/T", endpoint=endpoint, project="P", subscription="S", token=Secret("x"), **files,
    )  # fmt: skip
    never: Any = None
    source = AmsSource(config, "S", never, never, SystemClock(), random.Random(1))  # noqa: S311 - pauses
    async with source.session() as http:
        try:
            await source.step(http)
        except RemoteTrouble as trouble:
            return str(trouble)
    return ""


async def test_pushes_and_the_verification_of_endpoints_trust_the_authority_of_the_settings(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    with served(authority.server()) as port:
        url = f"https://localhost:{port}/x"
        for ca_file, answered in ((None, False), (authority.certificate, True)):
            http = PushHttp(SystemClock(), allow_private=True, ca_file=ca_file)
            ports = LivePorts(SystemClock(), allow_private=True, ca_file=ca_file)
            said = await asyncio.gather(http.post(url, b"{}", {}), ports.fetch(url), return_exceptions=True)
            await http.close()
            assert [getattr(one, "status", None) == 200 for one in said] == [answered, answered]
            assert all(UNTRUSTED in str(one) for one in said if not answered)
    http = PushHttp(SystemClock(), allow_private=True, ca_file=tmp_path / "gone.pem")
    with pytest.raises(NotPosted, match="cannot be used: No such file"):
        await http.post(url, b"{}", {})


async def test_a_bot_listens_over_its_authority(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    with served(authority.server()) as port:
        for ca_file, trusted in ((None, False), (authority.certificate, True)):
            with pytest.raises(Lost) as lost:
                async with connect_websocket(f"https://localhost:{port}", Secret("x"), 5.0, Redactor([]), ca_file):
                    pass
            assert (UNTRUSTED in str(lost.value)) is not trusted


@pytest.mark.parametrize(
    ("section", "place"),
    [
        (
            "destinations: {hook: {type: webhook, url: 'https://a.example', ca_file: gone.pem}}",
            "destinations.hook.ca_file",
        ),
        ("push: {ca_file: gone.pem}", "push.ca_file"),
        (
            FAR,
            "sources.far.ca_file",
        ),
    ],
)
def test_check_and_start_name_the_place_of_a_file_that_cannot_be_used(tmp_path: Path, section: str, place: str) -> None:
    config = write(tmp_path, {"bridge.yaml": f"store: memory\n{section}\n", "rules.d/a.yaml": "rules: []\n"})
    for words in (["check"], ["run"]):
        said = command(*words, "-c", str(config))
        assert said.code == 78
        assert f"{place}: {tmp_path}/gone.pem cannot be used: No such file or directory" in said.err
