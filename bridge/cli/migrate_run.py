"""What ``migrate`` does: a store in a file becomes one in a database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bridge.cli.command_context import Context
from bridge.cli.fitting_tables import Column, text_column
from bridge.cli.output import Failed
from broker.engines import check_url, is_postgres, sqlite_path
from broker.engines.stored_tables import StoredTable, TableCount
from broker.errors import StoreCorrupt, StoreError, StoreUnavailable


def migrate_store(context: Context, source: str, target: str) -> None:
    """Copy a store into an empty database, and tell what arrived. Raises Failed."""
    try:
        check_url(target)
        path = sqlite_path(source)
        if not is_postgres(target):
            raise Failed("--to names no database of PostgreSQL: write postgresql://user@host/name")
        moved = asyncio.run(_move(context, path, target))
    except StoreError as error:
        reason = error.reason if isinstance(error, StoreUnavailable | StoreCorrupt) else str(error)
        raise Failed(reason) from error
    rows = [{"table": name, "rows": tally.rows, "checksum": f"{tally.checksum:016x}"} for name, tally in moved.items()]
    total = sum(tally.rows for tally in moved.values())
    context.output.confirm(f"{total:,} rows are in the database, as they were in {path}", {"tables": rows})
    if not context.output.as_json:
        columns = [text_column("Table", "table"), Column("Rows", lambda row: row["rows"], number=True)]
        context.output.print_rows(rows, [*columns, text_column("Checksum", "checksum")])
        context.output.say("Now write the new store into bridge.yaml, take sealing.key along, and start the daemon.")


async def _move(context: Context, path: Path, target: str) -> dict[str, TableCount]:
    from broker.engines.postgres.receiving import receive
    from broker.engines.sqlite.table_rows import open_stored_rows

    with open_stored_rows(path) as stored:

        def report(table: StoredTable, rows: int) -> None:
            all_rows = stored.count(table) if rows and rows % 100_000 == 0 else 0
            if all_rows:
                context.output.say(f"{table.name}: {rows:,} of {all_rows:,}")

        return await receive(target, stored.rows, stored.numbers(), report)
