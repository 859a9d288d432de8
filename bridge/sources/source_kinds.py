"""The table of source kinds: the word in ``type:``, its config record, and how a call becomes messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bridge.sources.source_config import SourceConfig

if TYPE_CHECKING:
    from broker.model import NewMessage


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
    def messages(self) -> Callable[[str, Mapping[str, str], bytes], list[NewMessage]] | None:
        """``messages(name, headers, body)`` reads a webhook call; None for kinds that pull."""
        return None if self.reader is None else getattr(self._module, self.reader)

    @cached_property
    def _module(self) -> Any:
        return import_module(f"bridge.sources.{self.file}")


KINDS: Final[dict[str, SourceKind]] = {
    "ams": SourceKind("ams", "AmsSourceConfig"),
    "alertmanager": SourceKind("alertmanager", "AlertmanagerSourceConfig", "alertmanager_messages"),
    "github": SourceKind("github", "GithubSourceConfig", "github_messages"),
    "webhook": SourceKind("webhook", "WebhookSourceConfig", "webhook_messages"),
}
