"""docs/data-model.md, made of the migrations, the queries and the records: ``python -m tests.docs.data_model``."""

from __future__ import annotations

import ast
import inspect
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from broker.engines.sqlite.queries import load
from broker.records import KINDS
from rules.deciding.quiet.rows import FiringRow, GroupRow, KeyRow, ScheduleRow, ThrottleRow, WatchRow
from tests.house.reading import ROOT

PAGE = ROOT / "docs" / "data-model.md"
ENGINE = ROOT / "broker" / "engines" / "sqlite"
HOLDS: Mapping[str, str] = {
    "attempts": "every try of a delivery, with its outcome, but for a first one that arrived: `progress` tells that",
    "catalog": "the records below, as JSON; a deleted one stays for a while, empty, so that readers see it go",
    "clock_mark": "where wall clock and steady time stood last, so that a set clock is noticed over a restart",
    "decisions": "what became of each (event, rule, send) that led to no delivery, for explain and tail; "
    "that one was sent is told by the delivery, in `decision` and `item`",
    "deliveries": "what was decided: the post and what it is about; never changed afterwards",
    "logs": "one row a topic: its first and next offset, and its sizes; what was appended since the row was written is "
    "told by the last message",
    "messages": "the messages themselves; `id` is the log's number and, in 44 bits, the offset",
    "numbers": "when the store was opened, and when a backup was made of it",
    "producer_keys": "keys of publishes that may be repeated, so that the repeat stands once",
    "progress": "what becomes of a delivery: state, place in its line, lease, tries",
    "publish_offsets": "by how much the wall clock was ahead when a message was published, where it was",
    "receipts": "the last post of an order key at a destination, so that later news can change it",
    "state": "what quiet rules remember: the rows below, as MessagePack, each with its timer",
    "sums": "the books of deliveries (how many stand in which state, for each topic and destination), the books of "
    "messages and other counts of a topic, how many rows of state each rule holds, the last number given of each kind; "
    "how far each reader of a topic is: routers (`r/`), subscriptions (`s/`), and their pending messages; deliveries "
    "that are alone in their line and were leased by the commit that brought them",
}
_VIEWS: Mapping[str, Sequence[str]] = {
    "whole_deliveries": ("deliveries", "progress"),
    "tries": ("attempts", "progress"),
    "whole_decisions": ("decisions", "deliveries", "progress"),
    "whole_logs": ("logs", "messages"),
    "balances": ("sums",),
    "cursors": ("sums",),
    "counters": ("sums",),
    "state_counts": ("sums",),
}
ROWS: Mapping[str, tuple[type[Any], str]] = {
    "k/RULE/KEY": (KeyRow, "`rules/deciding/quiet/keyrow.py`"),
    "g/RULE/VALUES": (GroupRow, "`rules/deciding/quiet/group.py`"),
    "t/RULE": (ThrottleRow, "`rules/deciding/quiet/throttle.py`"),
    "f/RULE/PLACES": (FiringRow, "`rules/deciding/quiet/inhibition.py`"),
    "w/RULE": (WatchRow, "`rules/deciding/quiet/watch.py`"),
    "s/RULE": (ScheduleRow, "`rules/deciding/scheduled.py`"),
}
_HEAD = """\
# The data model

Everything that survives a restart, and who writes and reads it. `python -m tests.docs.data_model` makes this page of
the migrations, the queries and the records; a test holds it. The contract that an engine fulfils is `broker/store.py`;
how long what is kept stands in [operations](operations.md).

## The store's tables

Made by `broker/engines/sqlite/migrations/`, one file a step; a store of an older step is brought up to date when it is
opened. All writing goes through one thread (`writer.py`), one transaction a commit. Times ending in `_us` are
microseconds of steady time where `offset_us` stands beside them, of the wall clock elsewhere.
"""
_BESIDE = """\
## Beside the store

| File | Holds |
|---|---|
| `sealing.key` | seals users' tokens; without it a restored store knows nobody's token, and they are made anew |
| `bridge.db.search` | the words of messages and deliveries (`broker/search.py`); when it is lost it is made anew |
| `certificate.pem` | the certificate the daemon made for itself with `tls: self-signed` |
| notes of the poison guard | what each worker has in hand, so that what stops the daemon twice is set aside |
"""


def tables() -> dict[str, list[str]]:
    """Every table with its columns, once all migrations have run."""
    with closing(sqlite3.connect(":memory:")) as db:
        for migration in sorted((ENGINE / "migrations").glob("*.sql")):
            db.executescript(migration.read_text())
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: [column[1] for column in db.execute(f'PRAGMA table_info("{name}")')] for name in names}


def users_of(table: str) -> tuple[list[str], list[str]]:
    """The modules of the engine whose queries write a table, and those whose queries read it."""
    writers, readers = set[str](), set[str]()
    write = re.compile(rf"\b(?:INTO|UPDATE|DELETE FROM) {table}\b")
    whole = "|".join([table, *(view for view, tables in _VIEWS.items() if table in tables)])
    read = re.compile(rf"(?<!DELETE )\b(?:FROM|JOIN) (?:{whole})\b")
    for path in sorted(ENGINE.glob("*.py")):
        text = path.read_text()
        for file in re.findall(r'load\("(\w+)"\)', text):
            for name, query in load(file).items():
                if f'"{name}"' not in text:
                    continue
                if write.search(query):
                    writers.add(path.name)
                if read.search(query):
                    readers.add(path.name)
    return sorted(writers), sorted(readers)


def makers_of(record: type[Any]) -> list[str]:
    """The files that make a record of this type."""
    found = []
    for path in sorted([*(ROOT / "broker").rglob("*.py"), *(ROOT / "bridge").rglob("*.py")]):
        if "fakes" in path.parts:
            continue
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        if any(isinstance(call.func, ast.Name) and call.func.id == record.__name__ for call in calls):
            found.append(path.relative_to(ROOT).as_posix())
    return found


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_tables(), "", *_records(), "", *_rows(), "", _BESIDE])


def _tables() -> Iterator[str]:
    yield "| Table | Holds | Columns | Written by | Read by |\n|---|---|---|---|---|"
    for table, columns in tables().items():
        writers, readers = users_of(table)
        cells = (f"`{table}`", HOLDS[table], ", ".join(columns), _files(writers), _files(readers))
        yield f"| {' | '.join(cells)} |"


def _records() -> Iterator[str]:
    yield "## Records of the catalog\n"
    yield "Typed records (`broker/records.py`), written by compare-and-set; `broker/catalog_cache.py` mirrors them.\n"
    yield "| Kind | Is | Fields | Made by |\n|---|---|---|---|"
    for kind, record in KINDS.items():
        own = [field.name for field in msgspec.structs.fields(record)][4:]
        yield f"| `{kind}` | {_sentence(record)} | {', '.join(own)} | {_files(makers_of(record))} |"


def _rows() -> Iterator[str]:
    yield "## Rows of state\n"
    yield "Written by decisions alone, in the commit of what they decided (`bridge/routing/commit_batch.py`).\n"
    yield "| Row | Is | Fields | Kept by |\n|---|---|---|---|"
    for name, (record, file) in ROWS.items():
        fields = ", ".join(field.name for field in msgspec.structs.fields(record))
        yield f"| `{name}` | {_sentence(record)} | {fields} | {file} |"


def _sentence(record: type[Any]) -> str:
    text = " ".join((inspect.getdoc(record) or "").split("\n\n")[0].split())
    return text.replace("|", "\\|").replace("``", "`")


def _files(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} is written\n")
