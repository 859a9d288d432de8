"""The table of source kinds: the word in ``type:`` and its config record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from bridge.sources.config import HookConfig, SourceConfig


class WebhookSourceConfig(HookConfig):
    """A receiver of any HTTP POST."""

    type: Literal["webhook"] = "webhook"


class AlertmanagerSourceConfig(HookConfig):
    """A receiver of Alertmanager's webhook."""

    type: Literal["alertmanager"] = "alertmanager"


class GithubSourceConfig(HookConfig):
    """A receiver of GitHub's webhooks; ``secret`` checks their signature."""

    type: Literal["github"] = "github"


@dataclass(frozen=True, slots=True)
class Kind:
    """A source kind: its config record."""

    config: type[SourceConfig]


KINDS: Final[dict[str, Kind]] = {
    "alertmanager": Kind(AlertmanagerSourceConfig),
    "github": Kind(GithubSourceConfig),
    "webhook": Kind(WebhookSourceConfig),
}
