"""The table of destination kinds: the word in ``type:``, its config record, and how one is built.

To add a kind, write its file and add its line here. A kind whose library is an extra imports it inside its class, so
that a missing one names itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bridge.actions.buttons import Buttons
from bridge.destinations.apprise import Apprise, AppriseConfig
from bridge.destinations.base import Destination
from bridge.destinations.command import Command, CommandConfig
from bridge.destinations.config import DestinationConfig
from bridge.destinations.database import Database, DatabaseConfig
from bridge.destinations.discord import Discord, DiscordConfig
from bridge.destinations.email import Email, EmailConfig
from bridge.destinations.file import File, FileConfig
from bridge.destinations.inbox import Inbox, InboxConfig
from bridge.destinations.mattermost import Mattermost, MattermostConfig
from bridge.destinations.mattermost_bot import MattermostBot, MattermostBotConfig
from bridge.destinations.slack import Slack, SlackConfig
from bridge.destinations.slack_bot import SlackBot, SlackBotConfig
from bridge.destinations.teams import Teams, TeamsConfig
from bridge.destinations.topic import Topic, TopicConfig, Topics
from bridge.destinations.webhook import Webhook, WebhookConfig
from broker.clock import Clock


@dataclass(frozen=True, slots=True)
class Tools:
    """What a destination may use of the daemon. ``client`` makes an HTTP client of its own for it.

    ``buttons`` makes chat buttons; None where nobody would answer a click. ``topics`` publishes to our own topics; None
    where no daemon runs.
    """

    clock: Clock
    client: Callable[..., httpx.AsyncClient]
    buttons: Buttons | None = None
    topics: Topics | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A destination kind: its config record, and ``build(name, config, tools)``."""

    config: type[DestinationConfig]
    build: Callable[[str, Any, Tools], Destination]


def _over_http(kind: Callable[[str, Any, httpx.AsyncClient, Clock], Destination]) -> Callable[..., Destination]:
    """How a kind is built that needs an HTTP client and a clock."""

    def build(name: str, config: DestinationConfig, tools: Tools) -> Destination:
        client = tools.client(connections=config.concurrency, timeout_s=config.timeout)
        return kind(name, config, client, tools.clock)

    return build


def _with_buttons(
    kind: Callable[[str, Any, httpx.AsyncClient, Clock, Buttons | None], Destination],
) -> Callable[..., Destination]:
    """How a kind is built whose posts may have buttons."""

    def build(name: str, config: DestinationConfig, tools: Tools) -> Destination:
        client = tools.client(connections=config.concurrency, timeout_s=config.timeout)
        return kind(name, config, client, tools.clock, tools.buttons)

    return build


KINDS: Final[dict[str, Kind]] = {
    "apprise": Kind(AppriseConfig, lambda name, config, tools: Apprise(name, config, tools.clock)),
    "command": Kind(CommandConfig, lambda name, config, tools: Command(name, config, tools.clock)),
    "database": Kind(DatabaseConfig, lambda name, config, tools: Database(name, config, tools.clock)),
    "discord": Kind(DiscordConfig, _over_http(Discord)),
    "email": Kind(EmailConfig, lambda name, config, tools: Email(name, config, tools.clock)),
    "file": Kind(FileConfig, lambda name, config, tools: File(name, config)),
    "inbox": Kind(InboxConfig, lambda name, config, tools: Inbox(name)),
    "mattermost": Kind(MattermostConfig, _with_buttons(Mattermost)),
    "mattermost_bot": Kind(MattermostBotConfig, _with_buttons(MattermostBot)),
    "slack": Kind(SlackConfig, _over_http(Slack)),
    "slack_bot": Kind(SlackBotConfig, _over_http(SlackBot)),
    "teams": Kind(TeamsConfig, _over_http(Teams)),
    "topic": Kind(TopicConfig, lambda name, config, tools: Topic(name, config, tools.topics, tools.clock)),
    "webhook": Kind(WebhookConfig, _over_http(Webhook)),
}
