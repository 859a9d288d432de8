"""Stored messages for commands that try rules on them: read from the store beside the daemon, a batch at a time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn

from bridge.cli.drawing import short_topic
from bridge.cli.output import Failed, Output, format_count
from bridge.cli.setup import store_file
from bridge.cli.stopping import catch_interrupt
from bridge.cli.visible import VisibleText
from bridge.routing.commit_batch import RoutedTopic, incoming_of
from bridge.routing.routers import full_names
from bridge.settings.model import Settings
from broker.broker import Broker, BrokerSettings
from broker.clock import US_PER_S, SystemClock
from broker.engines import open_reader
from broker.errors import StoreError
from broker.store import Store
from broker.tokens import SEALING_KEY_BYTES
from rules.model import Incoming
from rules.source.words import suggest_of

_BATCH_MESSAGES: Final = 2_000
_BATCH_BYTES: Final = 8 * 1024 * 1024
_LEAST_MESSAGES: Final = 50
_LEAST_BYTES: Final = 64 * 1024

Read = TypeVar("Read")
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class HistoryResult(Protocol):
    """What a run over stored messages gave, as far as all such runs are alike."""

    @property
    def partial(self) -> bool:
        """Whether it was stopped before the messages ended."""

    @property
    def messages(self) -> int:
        """How many messages were looked at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stored messages are meant.

    Those of the last ``since_s`` seconds, of some ``topics`` (full names; none: of all that rules hear), and of these
    the newest ``limit``.
    """

    since_s: float
    topics: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The messages of one topic to be read: offsets ``first`` to ``end - 1``; ``cut`` when earlier ones are gone."""

    topic: RoutedTopic
    first: int
    end: int
    cut: bool


@dataclass(frozen=True, slots=True)
class Walk:
    """Stored messages on their way through rules: in the order of their publish times, with progress told.

    ``stopped`` says whether somebody asked for an end (Ctrl-C).
    """

    stream: Iterator[Incoming]
    until_us: int
    progress: Callable[[int], None]
    stopped: Callable[[], bool]


class History:
    """What the store holds of the past. Reads only, each batch for itself, so that the daemon is never held up.

    Memory is bounded by a batch per topic, all of them together by a few megabytes.
    """

    def __init__(self, runner: asyncio.Runner, store: Store, broker: Broker, now_us: int) -> None:
        self.broker = broker
        self.store = store
        self.now_us = now_us
        self._runner = runner

    def find_stretches(self, wanted: Wanted, heard: Callable[[str], bool]) -> list[Stretch]:
        """Where the wanted messages lie, by topic that is ``heard``. Raises Failed for a topic that is none of them."""
        since_us = self.now_us - round(wanted.since_s * US_PER_S)
        known = {name: uid for uid, (name, _) in full_names(self.broker).items()}
        for name in wanted.topics:
            if name not in known:
                raise Failed(f"there is no topic {name}{suggest_of(name, known, 'topics')}")
            if not heard(name):
                raise Failed(f"no rule hears {name}")
        names = wanted.topics or tuple(name for name in known if heard(name))
        return [self._stretch(RoutedTopic(name, known[name]), since_us, wanted.limit) for name in names]

    @contextmanager
    def walk(self, output: Output, stretches: Sequence[Stretch], limit: int | None = None) -> Iterator[Walk]:
        """Go through the stretches, with a progress bar on a terminal. Raises Failed."""
        total = sum(stretch.end - stretch.first for stretch in stretches)
        left_out = max(0, total - limit) if limit is not None else 0
        readers = [self._read(stretch, len(stretches)) for stretch in stretches]
        merged = heapq.merge(*readers, key=lambda incoming: incoming.publish_time_us) if len(readers) > 1 else None
        stream = merged if merged is not None else iter(readers[0] if readers else ())
        with catch_interrupt() as stopped, _progress(output, total - left_out) as progress:
            yield Walk(islice(stream, left_out, None), self.now_us, progress, stopped)

    def run(self, reading: Coroutine[Any, Any, Read]) -> Read:
        """Run a coroutine that reads the store."""
        return self._runner.run(reading)

    def _stretch(self, topic: RoutedTopic, since_us: int, limit: int | None) -> Stretch:
        bounds = self._runner.run(self.store.log.bounds(topic.uid))
        first = self._runner.run(self.store.log.offset_at(topic.uid, since_us))
        if first is None:
            return Stretch(topic, bounds.end, bounds.end, cut=False)
        newest = first if limit is None else max(first, bounds.end - limit)
        return Stretch(topic, newest, bounds.end, cut=newest == first and 0 < first == bounds.first)

    def _read(self, stretch: Stretch, together: int) -> Iterator[Incoming]:
        most = max(_LEAST_MESSAGES, _BATCH_MESSAGES // together)
        most_bytes = max(_LEAST_BYTES, _BATCH_BYTES // together)
        position = stretch.first
        while position < stretch.end:
            batch = self._runner.run(self.store.log.read(stretch.topic.uid, position, most, most_bytes))
            yield from (incoming_of(stretch.topic, message) for message in batch if message.offset < stretch.end)
            position = batch[-1].offset + 1 if batch else stretch.end


@contextmanager
def open_history(settings: Settings) -> Iterator[History]:
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


def format_origin(origin: str, stretches: Sequence[Stretch]) -> str:
    """Where a send comes from, as people name it: ``P/T:17``, with the item behind it if it is not the first."""
    parts = origin.split("/")
    names = {stretch.topic.uid: short_topic(stretch.topic.name) for stretch in stretches}
    if parts[0] != "m" or len(parts) != 4 or parts[1] not in names:
        return origin
    item = f" item {parts[3]}" if parts[3] != "0" else ""
    return f"{names[parts[1]]}:{parts[2]}{item}"


class _Rate(ProgressColumn):
    """Messages a second."""

    def render(self, task: Task) -> VisibleText:
        """See ProgressColumn."""
        return VisibleText(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


@contextmanager
def _progress(output: Output, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, told how many messages are done; nothing where nobody looks."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=output.errors,
        disable=output.quiet or not output.errors.is_terminal,
        transient=True,
    )
    with bar:
        row = bar.add_task("messages", total=total)
        yield lambda done: bar.update(row, completed=done)


def print_result(
    output: Output,
    stretches: Sequence[Stretch],
    wanted: Wanted,
    result: HistoryResult,
    value: Mapping[str, Any],
    tell: Callable[[], None],
) -> None:
    """Print what a run over stored messages gave: ``value`` for programs, ``tell`` for people; exit 130 if cut."""
    if output.as_json:
        output.print_value({**value, **_beginning_value(stretches, wanted, partial=result.partial)})
    else:
        _say_where_it_begins(output, stretches, wanted)
        tell()
    if result.partial:
        output.end_partial(result.messages)


def _say_where_it_begins(output: Output, stretches: Sequence[Stretch], wanted: Wanted) -> None:
    """Say that rules begin without memory and silences, and which topics no longer hold all that was asked for."""
    output.say(
        "Rules begin from empty state: nothing is remembered from before the first message, and no silence holds."
    )
    for stretch in stretches:
        if stretch.cut:
            output.warn(
                f"{stretch.topic.name} no longer holds all of that time: older messages are past their retention"
            )
    if wanted.limit is not None and sum(stretch.end - stretch.first for stretch in stretches) >= wanted.limit:
        output.say(f"Only the newest {format_count(wanted.limit, 'message')} of that time.")


def _beginning_value(stretches: Sequence[Stretch], wanted: Wanted, *, partial: bool) -> dict[str, Any]:
    """What programs must know of the messages that were looked at, as a JSON value."""
    return {
        "partial": partial,
        "from_empty_state": True,
        "since_s": wanted.since_s,
        "limit": wanted.limit,
        "topics": [stretch.topic.name for stretch in stretches],
        "past_retention": [stretch.topic.name for stretch in stretches if stretch.cut],
    }
