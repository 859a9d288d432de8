"""Destination kinds of plugins: what a plugin's entry point names, and how it becomes a kind like the built-in ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.core.plain_reason import plain_reason
from bridge.destinations.base import Destination, Later, Outcome, Parcel, Preview
from bridge.destinations.config import DestinationConfig
from rules.model import DestinationFacts
from rules.plugins import NotAPlugin

if TYPE_CHECKING:
    from bridge.destinations.destination_kinds import Tools


@dataclass(frozen=True, slots=True)
class DestinationPlugin:
    """A destination kind of a plugin: the promise of ams-bridge it was made for, its settings, and how one is made.

    The ``type`` of ``config`` has the name of the entry point as its default. ``make(name, config, tools)`` gives a
    Destination; it opens no connection.
    """

    promise: int
    config: type[DestinationConfig]
    make: Callable[[str, Any, Tools], Destination]


@dataclass(frozen=True, slots=True)
class PluginKind:
    """A destination kind that a plugin adds."""

    kind: str
    config: type[DestinationConfig]
    make: Callable[[str, Any, Tools], Destination]

    def build(self, name: str, config: DestinationConfig, tools: Tools) -> Destination:
        """A destination of this kind; one that cannot be made is one that says so at every try, and stops no other."""
        try:
            destination = self.make(name, config, tools)
            facts: object = destination.facts
        except Exception as error:
            return Unbuildable(name, self.kind, plain_reason(f"{type(error).__name__}: {error}"))
        if not isinstance(facts, DestinationFacts):
            return Unbuildable(name, self.kind, "its facts are no DestinationFacts")
        return destination


class Unbuildable:
    """Stands for a destination that its plugin could not make: deliveries wait, and say why."""

    def __init__(self, name: str, kind: str, reason: str) -> None:
        self._outcome = Later(f'the plugin of type "{kind}" could not make it: {reason}', misconfigured=True)
        self.facts = DestinationFacts(name=name, kind=kind, overrides=frozenset())

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        return self._outcome

    async def probe(self) -> Outcome:
        """See Destination."""
        return self._outcome

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        return Preview(self.facts.kind, remarks=(self._outcome.reason,))

    async def close(self) -> None:
        """See Destination. There is nothing to let go of."""


def adopt_destination(name: str, plugin: object) -> PluginKind:
    """The kind of a plugin; raises NotAPlugin for what cannot be one."""
    if not isinstance(plugin, DestinationPlugin):
        raise NotAPlugin("what it names is no DestinationPlugin")
    if not (isinstance(plugin.config, type) and issubclass(plugin.config, DestinationConfig)):
        raise NotAPlugin("its config is no DestinationConfig")
    if plugin.config.model_fields["type"].default != name:
        raise NotAPlugin(f'its config does not say type: "{name}"')
    return PluginKind(name, plugin.config, plugin.make)
