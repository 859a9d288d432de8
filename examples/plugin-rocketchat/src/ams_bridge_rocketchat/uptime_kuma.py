"""Uptime Kuma's webhook notifications become messages: what its monitor saw, with the state in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from bridge.plugin import BadPayload, HookConfig, NewMessage, SourcePlugin, message_of

_STATES: Final = {0: "DOWN", 1: "UP", 2: "PENDING", 3: "MAINTENANCE"}


class UptimeKumaConfig(HookConfig):
    """Settings of a receiver of Uptime Kuma's notifications."""

    type: Literal["uptime_kuma"] = "uptime_kuma"


class _Heartbeat(msgspec.Struct, frozen=True):
    """One look of a monitor."""

    status: int = -1
    msg: str = ""
    time: str = ""


class _Monitor(msgspec.Struct, frozen=True):
    """Who looked."""

    name: str = ""
    url: str = ""


class _Notification(msgspec.Struct, frozen=True):
    """A call; a test of the notification has no heartbeat."""

    msg: str
    heartbeat: _Heartbeat | None = None
    monitor: _Monitor | None = None


def uptime_kuma_messages(name: str, headers: Mapping[str, str], body: bytes) -> list[NewMessage]:
    """The one message of a call, none for a test of the notification. Raises BadPayload."""
    try:
        call = msgspec.json.decode(body, type=_Notification)
    except msgspec.DecodeError as error:
        raise BadPayload(f"this is no notification of Uptime Kuma: {error}") from error
    if call.heartbeat is None or call.monitor is None:
        return []
    state = _STATES.get(call.heartbeat.status, "UNKNOWN")
    seen = {
        "monitor": call.monitor.name,
        "url": call.monitor.url,
        "status": state,
        "message": call.heartbeat.msg or call.msg,
        "time": call.heartbeat.time,
    }
    return [message_of(msgspec.json.encode(seen), {"source": name, "status": state})]


PLUGIN: Final = SourcePlugin(promise=1, config=UptimeKumaConfig, messages=uptime_kuma_messages)
