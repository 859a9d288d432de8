"""What a message costs in counts, which vary with the code and not with the machine, beside the numbers that are kept.

A lone message is published, and the next when it is settled; a burst is a hundred messages in one call. The numbers of
kept_counts.json are the most that a change may cost: ``python -m benchmarks.counts --keep`` writes down those of now.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import uvloop

from benchmarks import daemon
from benchmarks.counted_daemon import Counters
from benchmarks.deliveries import batches, publish_all
from benchmarks.receiver import Receiver, receiving
from benchmarks.rows import Row
from benchmarks.scale import FULL, Run
from benchmarks.talking import Server
from benchmarks.wal import read_log
from broker.clock import SystemClock

NAME: Final = "counts"
KEPT: Final = Path(__file__).parent / "kept_counts.json"
LONE: Final = "a lone message"
BURST: Final = "a hundred in one call"
LINE: Final = "a hundred in one call, a rule without key"
_MORE: Final[Mapping[str, Mapping[str, float]]] = {
    LONE: {"transactions": 1.0, "pages": 1.05, "statements": 1.05, "hops": 1.05},
    BURST: {"pages": 1.4, "statements": 1.1},
    LINE: {"transactions": 1.1, "pages": 1.1, "statements": 1.1},
}
"""So much more than what is kept is no growth: pages are split now and then, and bursts fall into groups by chance.

What is not named here is shown and not judged: checkpoints write when they like, and where a decision takes long, on a
busy machine, those after it are made on a thread, with a hop for each.
"""
_WORDS: Final = {
    "transactions": "transactions, each with an fsync",
    "pages": "pages written to the log",
    "writes": "write calls",
    "kilobytes": "kB handed to the system",
    "statements": "SQL statements",
    "hops": "hops from threads to the event loop",
}
_SETTLES_S: Final = 0.1
_WITHIN_S: Final = 60.0
_CLOCK: Final = SystemClock()

Counts: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Looked:
    """All numbers so far; ``salts`` tell whether the log began anew in between."""

    salts: tuple[int, int]
    numbers: Counts


class Costs:
    """Counts of a daemon at work."""

    def __init__(self, server: Server, receiver: Receiver, store: Path, counters: Counters) -> None:
        self._server = server
        self._receiver = receiver
        self._store = store
        self._counters = counters
        self._seen = 0

    async def of(self, count: int, rounds: int) -> Counts:
        """The middle one of what publishing so many in one call costs, several times over, once all is warm."""
        found: list[Counts] = []
        for n in range(rounds * 3 + 8):
            counted = await self._once(count, f"{count}-{n}")
            if n >= 2 and counted is not None:
                found.append(counted)
            if len(found) == rounds:
                break
        return {name: round(statistics.median(one[name] for one in found), 1) for name in _WORDS}

    async def _once(self, count: int, series: str) -> Counts | None:
        before = self._look()
        await publish_all(self._server, batches(count, series))
        self._seen += count
        await self._receiver.wait_for(self._seen, _WITHIN_S)
        await _CLOCK.sleep(_SETTLES_S)
        after = self._look()
        if before is None or after is None or before.salts != after.salts:
            return None
        return {name: after.numbers[name] - before.numbers[name] for name in _WORDS}

    def _look(self) -> _Looked | None:
        """The numbers so far; None while the log is made."""
        try:
            log = read_log(self._store)
        except (FileNotFoundError, ValueError):
            return None
        lines = Path(f"/proc/{self._server.pid}/io").read_text().splitlines()
        io = {name: int(number) for name, _, number in (line.partition(": ") for line in lines)}
        own = {"transactions": log.transactions, "pages": log.pages}
        return _Looked(
            log.salts, {**own, "writes": io["syscw"], "kilobytes": io["wchar"] / 1e3, **self._counters.read()}
        )


async def count(folder: Path, rounds: int) -> dict[str, Counts]:
    """The costs of a lone message, and of a burst with a key and without."""
    async with _costs(folder / "keyed") as costs:
        found = {LONE: await costs.of(1, rounds * 4), BURST: await costs.of(100, rounds)}
    async with _costs(folder / "in-line", is_one_line=True) as costs:
        return found | {LINE: await costs.of(100, rounds)}


@contextlib.asynccontextmanager
async def _costs(folder: Path, *, is_one_line: bool = False) -> AsyncIterator[Costs]:
    folder.mkdir()
    told = folder / "counts"
    with receiving() as receiver:
        config = daemon.write_config(folder, receiver.url, is_one_line=is_one_line)
        with daemon.running(config, counts=told) as started:
            yield Costs(started.server, receiver, folder / "state" / "bridge.db", Counters(told))


def kept() -> dict[str, Counts]:
    """The numbers that are kept."""
    found: dict[str, Counts] = json.loads(KEPT.read_text())
    return found


def grown(counted: Mapping[str, Counts], than: Mapping[str, Counts]) -> Iterator[str]:
    """A sentence for each number that is larger than what is kept."""
    for what, numbers in counted.items():
        for name, more in _MORE[what].items():
            if numbers[name] > than[what][name] * more:
                yield f"{what}: {numbers[name]:g} {_WORDS[name]}, and {than[what][name]:g} are kept"


async def measure(run: Run) -> list[Row]:
    """A row for each number beside the one that is kept."""
    run.tell("one by one, and a hundred at once")
    counted, before = await count(run.folder, run.scale.rounds), kept()
    return [
        Row(
            NAME,
            f"{what}, {_WORDS[name]}",
            f"{number:g}",
            "kept in the repository",
            f"{before[what][name]:g}",
            f"{number / before[what][name]:.2f}",
            f"≤ {_MORE[what][name]:g}" if name in _MORE[what] else "",
        )
        for what, numbers in counted.items()
        for name, number in numbers.items()
    ]


def too_many(rows: Sequence[Row]) -> list[str]:
    """Those of these rows that have grown, as sentences."""
    mine = [row for row in rows if row.group == NAME and row.wanted]
    over = [row for row in mine if float(row.ratio) > float(row.wanted.removeprefix("≤ "))]
    return [f"{row.what}: {row.ours}, and {row.limit} are kept" for row in over]


def main() -> None:
    """Count and show; with --keep write the numbers down, else exit with 1 where one has grown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counts", description=__doc__)
    parser.add_argument("--keep", action="store_true", help=f"write them into {KEPT.name}")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-counts-") as folder:
        counted = uvloop.run(count(Path(folder), FULL.rounds))
    print(json.dumps(counted, indent=2))
    if asked.keep:
        KEPT.write_text(json.dumps(counted, indent=2) + "\n")
        return
    told = list(grown(counted, kept()))
    sys.exit("\n".join(told) or 0)


if __name__ == "__main__":
    main()
