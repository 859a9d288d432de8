"""The SQL: every query has a name and a sentence, is used, fits the schema, and finds its rows by an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import broker.engines.sqlite as engine
from broker.engines.finding import query_name
from broker.engines.sqlite.opening import connect, prepare
from broker.engines.sqlite.queries import load
from broker.model import DeliveryQuery

_FOLDER = Path(engine.__file__).parent
_FILES = sorted(file.stem for file in (_FOLDER / "sql").glob("*.sql"))
_CODE = "\n".join(file.read_text() for folder in (_FOLDER, _FOLDER.parent) for file in folder.glob("*.py"))
_ALL = [(name, query) for name in _FILES for query in load(name)]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("queries") / "store.db"
    prepare(path)
    connection = connect(path, read_only=True)
    yield connection
    connection.close()


def _plan(db: sqlite3.Connection, sql: str) -> list[str]:
    named = re.findall(r":(\w+)", sql)
    numbered = [int(number) for number in re.findall(r"\?(\d)", sql)]
    count = max(numbered) if numbered else sql.count("?")
    parameters = dict.fromkeys(named) if named else [None] * count
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]


@pytest.mark.parametrize(("file", "name"), _ALL)
def test_a_query_has_a_sentence_and_fits_the_schema(db: sqlite3.Connection, file: str, name: str) -> None:
    sentence, _, sql = load(file)[name].partition("\n")
    assert re.fullmatch(r"-- [A-Z].*[.,;a-z]", sentence)
    _plan(db, sql)


@pytest.mark.parametrize(("file", "name"), _ALL)
def test_a_query_is_used(file: str, name: str) -> None:
    assert f'"{name}"' in _CODE


_MAY_SCAN = {
    ("catalog", "list"),  # sorts the records of one kind
    ("keeping", "last_number"),
    ("log", "gone_with_messages"),  # logs are few
    ("log", "topics"),
    ("decisions", "of"),  # sorts those about one message
    ("decisions", "since"),  # nobody asks but tests, and who moves a store
    ("decisions", "sweep"),  # looks at the first ones that are kept
    ("outbox", "attempts"),  # sorts the tries of one delivery
    ("outbox", "backlog"),  # sorts one page of it
    ("outbox", "balances"),  # all of a small table
    ("outbox", "balances_since"),  # groups what it found by time
    ("outbox", "clear_heads"),
    ("outbox", "count_due"),  # stops at a limit
    ("outbox", "end_leases"),  # all that wait, once at the start
    ("outbox", "find"),  # goes back from the newest
    ("outbox", "find_by_prefix"),  # sorts those whose ids begin so
    ("outbox", "find_heads"),
    ("outbox", "find_in_line"),  # sorts one line
    ("outbox", "find_of_incident"),  # sorts what one incident led to
    ("outbox", "find_of_message"),  # sorts what one message led to
    ("outbox", "next_due"),  # scans the few priorities it found
    ("outbox", "oldest"),  # all that wait for a destination
    ("outbox", "waiting_by_topic"),  # all that wait for a destination
    ("restore", "doubt"),
    ("restore", "ends"),
    ("restore", "logs"),
    ("restore", "note"),  # logs are few
    ("state", "counts"),
    ("state", "expired"),
    ("store", "counters"),
    ("state", "sleeping"),  # only the rows that wait for something
}


@pytest.mark.parametrize(("file", "name"), [one for one in _ALL if one not in _MAY_SCAN])
def test_a_query_finds_its_rows_by_an_index_in_their_order(db: sqlite3.Connection, file: str, name: str) -> None:
    fine = ("json_each", "CONSTANT ROW")
    plan = [step for step in _plan(db, load(file)[name]) if not any(word in step for word in fine)]
    assert not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step], plan


@pytest.mark.parametrize(
    ("query", "name", "index"),
    [
        (DeliveryQuery(), "find", "SEARCH p USING INTEGER PRIMARY KEY"),
        (DeliveryQuery(since_us=1), "find_between", "deliveries_created"),
        (DeliveryQuery(state="shadow", until_us=1), "find_between", "deliveries_created"),
        (DeliveryQuery(state="dead"), "find_dead", "progress_dead"),
        (DeliveryQuery(state="waiting", destination="ops", order_key="k"), "find_in_line", "progress_line"),
        (DeliveryQuery(topic_uid="t", offset=1), "find_of_message", "deliveries_message"),
        (DeliveryQuery(into="d"), "find_into", "progress_into"),
        (DeliveryQuery(incident="i"), "find_of_incident", "deliveries_incident"),
    ],
)
def test_deliveries_are_found_by_the_narrowest_index(
    db: sqlite3.Connection, query: DeliveryQuery, name: str, index: str
) -> None:
    assert query_name(query) == name
    assert index in " ".join(_plan(db, load("outbox")[name]))
