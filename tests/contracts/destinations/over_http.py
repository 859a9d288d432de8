"""Rigs of the kinds that speak HTTP, each around its stand-in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.contract.http_trials import NOBODY, WRITES, answers, http_trials, writes
from bridge.contract.rig import Rig, Trial, parcel
from bridge.fakes.discord import FakeDiscord
from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost, Settings
from bridge.fakes.slack import FakeSlack
from bridge.fakes.teams import FakeTeams
from bridge.fakes.webhook import FakeWebhook


def taken(service: FakeWebhook) -> int:
    """How many requests the receiver took, told the sender or not."""
    asked = [each for each in service.attempts if each.request.method in WRITES]
    return sum(each.status == 200 or getattr(each.trouble, "at", "") == "after_accepting" for each in asked)


@asynccontextmanager
async def mattermost(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeMattermost(Settings(error_style="specific"))) as service:
        hook = service.hook.id
        yield Rig(
            kind="mattermost",
            service=service,
            config={"url": service.hook_url},
            secrets=(hook,),
            arrived=lambda: len(service.posts),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            nowhere={"url": f"{NOBODY}/hooks/{hook}"},
            clear=lambda: _cleared(service),
            trials=[
                *http_trials({"url": f"{NOBODY}/hooks/{hook}"}),
                Trial("the hook was deleted", config={"url": f"{service.base_url}/hooks/abcdefghijklmnopqrstuvwxyz"}),
                Trial("the hooks are switched off", lambda s: _set(s, hooks_enabled=False)),
                Trial("the channel does not exist", parcel=parcel(overrides={"channel": "nowhere"})),
                Trial("the person does not exist", parcel=parcel(overrides={"channel": "@nobody"})),
                Trial(
                    "the priority is not allowed",
                    lambda s: _set(s, post_priority=False),
                    parcel(overrides={"priority": "urgent"}),
                ),
            ],
        )


@asynccontextmanager
async def mattermost_bot(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeMattermost()) as service:
        channel = service.town.find_channel("monitoring")
        assert channel is not None
        config = {"url": service.base_url, "token": service.bot_token, "channel": channel.id}
        yield Rig(
            kind="mattermost_bot",
            service=service,
            config=config | {"fallback_channel": "town-square"},
            secrets=(service.bot_token,),
            arrived=lambda: len(service.posts),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            keys=lambda: [request.json()["pending_post_id"] for request in writes(service)],
            nowhere={"url": NOBODY},
            clear=lambda: _cleared(service),
            trials=[
                *http_trials({"url": NOBODY}),
                Trial("the channel does not exist", parcel=parcel(overrides={"channel": "nowhere"})),
                Trial("the bot may not write there", lambda s: s.town.change_channel("monitoring", private=True)),
                Trial("the channel is archived", lambda s: s.town.change_channel("monitoring", archived=True)),
                Trial(
                    "the priority is not allowed",
                    lambda s: _set(s, post_priority=False),
                    parcel(overrides={"priority": "urgent"}),
                ),
                Trial("the thread is gone", parcel=parcel(overrides={"thread": "a" * 26})),
                Trial("the post is too large", lambda s: _set(s, max_post_runes=10)),
            ],
        )


@asynccontextmanager
async def slack(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeSlack()) as service:
        yield Rig(
            kind="slack",
            service=service,
            config={"url": service.hook_url},
            secrets=("abcdefghijklmnopqrstuvwx",),
            arrived=lambda: len(service.messages),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            nowhere={"url": NOBODY + FakeSlack.HOOK_PATH},
            clear=lambda: _cleared(service),
            trials=[
                *http_trials({"url": NOBODY + FakeSlack.HOOK_PATH}),
                *(Trial(f"400 `{word}`", answers(400, word)) for word in ("invalid_blocks", "msg_blocks_too_long")),
                *(Trial(f"404 `{word}`", answers(404, word)) for word in ("no_service", "channel_not_found")),
                Trial("403 `action_prohibited`", answers(403, "action_prohibited")),
                Trial("410 `channel_is_archived`", answers(410, "channel_is_archived")),
            ],
        )


@asynccontextmanager
async def slack_bot(folder: Path) -> AsyncIterator[Rig]:
    words = ("invalid_auth", "missing_scope", "channel_not_found", "is_archived", "msg_too_long", "invalid_blocks")
    words = (*words, "thread_not_found", "ratelimited", "service_unavailable", "fatal_error", "anything_else")
    with running(FakeSlack()) as service:
        yield Rig(
            kind="slack_bot",
            service=service,
            config={
                "url": service.api_url,
                "token": service.bot_token,
                "channel": "alerts",
                "fallback_channel": "general",
            },
            secrets=(service.bot_token,),
            arrived=lambda: len(service.messages),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            nowhere={"url": NOBODY},
            clear=lambda: _cleared(service),
            trials=[
                *http_trials({"url": NOBODY}),
                *(Trial(f"200 `{word}`", answers(200, json.dumps({"ok": False, "error": word}))) for word in words),
            ],
        )


@asynccontextmanager
async def teams(folder: Path) -> AsyncIterator[Rig]:
    old = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
    with running(FakeTeams()) as service:
        yield Rig(
            kind="teams",
            service=service,
            config={"url": service.hook_url},
            secrets=("abcdefghijklmnopqrstuvwxyz0123456789", "0123456789abcdef/triggers"),
            arrived=lambda: len(service.cards),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            nowhere={"url": f"{NOBODY}{FakeTeams.PATH}?{FakeTeams.QUERY}"},
            clear=lambda: _cleared(service),
            trials=[
                *http_trials({"url": f"{NOBODY}{FakeTeams.PATH}?{FakeTeams.QUERY}"}),
                Trial("the flow is switched off", lambda s: setattr(s, "is_on", False)),
                Trial("the flow was deleted", lambda s: setattr(s, "exists", False)),
                Trial("the signature is wrong", config={"url": service.hook_url + "x"}),
                Trial("an old connector: 200 with `HTTP error 429`", answers(200, old)),
            ],
        )


@asynccontextmanager
async def discord(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeDiscord()) as service:
        yield Rig(
            kind="discord",
            service=service,
            config={"url": service.hook_url},
            secrets=("abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ",),
            arrived=lambda: len(service.messages),
            sent=lambda: writes(service)[-1].json(),
            tries=lambda: len(writes(service)),
            nowhere={"url": NOBODY + FakeDiscord.PATH},
            clear=lambda: _cleared(service),
            trials=[
                *http_trials({"url": NOBODY + FakeDiscord.PATH}),
                Trial("the webhook was deleted (10015)", lambda s: setattr(s, "exists", False)),
                Trial("the token is wrong (50027)", config={"url": service.hook_url + "-y"}),
                Trial("the thread is gone (10003)", parcel=parcel(overrides={"thread": "12345"})),
                Trial("403 with a page of Cloudflare's", answers(403, "<!DOCTYPE html><title>Access denied</title>")),
                Trial("too fast, with `retry_after` 0.337 in the body", answers(429, '{"retry_after": 0.337}')),
                Trial("over a limit (50035)", answers(400, '{"code": 50035, "message": "Invalid Form Body"}')),
            ],
        )


@asynccontextmanager
async def webhook(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeWebhook()) as service:
        url = "/in/abcdefghijklmnop?token=qrstuvwxyz"
        yield Rig(
            kind="webhook",
            service=service,
            config={"url": service.base_url + url, "headers": {"Authorization": "Bearer s3cret-header-value"}},
            secrets=("abcdefghijklmnop", "qrstuvwxyz", "s3cret-header-value"),
            arrived=lambda: taken(service),
            sent=lambda: writes(service)[-1].text,
            tries=lambda: len(writes(service)),
            keys=lambda: [str(request.header("idempotency-key")) for request in writes(service)],
            nowhere={"url": NOBODY + url},
            clear=lambda: _cleared(service),
            trials=http_trials({"url": NOBODY + url}),
        )


@asynccontextmanager
async def apprise(folder: Path) -> AsyncIterator[Rig]:
    with running(FakeWebhook()) as service:
        url = service.base_url.replace("http://", "json://bridge:s3cret-pass@") + "/abcdefghijklmnop"
        nowhere = {"url": "json://bridge:s3cret-pass@127.0.0.1:9/abcdefghijklmnop"}
        yield Rig(
            kind="apprise",
            service=service,
            config={"url": url},
            secrets=("s3cret-pass", "abcdefghijklmnop"),
            arrived=lambda: taken(service),
            sent=lambda: _as_given(writes(service)[-1].json()),
            tries=lambda: len(writes(service)),
            clear=lambda: _cleared(service),
            trials=[trial for trial in http_trials(nowhere) if "Retry-After" not in trial.when],
            asks=False,
        )


def _as_given(sent: Mapping[str, Any]) -> dict[str, str]:
    """What Apprise's JSON service sends, as what Apprise was given."""
    return {
        "title": sent["title"], "body": sent["message"], "body_format": "markdown", "notify_type": sent["type"]
    }  # fmt: skip


def _set(service: FakeMattermost, **changed: Any) -> None:
    values = {name: getattr(service.settings, name) for name in Settings.__dataclass_fields__}
    service.settings = Settings(**values | changed)


def _cleared(service: Any) -> None:
    """As it was at the beginning."""
    service.script.clear()
    service._front.attempts.clear()
    match service:
        case FakeMattermost():
            service.clear()
            service.settings = Settings(error_style="specific")
            service.town.change_channel("monitoring", private=False, archived=False)
        case FakeSlack():
            service.messages.clear()
        case FakeTeams():
            service.cards.clear()
            service.is_on = service.exists = True
        case FakeDiscord():
            service.messages.clear()
            service.exists = True


OVER_HTTP: Sequence[Any] = (mattermost, mattermost_bot, slack, slack_bot, teams, discord, webhook, apprise)
