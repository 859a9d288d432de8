"""The words of messages and deliveries in memory: every document is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.search import DocumentKind, SearchDocument, SearchMatch, SearchQuery, number_at, stands_in, words_of


class MemorySearch:
    """See broker.search.SearchIndex."""

    def __init__(self) -> None:
        self._documents: dict[int, SearchDocument] = {}
        self._marks: dict[str, int] = {}

    async def marks(self) -> Mapping[str, int]:
        """See SearchIndex."""
        return dict(self._marks)

    async def add(self, documents: Sequence[SearchDocument], marks: Mapping[str, int]) -> None:
        """See SearchIndex."""
        for document in documents:
            number = document.number
            while number in self._documents and _place_of(self._documents[number]) != _place_of(document):
                number += 1
            self._documents[number] = document
        self._marks |= marks

    async def search(self, query: SearchQuery) -> Sequence[SearchMatch]:
        """See SearchIndex."""
        fitting = (
            SearchMatch(number, document.kind, document.topic_uid, document.place, document.id)
            for number, document in sorted(self._documents.items(), reverse=True)
            if query.first <= number < query.behind and _fits(document, query)
        )
        return [match for match, _ in zip(fitting, range(query.limit), strict=False)]

    async def forget(self, kind: DocumentKind, before_us: int, limit: int) -> int:
        """See SearchIndex."""
        old = [
            number
            for number, document in sorted(self._documents.items())
            if document.kind == kind and number < number_at(before_us)
        ][:limit]
        for number in old:
            del self._documents[number]
        return len(old)

    async def clear(self) -> None:
        """See SearchIndex."""
        self._documents.clear()
        self._marks.clear()


def _place_of(document: SearchDocument) -> tuple[str, str, int]:
    return document.kind, document.topic_uid, document.place


def _fits(document: SearchDocument, query: SearchQuery) -> bool:
    words = " ".join(words_of(document.text))
    return (
        query.kind in (None, document.kind)
        and query.topic_uid in (None, document.topic_uid)
        and query.rule in (None, document.rule)
        and query.destination in (None, document.destination)
        and query.key in (None, document.key)
        and all(stands_in(phrase, words) for phrase in query.phrases)
    )
