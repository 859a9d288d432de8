"""The table of destination kinds: the word in ``type:``, its config record, and how one is built.

To add a kind, write its file and add its line here. A kind whose library is an extra imports it inside its class, so
that a missing one names itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import httpx

from bridge.core.poison import PoisonGuard
from bridge.destinations.base import Destination
from bridge.destinations.config import DestinationConfig, HttpDestinationConfig
from bridge.destinations.destination_plugins import PluginKind, adopt_destination
from rules.plugins import Registry

if TYPE_CHECKING:
    from bridge.destinations.buttons import Buttons
    from bridge.destinations.topic import TopicPublisher
    from broker.clock import Clock


@dataclass(frozen=True, slots=True)
class Tools:
    """What a destination may use of the daemon. ``client`` makes an HTTP client of its own for it.

    ``buttons`` makes chat buttons; None where nobody would answer a click. ``topics`` publishes to our own topics; None
    where no daemon runs. ``guard`` is told what a courier has in hand.
    """

    clock: Clock
    client: Callable[..., httpx.AsyncClient]
    buttons: Buttons | None = None
    topics: TopicPublisher | None = None
    guard: PoisonGuard | None = None


@dataclass(frozen=True)
class DestinationKind:
    """A destination kind: the class of that name in that file of this folder, and how it is made.

    The file is read when the kind is first asked for, so that a start costs only what the settings name.
    """

    file: str
    name: str
    make: Callable[[Any, str, Any, Tools], Destination]

    @cached_property
    def config(self) -> type[DestinationConfig]:
        """The record of its settings."""
        config: type[DestinationConfig] = getattr(self._module, f"{self.name}Config")
        return config

    def build(self, name: str, config: DestinationConfig, tools: Tools) -> Destination:
        """A destination of this kind. Raises what the kind raises for settings that cannot be used."""
        return self.make(getattr(self._module, self.name), name, config, tools)

    @cached_property
    def _module(self) -> Any:
        return import_module(f"bridge.destinations.{self.file}")


def _alone(kind: Any, name: str, config: DestinationConfig, tools: Tools) -> Destination:
    made: Destination = kind(name, config, tools.clock)
    return made


def http_client_of(config: DestinationConfig, tools: Tools) -> httpx.AsyncClient:
    """An HTTP client as the settings want it."""
    bounds = {"connections": config.concurrency, "timeout_s": config.timeout}
    if not isinstance(config, HttpDestinationConfig):
        return tools.client(**bounds)
    return tools.client(**bounds, ca_file=config.ca_file, client_pair=config.client_pair)


def _over_http(kind: Any, name: str, config: DestinationConfig, tools: Tools) -> Destination:
    client = http_client_of(config, tools)
    made: Destination = kind(name, config, client, tools.clock)
    return made


def _with_buttons(kind: Any, name: str, config: DestinationConfig, tools: Tools) -> Destination:
    client = http_client_of(config, tools)
    made: Destination = kind(name, config, client, tools.clock, tools.buttons)
    return made


def _with_topic_names(kind: Any, name: str, config: DestinationConfig, tools: Tools) -> Destination:
    client = http_client_of(config, tools)
    names = {} if tools.topics is None else {"topic_name": tools.topics.name_of}
    made: Destination = kind(name, config, client, tools.clock, **names)
    return made


_BUILT_IN: Final[dict[str, DestinationKind | PluginKind]] = {
    "apprise": DestinationKind("apprise", "Apprise", _alone),
    "command": DestinationKind("command", "Command", _alone),
    "database": DestinationKind("sql.database", "Database", _alone),
    "discord": DestinationKind("discord.discord", "Discord", _over_http),
    "email": DestinationKind("email.email", "Email", _alone),
    "file": DestinationKind("file", "File", lambda kind, name, config, tools: kind(name, config)),
    "inbox": DestinationKind("inbox", "Inbox", lambda kind, name, config, tools: kind(name)),
    "mattermost": DestinationKind("mattermost.webhook", "Mattermost", _with_buttons),
    "mattermost_bot": DestinationKind("mattermost.bot", "MattermostBot", _with_buttons),
    "slack": DestinationKind("slack.webhook", "Slack", _over_http),
    "slack_bot": DestinationKind("slack.bot", "SlackBot", _over_http),
    "teams": DestinationKind("teams.teams", "Teams", _over_http),
    "topic": DestinationKind(
        "topic", "TopicDestination", lambda kind, name, config, tools: kind(name, config, tools.topics, tools.clock)
    ),
    "webhook": DestinationKind("webhook", "Webhook", _with_topic_names),
}
KINDS: Final = Registry("destinations", _BUILT_IN, adopt_destination)
"""Every destination kind by the word in ``type:``, those of plugins behind the built-in ones."""
