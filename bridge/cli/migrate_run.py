"""What ``migrate`` does: a store in a file becomes one in a database, or the other way, while its daemon goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.command_context import Context
from bridge.cli.fitting_tables import Column, text_column
from bridge.cli.output import Failed, Output
from broker.clock import Clock, SystemClock
from broker.engines import check_url, is_postgres, open_move
from broker.engines.moving import MovedFrom, MovedTo, MoveStep, bring_up, count_changed, finish
from broker.engines.stored_tables import TableCount
from broker.errors import StoreCorrupt, StoreError, StoreUnavailable

_LOOK_AGAIN_S: Final = 1.0
_FOLLOWING: Final = "All is copied, and what changes is followed. Stop the daemon: the last look takes seconds."
_COPIED: Final = "All is copied. Stop the daemon, and run this again without --copy-only: it takes seconds."
_AFTER: Final = "Now write the new store into bridge.yaml, take sealing.key along, and start the daemon."

Counts = Mapping[str, TableCount]


def migrate_store(context: Context, source: str, target: str, *, copy_only: bool) -> None:
    """Move a store, and tell what arrived. Raises Failed."""
    output = context.output
    try:
        check_url(source)
        check_url(target)
        if is_postgres(source) == is_postgres(target) or "memory" in (source, target):
            raise Failed(
                "one of --from and --to names a file, sqlite:///PATH, and the other a database, postgresql://..."
            )
        with _steps(output) as notify:
            arrived, is_whole = asyncio.run(_move(source, target, output, notify, copy_only=copy_only))
    except StoreError as error:
        reason = error.reason if isinstance(error, StoreUnavailable | StoreCorrupt) else str(error)
        raise Failed(reason) from error
    _tell(output, arrived, is_whole)


async def _move(
    source: str, target: str, output: Output, notify: Callable[[MoveStep], None], *, copy_only: bool
) -> tuple[Counts | None, bool]:
    """What stands in the target, None when an earlier run had finished; and whether it is whole."""
    clock = SystemClock()
    async with open_move(source, target) as (moved_from, moved_to):
        if not await moved_to.begin(moved_from.place):
            return None, True
        arrived = await bring_up(moved_from, moved_to, notify)
        if not await moved_from.hold():
            if copy_only:
                return arrived, False
            await _follow(moved_from, moved_to, clock, output, arrived)
        output.say("The last look.")
        return await finish(moved_from, moved_to, notify), True


async def _follow(source: MovedFrom, target: MovedTo, clock: Clock, output: Output, arrived: Counts) -> None:
    """Look again and again until nobody uses the source any more."""
    output.say(_FOLLOWING)
    while not await source.hold():
        began_s = clock.monotonic()
        now = await bring_up(source, target, lambda step: None)
        if output.as_json:
            rows = sum(count.rows for count in now.values())
            output.print_line({"state": "following", "rows": rows, "changed_tables": count_changed(arrived, now)})
        arrived = now
        await clock.sleep(max(_LOOK_AGAIN_S, clock.monotonic() - began_s))  # half of the time it rests


@contextmanager
def _steps(output: Output) -> Iterator[Callable[[MoveStep], None]]:
    """Told of each step: a bar for people, a line for programs."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=output.errors,
        disable=output.as_json or output.quiet or not output.errors.is_terminal,
        transient=True,
    )
    rows = {}

    def tell(step: MoveStep) -> None:
        if output.as_json:
            line = {"state": "copying", "table": step.table, "rows": step.rows, "of": step.of, "changed": step.changed}
            output.print_line(line)
        if step.table not in rows:
            rows[step.table] = bar.add_task(step.table, total=step.of)
        bar.update(rows[step.table], completed=step.rows, total=max(step.of, step.rows))

    with bar:
        yield tell


def _tell(output: Output, arrived: Counts | None, is_whole: bool) -> None:
    if arrived is None:
        output.say("This move was finished before; there is nothing left to do.")
        if output.as_json:
            output.print_line({"state": "finished", "before": True})
        return
    rows = [
        {"table": name, "rows": count.rows, "checksum": f"{count.checksum:016x}"} for name, count in arrived.items()
    ]
    if output.as_json:
        output.print_line({"state": "finished" if is_whole else "copied", "tables": rows})
        return
    total = sum(count.rows for count in arrived.values())
    if is_whole:
        output.confirm(f"{total:,} rows are there, counted and compared")
    columns = [text_column("Table", "table"), Column("Rows", lambda row: row["rows"], number=True)]
    output.print_rows(rows, [*columns, text_column("Checksum", "checksum")])
    output.say(_AFTER if is_whole else _COPIED)
