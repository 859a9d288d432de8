"""Whether the canaries of bridge.yaml can work: what they name is there, and can do what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from bridge.core.secret import Secret
from bridge.destinations.canary_settings import CanarySettings
from bridge.destinations.config import DestinationConfig
from bridge.destinations.mattermost.attachment import channel_name
from bridge.settings.setting_names import NamedPaths, Unlinked
from rules.source.places import Document
from rules.source.problems import DocumentPath as DocumentPath
from rules.source.problems import Problem


def canary_of(config: DestinationConfig) -> CanarySettings | None:
    """What the settings of a destination say of its canary; None when it has none, or its kind knows no such thing."""
    value = getattr(config, "canary", None)
    return value if isinstance(value, CanarySettings) else None


def reader_of(name: str, canary: CanarySettings) -> str:
    """The name of the destination that looks for the canaries of the destination ``name``."""
    return canary.read_by or name


def find_unknown_to_canaries(destinations: Mapping[str, DestinationConfig]) -> Iterator[Unlinked]:
    """Destinations that canaries name and bridge.yaml has not."""
    for path, canary in _canaries(destinations):
        for key, named in (("read_by", canary.read_by), ("tell", canary.tell)):
            if named and named not in destinations:
                yield Unlinked((*path, key), "destination", named, tuple(destinations), "bridge.yaml")


def find_unfit_canaries(destinations: Mapping[str, DestinationConfig]) -> NamedPaths:
    """What canaries name that is there, and cannot do what is asked of it."""
    for path, canary in _canaries(destinations):
        from bridge.destinations.mattermost.bot import MattermostBotConfig
        from bridge.destinations.mattermost.webhook import (
            MattermostConfig,  # kinds are read where something asks for them
        )

        name = path[1]
        if canary.tell == name:
            yield (*path, "tell"), "a destination that fails cannot tell of it: name another one"
        reader = destinations.get(reader_of(str(name), canary))
        if reader is not None and not isinstance(reader, MattermostBotConfig):
            where = (*path, "read_by") if canary.read_by else path
            yield where, "only a destination of type mattermost_bot can look for a post: say which in read_by"
        config = destinations[str(name)]
        if isinstance(config, MattermostConfig) and channel_name(config.channel).startswith("@"):
            yield path, "a hook's messages to a person cannot be read by a bot: no canary can be found there"


def check_notify_hosts(destinations: Mapping[str, DestinationConfig], document: Document) -> list[Problem]:
    """A warning for each canary whose failure would be told through the very server that fails.

    ``document`` is the file the settings were read from.
    """
    problems = []
    for path, canary in _canaries(destinations):
        host = _host_of(destinations[str(path[1])])
        if host and canary.tell in destinations and _host_of(destinations[canary.tell]) == host:
            text = f'"{canary.tell}" is on the same server: when that is down, nobody is told; name another one'
            problems.append(document.problem((*path, "tell"), text, kind="warning"))
    return problems


def _host_of(config: DestinationConfig) -> str:
    """The host a destination is reached at, "" when it is none of a URL."""
    url = getattr(config, "url", "")
    return urlsplit(url.reveal() if isinstance(url, Secret) else str(url)).hostname or ""


def _canaries(destinations: Mapping[str, DestinationConfig]) -> Iterator[tuple[DocumentPath, CanarySettings]]:
    for name, config in destinations.items():
        canary = canary_of(config)
        if canary is not None:
            yield ("destinations", name, "canary"), canary
