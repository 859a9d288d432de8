"""The promises of a source kind of a plugin as tests: of its reader of calls, or of what it fetches."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pytest

from bridge.sources.call_bodies import BadPayload
from bridge.sources.fetching_source import FetchedMessage, Fetcher, FetchTrouble
from bridge.sources.source_config import HookConfig
from bridge.sources.source_kinds import FetchPlugin, SourcePlugin
from broker.clock import SystemClock
from broker.model import NewMessage

TOPIC: Final = "projects/P/topics/T"
_LONGEST_REASON_RUNES: Final = 600
GARBAGE_BODIES: Final = (b"", b"{", b"[]", b"null", b"0", b'"text"', b"\xff\x00", b'{"a": NaN}', b"[" * 100_000)
"""Bodies that are no call of anything."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A webhook call as a real sender makes it; header names are in lower case."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchRig:
    """A service that runs and has two messages at least, and the settings that lead to it beside ``topic``."""

    config: Mapping[str, Any]
    nowhere: Mapping[str, Any]
    secrets: Sequence[str] = ()


FetchOpener = Callable[[], AbstractAsyncContextManager[FetchRig]]
"""Starts the service of a kind that fetches, for the length of the block."""


class SourceContract:
    """Tests that hold source kinds to what a source promises; subclass it in a test file.

    ``plugins`` are the records that the entry points name, by the word in ``type:``. A kind that takes calls has its
    ``calls``, recorded from a real sender; one that fetches has an opener in ``services``. ``settings`` are what a kind
    that takes calls must be told beside its topic.
    """

    is_source_contract: ClassVar[bool] = True
    plugins: ClassVar[Mapping[str, SourcePlugin | FetchPlugin]] = {}
    calls: ClassVar[Mapping[str, Sequence[RecordedCall]]] = {}
    services: ClassVar[Mapping[str, FetchOpener]] = {}
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def test_settings_know_their_word_and_show_no_secret(self, source_kind: str) -> None:
        """The settings record has the kind's word as its type, a topic, and shows no secret."""
        config = self.plugins[source_kind].config
        assert config.model_fields["type"].default == source_kind
        if issubclass(config, HookConfig):
            also = self.settings.get(source_kind, {})
            made = config.model_validate({"topic": TOPIC, "token": "a-token-of-a-caller", **also})
            assert made.topic == TOPIC
            assert "a-token-of-a-caller" not in repr(made)

    def test_a_recorded_call_becomes_the_same_messages_each_time(self, hook_kind: str) -> None:
        """A call makes messages, and the same ones whenever it is read again."""
        assert self.calls.get(hook_kind), "record calls of a real sender"
        for call in self.calls[hook_kind]:
            messages = self._read(hook_kind, call)
            assert messages == self._read(hook_kind, call)
            for message in messages:
                _check(message)

    def test_a_body_that_is_none_is_a_bad_payload_or_a_message(self, hook_kind: str) -> None:
        """Garbage, or half a call, is refused with BadPayload or kept as it came; nothing else is raised."""
        halves = [
            RecordedCall(call.body[: len(call.body) * part // 8], call.headers)
            for call in self.calls.get(hook_kind, ())
            for part in range(8)
        ]
        for call in [*map(RecordedCall, GARBAGE_BODIES), *halves]:
            self._read_or_refuse(hook_kind, call)

    def test_a_call_may_come_without_any_header(self, hook_kind: str) -> None:
        """A call whose headers a proxy took away is read, or refused with BadPayload."""
        for call in self.calls.get(hook_kind, ()):
            self._read_or_refuse(hook_kind, RecordedCall(call.body))

    async def test_what_is_fetched_has_a_name_that_stays(self, fetch_kind: str) -> None:
        """Each message has a name of its own, and the same one when it is fetched again before it was acknowledged."""
        async with self.services[fetch_kind]() as rig, self._fetcher(fetch_kind, rig.config) as fetcher:
            first = await fetcher.fetch()
            assert len(first) >= 2
            assert len({message.id for message in first}) == len(first)
            again = {message.id: message for message in await fetcher.fetch()}
            for message in first:
                _check(message.message)
                assert again[message.id] == message

    async def test_what_was_acknowledged_may_come_again_and_nothing_is_lost(self, fetch_kind: str) -> None:
        """After an acknowledgement of some, all others still come."""
        async with self.services[fetch_kind]() as rig, self._fetcher(fetch_kind, rig.config) as fetcher:
            first: Sequence[FetchedMessage] = await fetcher.fetch()
            await fetcher.acknowledge([first[0].id])
            assert {message.id for message in first[1:]} <= {message.id for message in await fetcher.fetch()}

    async def test_a_service_that_is_away_is_trouble_without_secrets(self, fetch_kind: str) -> None:
        """Where nobody listens, fetching raises FetchTrouble, which tells no secret."""
        async with self.services[fetch_kind]() as rig, self._fetcher(fetch_kind, rig.nowhere) as fetcher:
            with pytest.raises(FetchTrouble) as trouble:
                await fetcher.fetch()
            assert str(trouble.value)
            assert not [secret for secret in rig.secrets if secret in str(trouble.value)]

    async def test_closing_a_fetcher_twice_is_harmless(self, fetch_kind: str) -> None:
        """A fetcher may be closed twice, used before or not."""
        async with self.services[fetch_kind]() as rig, self._fetcher(fetch_kind, rig.config) as fetcher:
            await fetcher.close()

    def _read(self, kind: str, call: RecordedCall) -> list[NewMessage]:
        plugin = self.plugins[kind]
        assert isinstance(plugin, SourcePlugin)
        return plugin.messages("a-source", call.headers, call.body)

    def _read_or_refuse(self, kind: str, call: RecordedCall) -> None:
        try:
            messages = self._read(kind, call)
        except BadPayload as error:
            reason = str(error)
        else:
            reason = "it was read"
            for message in messages:
                _check(message)
        assert 0 < len(reason) <= _LONGEST_REASON_RUNES

    @asynccontextmanager
    async def _fetcher(self, kind: str, settings: Mapping[str, Any]) -> AsyncIterator[Fetcher]:
        plugin = self.plugins[kind]
        assert isinstance(plugin, FetchPlugin)
        config = plugin.config.model_validate({"topic": TOPIC, **settings})
        fetcher = plugin.make("a-source", config, SystemClock())
        try:
            yield fetcher
        finally:
            await fetcher.close()


def _check(message: NewMessage) -> None:
    """A message is base64 and attributes of texts."""
    assert isinstance(message, NewMessage)
    base64.b64decode(message.data, validate=True)
    assert all(isinstance(name, str) and isinstance(text, str) for name, text in message.attributes.items())
