"""The words of messages and deliveries on PostgreSQL: a column of type tsvector and an index of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from broker.engines.postgres.calls import Alone
from broker.engines.postgres.connections import Db, ReadConnections
from broker.engines.postgres.queries import ask, begin, columns, count, load
from broker.engines.postgres.writer import GroupWrites
from broker.search import DocumentKind, Phrase, SearchDocument, SearchMatch, SearchQuery, number_at, words_of

_SQL: Final = load("search")


class PostgresSearch:
    """See broker.search.SearchIndex."""

    def __init__(self, writer: GroupWrites, readers: ReadConnections) -> None:
        self._writer = writer
        self._readers = readers

    async def marks(self) -> Mapping[str, int]:
        """See SearchIndex."""
        return dict(await self._readers.rows(_SQL["marks"]))

    async def add(self, documents: Sequence[SearchDocument], marks: Mapping[str, int]) -> None:
        """See SearchIndex."""
        await self._writer.run(Alone(partial(_add, documents, marks)))

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
            "match": " & ".join(map(_match_text, query.phrases)),
        }
        rows = await self._readers.rows(_SQL["by_words" if query.phrases else "by_time"], wanted)
        return [SearchMatch(*row) for row in rows]

    async def forget(self, kind: DocumentKind, before_us: int, limit: int) -> int:
        """See SearchIndex."""

        async def make(db: Db, touched: set[str]) -> int:
            await begin(db)
            return await count(db, _SQL["forget"], (number_at(before_us), kind, limit))

        return await self._writer.run(Alone(make))

    async def clear(self) -> None:
        """See SearchIndex."""

        async def make(db: Db, touched: set[str]) -> None:
            await begin(db)
            await ask(db, _SQL["clear_documents"])
            await ask(db, _SQL["clear_marks"])

        await self._writer.run(Alone(make))


async def _add(documents: Sequence[SearchDocument], marks: Mapping[str, int], db: Db, touched: set[str]) -> None:
    await begin(db)
    if documents:
        known = {
            number: (kind, topic_uid, place)
            for number, kind, topic_uid, place in await ask(
                db, _SQL["standing"], ([document.number for document in documents],)
            )
        }
        await ask(db, _SQL["add"], columns(_rows(documents, known)))
    if marks:
        await ask(db, _SQL["put_marks"], ([*marks], [*marks.values()]))


def _rows(documents: Sequence[SearchDocument], known: dict[int, tuple[str, str, int]]) -> list[tuple[Any, ...]]:
    """The documents with numbers of their own: one that another document has is passed over."""
    rows = []
    for document in sorted(documents, key=lambda document: document.number):
        number, place = document.number, (document.kind, document.topic_uid, document.place)
        while known.get(number, place) != place:
            number += 1
        known[number] = place
        text = " ".join(words_of(document.text))
        rows.append((number, *place, document.id, document.rule, document.destination, document.key, text))
    return rows


def _match_text(phrase: Phrase) -> str:
    """A phrase as a tsquery: words are letters and digits, so nothing in them means anything to it."""
    *words, last = phrase.words
    return f"({' <-> '.join([*words, f'{last}:*' if phrase.begins else last])})"
