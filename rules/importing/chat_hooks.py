"""Hooks of chat services in foreign receivers: Slack's, and those that are written as Slack's or need a URL only."""

from __future__ import annotations

import re
from typing import Any, Final

from rules.importing.receiver_entry import Entry
from rules.importing.receiver_target import Target

_MATTERMOST: Final = re.compile(r"https?://[^/]+(?:/[^/?#]+)*/hooks/[a-z0-9]{20,32}/?", re.IGNORECASE)


def chat_hook(entry: Entry, kind: str, key: str) -> dict[str, Any]:
    """Settings of a kind that needs the URL of its hook and no more."""
    url = entry.secret(key, "url")
    return {"type": kind, "url": url or entry.note_missing(key)}


def is_mattermost_hook(address: str) -> bool:
    """Whether an address that is used as Slack's is one of Mattermost's hooks: ``https://HOST/hooks/`` and its id."""
    return _MATTERMOST.fullmatch(address.strip()) is not None


def slack_target(entry: Entry, *, channel: str, token: str, url: str, address: str) -> Target:
    """A bot where there is a token and a channel; else a hook, of Mattermost where ``address`` is one of its own."""
    if token and channel:
        names = entry.copy_same(("username", "icon_emoji"))
        return Target(entry.name, {"type": "slack_bot", "token": token, "channel": channel.removeprefix("#"), **names})
    names = entry.copy_same(("username", "icon_emoji", "icon_url"))
    if is_mattermost_hook(address):
        place = {"channel": channel.removeprefix("#")} if channel else {}
        return Target(entry.name, {"type": "mattermost", "url": url, **place, **names})
    if channel:
        entry.config.remark(
            (*entry.path, "channel" if "channel" in entry.config.keys(entry.path) else "recipient"),
            f"Slack's hooks post to their own channel whatever is asked; make one for {channel}, or use slack_bot",
        )
    return Target(entry.name, {"type": "slack", "url": url})
