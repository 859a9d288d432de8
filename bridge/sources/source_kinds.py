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
    from broker.model import NewMessage

CallReader: TypeAlias = "Callable[[str, Mapping[str, str], bytes], list[NewMessage]]"
"""``messages(name, headers, body)``: the messages of a webhook call."""


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
class PluginSourceKind:
    """A source kind that a plugin adds."""

    config: type[HookConfig]
    messages: CallReader


def _adopt(name: str, plugin: object) -> PluginSourceKind:
    if not isinstance(plugin, SourcePlugin):
        raise NotAPlugin("what it names is no SourcePlugin")
    if not (isinstance(plugin.config, type) and issubclass(plugin.config, HookConfig)):
        raise NotAPlugin("its config is no HookConfig")
    if plugin.config.model_fields["type"].default != name:
        raise NotAPlugin(f'its config does not say type: "{name}"')
    return PluginSourceKind(plugin.config, plugin.messages)


_BUILT_IN: Final[dict[str, SourceKind | PluginSourceKind]] = {
    "ams": SourceKind("ams", "AmsSourceConfig"),
    "alertmanager": SourceKind("alertmanager", "AlertmanagerSourceConfig", "alertmanager_messages"),
    "github": SourceKind("github", "GithubSourceConfig", "github_messages"),
    "webhook": SourceKind("webhook", "WebhookSourceConfig", "webhook_messages"),
}
KINDS: Final = Registry("sources", _BUILT_IN, _adopt)
"""Every source kind by the word in ``type:``, those of plugins behind the built-in ones."""
