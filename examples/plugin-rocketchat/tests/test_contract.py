"""Its kinds keep what every destination and source kind promises; the suites are ams-bridge's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ams_bridge_rocketchat.uptime_kuma import PLUGIN
from fake_rocketchat import FakeRocketChat

from bridge.contract.destination_contract import DestinationContract
from bridge.contract.http_trials import NOBODY, answers, http_trials, writes
from bridge.contract.rig import Rig, Trial, parcel
from bridge.contract.source_contract import RecordedCall, SourceContract
from bridge.fakes.listening import running

HOOK_PATH = f"/hooks/{FakeRocketChat.HOOK}/{FakeRocketChat.TOKEN}"


def accepted() -> Trial:
    return Trial("the service answers as itself")


@asynccontextmanager
async def rocketchat(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeRocketChat()) as service:
        nowhere = {"url": NOBODY + HOOK_PATH}
        yield Rig(
            kind="rocketchat",
            service=service,
            config={"url": service.hook_url},
            secrets=(FakeRocketChat.TOKEN, FakeRocketChat.HOOK),
            arrived=lambda: len(service.messages),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            nowhere=nowhere,
            clear=service.clear,
            trials=[
                *http_trials(nowhere),
                accepted(),
                Trial("the integration was deleted", lambda s: setattr(s, "exists", False)),
                Trial("the integration is switched off", lambda s: setattr(s, "enabled", False)),
                Trial("the token is wrong", config={"url": service.hook_url + "x"}),
                Trial("the channel does not exist", parcel=parcel(overrides={"channel": "#nowhere"})),
                Trial(
                    "another channel is not allowed",
                    lambda s: setattr(s, "may_override", False),
                    parcel(overrides={"channel": "#ops"}),
                ),
                Trial("too fast, with a moment to come again", lambda s: setattr(s, "wait_ms", 9_000)),
                Trial("200 without success", answers(200, '{"success": false}')),
            ],
        )


@asynccontextmanager
async def rocketchat_bot(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeRocketChat()) as service:
        config = {"user_id": service.USER_ID, "token": service.USER_TOKEN, "channel": "#ops"}
        yield Rig(
            kind="rocketchat_bot",
            service=service,
            config={"url": service.base_url, **config},
            secrets=(FakeRocketChat.USER_TOKEN,),
            arrived=lambda: len(service.messages),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            nowhere={"url": NOBODY},
            clear=service.clear,
            trials=[
                *http_trials({"url": NOBODY}),
                accepted(),
                Trial("the token is not accepted", config={"token": "another-token-than-that"}),
                Trial("the channel does not exist", parcel=parcel(overrides={"channel": "#nowhere"})),
                Trial("the message is too large", lambda s: setattr(s, "max_runes", 5)),
                Trial("too fast, with a moment to come again", lambda s: setattr(s, "wait_ms", 9_000)),
            ],
        )


class TestRocketChat(DestinationContract):
    """The suite, run for each kind of this package."""

    openers = {"rocketchat": rocketchat, "rocketchat_bot": rocketchat_bot}  # noqa: RUF012 - it is the suite that types it
    http_kinds = tuple(openers)


class TestUptimeKuma(SourceContract):
    """The suite for sources, with a call as Uptime Kuma 1.23 makes it."""

    plugins = {"uptime_kuma": PLUGIN}  # noqa: RUF012
    calls = {  # noqa: RUF012
        "uptime_kuma": [
            RecordedCall(
                b'{"heartbeat": {"status": 0, "msg": "timeout", "time": "2026-01-01 00:00:00.000"}, '
                b'"monitor": {"name": "web1", "url": "https://web1.example.org"}, "msg": "[web1] [Down] timeout"}',
                {"content-type": "application/json"},
            )
        ]
    }
