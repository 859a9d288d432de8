"""The table of source kinds: the word in ``type:``, its config record, and how a call becomes messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.sources.alertmanager import AlertmanagerSourceConfig, alertmanager_messages
from bridge.sources.ams import AmsSourceConfig
from bridge.sources.config import SourceConfig
from bridge.sources.github import GithubSourceConfig, github_messages
from bridge.sources.webhook import WebhookSourceConfig, webhook_messages
from broker.model import NewMessage


@dataclass(frozen=True, slots=True)
class Kind:
    """A source kind. ``messages(name, headers, body)`` reads a webhook call; None for kinds that pull."""

    config: type[SourceConfig]
    messages: Callable[[str, Mapping[str, str], bytes], list[NewMessage]] | None = None


KINDS: Final[dict[str, Kind]] = {
    "ams": Kind(AmsSourceConfig),
    "alertmanager": Kind(AlertmanagerSourceConfig, alertmanager_messages),
    "github": Kind(GithubSourceConfig, github_messages),
    "webhook": Kind(WebhookSourceConfig, webhook_messages),
}
