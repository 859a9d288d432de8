"""The index of words on SQLite: FTS5 in a file and with threads of its own, so that the store never waits.

The file is made when it is first asked for. One that is damaged, or of another version, is thrown away.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from broker.engines.queries import load_queries
from broker.engines.sqlite.companions import discard
from broker.engines.sqlite.failures import code_of, translate_errors
from broker.errors import StoreUnavailable
from broker.search import DocumentKind, Phrase, SearchDocument, SearchMatch, SearchQuery, number_at, words_of

T = TypeVar("T")

VERSION: Final = 1
"""A file of another version is made anew."""
_SQL: Final = load_queries(__package__, "search")
_SCHEMA: Final = (files(__package__) / "schema.sql").read_text(encoding="utf-8")
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY_MS: Final = 5_000
_CACHE_KIB: Final = 4 * 1024


class SqliteSearch:
    """See broker.search.SearchIndex. ``path`` is the store's; with ``looks_only`` nothing is made or written."""

    def __init__(self, path: Path, *, looks_only: bool = False) -> None:
        self._path = search_path(path)
        self._looks_only = looks_only
        self._threads = [ThreadPoolExecutor(1, thread_name_prefix=f"search-{name}") for name in ("writer", "reader")]
        self._open: dict[str, tuple[int, sqlite3.Connection]] = {}
        self._thrown_away = 0
        self._closed = False

    async def marks(self) -> Mapping[str, int]:
        """See SearchIndex."""
        return await self._write(lambda db: dict(db.execute(_SQL["marks"])))

    async def add(self, documents: Sequence[SearchDocument], marks: Mapping[str, int]) -> None:
        """See SearchIndex."""
        await self._write(lambda db: _in_transaction(db, lambda: _add(db, documents, marks)))

    async def search(self, query: SearchQuery) -> Sequence[SearchMatch]:
        """See SearchIndex."""
        wanted = {
            "first": query.first,
            "behind": query.behind,
            "kind": query.kind,
            "topic_uid": query.topic_uid,
            "rule": query.rule,
            "destination": query.destination,
            "key": query.key,
            "limit": query.limit,
            "match": " AND ".join(map(_match_text, query.phrases)),
        }
        text = _SQL["by_words" if query.phrases else "by_time"]
        return await self._read(lambda db: [SearchMatch(*row) for row in db.execute(text, wanted)])

    async def forget(self, kind: DocumentKind, before_us: int, limit: int) -> int:
        """See SearchIndex."""

        def work(db: sqlite3.Connection) -> int:
            old = db.execute(_SQL["old"], (number_at(before_us), kind, limit)).fetchall()
            for name in ("remove_words", "remove_document"):
                db.executemany(_SQL[name], old)
            return len(old)

        return await self._write(lambda db: _in_transaction(db, lambda: work(db)))

    async def clear(self) -> None:
        """See SearchIndex."""

        def work(db: sqlite3.Connection) -> None:
            for table in ("words", "documents", "marks"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - three names of ours

        await self._write(lambda db: _in_transaction(db, lambda: work(db)))

    async def close(self) -> None:
        """Let what was begun end, and close the file. Idempotent."""
        if not self._closed:
            self._closed = True
            for threads in self._threads:
                await asyncio.get_running_loop().run_in_executor(None, threads.shutdown)
            for _, db in self._open.values():
                db.close()

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run("writer", work)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run("reader", work)

    async def _run(self, name: str, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise StoreUnavailable("it is closed", "closed")
        threads = self._threads[name == "reader"]
        return await asyncio.get_running_loop().run_in_executor(threads, self._in_thread, name, work)

    def _in_thread(self, name: str, work: Callable[[sqlite3.Connection], T]) -> T:
        with translate_errors(self._path):
            try:
                return work(self._connection(name))
            except sqlite3.DatabaseError as error:
                if code_of(error) in _DAMAGED:  # it is derived: what is lost is read again
                    self._thrown_away += 1
                    discard(self._path)
                raise

    def _connection(self, name: str) -> sqlite3.Connection:
        """The connection of a thread, to the file as it is since one was thrown away last."""
        number, db = self._open.get(name, (-1, None))
        if db is None or number != self._thrown_away:
            if self._looks_only:
                raise StoreUnavailable("it was opened for reading only")
            if db is not None:
                db.close()
            number = self._thrown_away
            db = _open_index(self._path)
            self._open[name] = number, db
        return db


def search_path(path: Path) -> Path:
    """Where the index of a store lies: beside it."""
    return path.with_name(f"{path.name}.search")


def _open_index(path: Path) -> sqlite3.Connection:
    """A connection to the index, which is made where there is none."""
    where = f"file:{quote(str(path))}?mode=rwc"
    db = sqlite3.connect(where, uri=True, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        for setting in ("journal_mode = WAL", "synchronous = NORMAL", f"cache_size = {-_CACHE_KIB}"):
            db.execute(f"PRAGMA {setting}")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            db.executescript(f"BEGIN IMMEDIATE;\n{_SCHEMA}\nPRAGMA user_version = {VERSION};\nCOMMIT;")
    except BaseException:
        db.close()
        raise
    if version in (0, VERSION):
        return db
    db.close()
    discard(path)
    return _open_index(path)


def _in_transaction(db: sqlite3.Connection, work: Callable[[], T]) -> T:
    db.execute("BEGIN IMMEDIATE")
    try:
        done = work()
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return done


def _add(db: sqlite3.Connection, documents: Iterable[SearchDocument], marks: Mapping[str, int]) -> None:
    """In the order of their numbers: FTS5 begins a new segment for each that is lower than the one before."""
    for document in sorted(documents, key=lambda document: document.number):
        number: int | None = document.number
        while number is not None and (place := db.execute(_SQL["standing"], (number,)).fetchone()) is not None:
            is_same = place == (document.kind, document.topic_uid, document.place)
            number = None if is_same else number + 1
        if number is not None:
            columns: tuple[Any, ...] = astuple(document)
            kind, topic_uid, number_within, _, text, *rest = columns
            db.execute(_SQL["add_document"], (number, kind, topic_uid, number_within, *rest))
            db.execute(_SQL["add_words"], (number, " ".join(words_of(text))))
    db.executemany(_SQL["put_mark"], marks.items())


def _match_text(phrase: Phrase) -> str:
    """A phrase as FTS5 reads it: words are letters and digits, so nothing in them means anything to it."""
    return f'"{" ".join(phrase.words)}"{" *" if phrase.begins else ""}'
