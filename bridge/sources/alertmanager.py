"""Alertmanager's webhook: one call becomes one message, as it came. Rules take it apart with ``for_each: $.alerts[*]``.

The shape is checked leniently (Grafana and Mimir send the same with more), so that a wrong address is noticed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bridge.sources.source_config import HookConfig
from bridge.sources.webhook import BadPayload, json_of, message_of
from broker.model import NewMessage


class AlertmanagerSourceConfig(HookConfig):
    """Settings of a receiver of Alertmanager's webhook."""

    type: Literal["alertmanager"] = "alertmanager"


def alertmanager_messages(name: str, headers: Mapping[str, str], body: bytes) -> list[NewMessage]:
    """One message for a call of Alertmanager. Raises BadPayload for anything else."""
    payload = json_of(body)
    if not isinstance(payload, dict) or not isinstance(payload.get("alerts"), list):
        raise BadPayload(
            'this is not a call of Alertmanager\'s webhook: a JSON object with a list "alerts" is expected'
        )
    attributes = {"source": name, "type": "alertmanager"}
    for key in ("status", "receiver"):
        value = payload.get(key)
        if isinstance(value, str):
            attributes[key] = value
    return [message_of(body, attributes)]
