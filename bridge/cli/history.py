"""Stored messages for commands that try rules on them: read from the store beside the daemon, a batch at a time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.drawing import short_topic
from bridge.cli.output import Failed, Output
from bridge.cli.setup import store_file
from bridge.deciding import Topic, incoming_of
from bridge.routers import full_names
from bridge.settings import Settings
from broker.broker import Broker, BrokerSettings
from broker.clock import US_PER_S, SystemClock
from broker.engines import open_reader
from broker.errors import StoreError
from broker.store import Store
from broker.tokens import SEALING_KEY_BYTES
from rules.model import Incoming

_BATCH_MESSAGES = 500
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stretch:
    """The messages of one topic to be read: offsets ``first`` to ``end - 1``; ``cut`` when earlier ones are gone."""

    topic: Topic
    first: int
    end: int
    cut: bool


class History:
    """What the store holds of the past. Reads only; memory is bounded by a batch per topic."""

    def __init__(self, runner: asyncio.Runner, store: Store, broker: Broker, now_us: int) -> None:
        self.broker = broker
        self.now_us = now_us
        self._runner = runner
        self._store = store

    def stretches(self, since_s: float, heard: Callable[[str], bool]) -> list[Stretch]:
        """Where the messages of the last ``since_s`` seconds lie, of every topic that is ``heard``. Raises Failed."""
        since_us = self.now_us - round(since_s * US_PER_S)
        names = {uid: name for uid, (name, _) in full_names(self.broker).items() if heard(name)}
        return [self._stretch(Topic(name, uid), since_us) for uid, name in names.items()]

    def stream(self, stretches: list[Stretch]) -> Iterator[Incoming]:
        """All messages of the stretches, in the order of their publish times. Raises Failed."""
        return heapq.merge(*(self._read(one) for one in stretches), key=lambda incoming: incoming.publish_time_us)

    def _stretch(self, topic: Topic, since_us: int) -> Stretch:
        bounds = self._runner.run(self._store.log.bounds(topic.uid))
        first = self._runner.run(self._store.log.offset_at(topic.uid, since_us))
        if first is None:
            return Stretch(topic, bounds.end, bounds.end, cut=False)
        return Stretch(topic, first, bounds.end, cut=0 < first == bounds.first)

    def _read(self, stretch: Stretch) -> Iterator[Incoming]:
        position = stretch.first
        while position < stretch.end:
            batch = self._runner.run(self._store.log.read(stretch.topic.uid, position, _BATCH_MESSAGES, _BATCH_BYTES))
            yield from (incoming_of(stretch.topic, one) for one in batch if one.offset < stretch.end)
            position = batch[-1].offset + 1 if batch else stretch.end


@contextmanager
def opened(settings: Settings) -> Iterator[History]:
    """The store of the settings, opened to look at it. Raises Failed."""
    store_file(settings)
    clock = SystemClock()
    with asyncio.Runner() as runner:
        try:
            store = runner.run(open_reader(settings.store, clock))
        except StoreError as error:
            raise Failed(str(error)) from error
        try:
            broker = Broker(store, clock, BrokerSettings(sealing_key=bytes(SEALING_KEY_BYTES)))
            runner.run(broker.load())
            yield History(runner, store, broker, clock.wall_us())
        except StoreError as error:
            raise Failed(str(error)) from error
        finally:
            runner.run(store.close())


def shown_origin(origin: str, stretches: list[Stretch]) -> str:
    """Where a send comes from, as people name it: ``P/T:17``, with the item behind it if it is not the first."""
    parts = origin.split("/")
    names = {one.topic.uid: short_topic(one.topic.name) for one in stretches}
    if parts[0] != "m" or len(parts) != 4 or parts[1] not in names:
        return origin
    item = f" item {parts[3]}" if parts[3] != "0" else ""
    return f"{names[parts[1]]}:{parts[2]}{item}"


@contextmanager
def counted_progress(output: Output, stretches: list[Stretch]) -> Iterator[Callable[[int], None]]:
    """A progress bar over the messages of the stretches, on a terminal; told how many are done."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=output.errors,
        disable=output.quiet or not output.errors.is_terminal,
        transient=True,
    )
    with bar:
        row = bar.add_task("messages", total=sum(one.end - one.first for one in stretches))
        yield lambda done: bar.update(row, completed=done)


def say_where_it_begins(output: Output, stretches: list[Stretch]) -> None:
    """Say that rules begin without memory, and which topics no longer hold all that was asked for."""
    output.say("Rules begin from empty state: nothing is remembered from before the first message.")
    for one in stretches:
        if one.cut:
            output.warn(f"{one.topic.name} no longer holds all of that time: older messages are past their retention")
