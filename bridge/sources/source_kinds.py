"""The table of source kinds: the word in ``type:``, its config record, and how a call becomes messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bridge.sources.source_config import HookConfig, SourceConfig
from rules.plugins import NotAPlugin, Registry

if TYPE_CHECKING:
    from bridge.sources.fetching_source import FetchConfig, Fetcher
    from broker.clock import Clock
    from broker.model import NewMessage

CallReader: TypeAlias = "Callable[[str, Mapping[str, str], bytes], list[NewMessage]]"
"""``messages(name, headers, body)``: the messages of a webhook call."""
FetcherMaker: TypeAlias = "Callable[[str, Any, Clock], Fetcher]"
"""``make(name, config, clock)``: what fetches for the source of this name and settings."""


@dataclass(frozen=True)
class SourceKind:
    """A source kind: its file in this folder, and what its config record and its reader of calls are named there.

    The file is read when the kind is first asked for, so that reading settings costs only what they name.
    """

    file: str
    record: str
    reader: str | None = None

    @cached_property
    def config(self) -> type[SourceConfig]:
        """The record of its settings."""
        config: type[SourceConfig] = getattr(self._module, self.record)
        return config

    @cached_property
    def messages(self) -> CallReader | None:
        """``messages(name, headers, body)`` reads a webhook call; None for kinds that pull."""
        return None if self.reader is None else getattr(self._module, self.reader)

    @cached_property
    def _module(self) -> Any:
        return import_module(f"bridge.sources.{self.file}")


@dataclass(frozen=True, slots=True)
class SourcePlugin:
    """A source kind of a plugin that takes webhook calls: the promise of ams-bridge it was made for, and its parts.

    The ``type`` of ``config`` has the name of the entry point as its default. ``messages(name, headers, body)`` makes
    the messages of a call to the source ``name``: pure, with header names in lower case; it raises BadPayload for a
    body that is none, which is answered with 400.
    """

    promise: int
    config: type[HookConfig]
    messages: CallReader


@dataclass(frozen=True, slots=True)
class FetchPlugin:
    """A source kind of a plugin that fetches: the promise of ams-bridge it was made for, and its parts.

    The ``type`` of ``config`` has the name of the entry point as its default. ``make(name, config, clock)`` gives the
    ``Fetcher`` of the source ``name``; it is called anew whenever the source is put to work.
    """

    promise: int
    config: type[FetchConfig]
    make: FetcherMaker


@dataclass(frozen=True, slots=True)
class PluginSourceKind:
    """A source kind that a plugin adds: one that takes webhook calls has ``messages``, one that fetches ``make``."""

    config: type[SourceConfig]
    messages: CallReader | None = None
    make: FetcherMaker | None = None


def _adopt(name: str, plugin: object) -> PluginSourceKind:
    kind: PluginSourceKind
    base: type[SourceConfig]
    match plugin:
        case SourcePlugin(config=config, messages=messages):
            kind, base = PluginSourceKind(config, messages), HookConfig
        case FetchPlugin(config=config, make=make):
            from bridge.sources.fetching_source import FetchConfig  # read by those who have such a plugin

            kind, base = PluginSourceKind(config, make=make), FetchConfig
        case _:
            raise NotAPlugin("what it names is no SourcePlugin and no FetchPlugin")
    if not (isinstance(config, type) and issubclass(config, base)):
        raise NotAPlugin(f"its config is no {base.__name__}")
    if config.model_fields["type"].default != name:
        raise NotAPlugin(f'its config does not say type: "{name}"')
    return kind


_BUILT_IN: Final[dict[str, SourceKind | PluginSourceKind]] = {
    "ams": SourceKind("ams", "AmsSourceConfig"),
    "alertmanager": SourceKind("alertmanager", "AlertmanagerSourceConfig", "alertmanager_messages"),
    "github": SourceKind("github", "GithubSourceConfig", "github_messages"),
    "webhook": SourceKind("webhook", "WebhookSourceConfig", "webhook_messages"),
}
KINDS: Final = Registry("sources", _BUILT_IN, _adopt)
"""Every source kind by the word in ``type:``, those of plugins behind the built-in ones."""
