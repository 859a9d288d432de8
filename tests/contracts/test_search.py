"""The index of words: what is added is found by what it says, and forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from broker.search import SearchDocument, SearchQuery, number_at, phrases_of, words_of
from tests.contracts.builders import NOW_US, OTHER_TOPIC, TOPIC
from tests.contracts.engines import Engine

MINUTE_US = 60_000_000


def a_document(place: int, text: str, **changed: Any) -> SearchDocument:
    known = {"kind": "message", "topic_uid": TOPIC, "at_us": NOW_US + place * MINUTE_US}
    return SearchDocument(place=place, text=text, **(known | changed))


DOCUMENTS = [
    a_document(1, "SITE-A: no answer from ce01.example.org"),
    a_document(2, "SITE-AB: answer, no"),
    a_document(3, "Königsberg Straße", topic_uid=OTHER_TOPIC),
    a_document(4, "SITE-A is well", kind="delivery", id="d4", rule="all", destination="ops", key="SITE-A"),
    a_document(5, "x" * 3_000 + " tail", kind="delivery", id="d5", rule="other", destination="mail"),
]


@pytest.mark.parametrize(
    ("text", "asked", "places"),
    [
        ("", {}, [5, 4, 3, 2, 1]),
        ("answer", {}, [2, 1]),
        ("no answer", {}, [2, 1]),
        ('"no answer"', {}, [1]),
        ("SITE-A", {}, [4, 2, 1]),
        ('"SITE-A"', {}, [4, 1]),
        ("site ce01.example", {}, [1]),
        ("example.org.ce01", {}, []),
        ("KONIGSBERG strasse", {}, [3]),
        ("königs", {}, [3]),
        ("onigs", {}, []),
        ("tail", {}, [5]),
        ('" OR x:* & !y', {}, []),
        ("!!!", {}, [5, 4, 3, 2, 1]),
        ("site", {"kind": "delivery"}, [4]),
        ("site", {"kind": "message"}, [2, 1]),
        ("", {"topic_uid": OTHER_TOPIC}, [3]),
        ("", {"rule": "all"}, [4]),
        ("site", {"key": "SITE-A"}, [4]),
        ("", {"destination": "mail"}, [5]),
        ("", {"since_us": NOW_US + 2 * MINUTE_US, "until_us": NOW_US + 4 * MINUTE_US}, [3, 2]),
        ("site", {"until_us": NOW_US + 2 * MINUTE_US}, [1]),
        ("", {"limit": 2}, [5, 4]),
        ("answer", {"before": number_at(NOW_US + 2 * MINUTE_US)}, [1]),
    ],
)
async def test_what_says_so_is_found_newest_first(engine: Engine, text: str, asked: Any, places: list[int]) -> None:
    async with engine.open() as store:
        await store.search.add(DOCUMENTS, {TOPIC: 3})
        matches = await store.search.search(SearchQuery(phrases=phrases_of(text), **asked))
        assert [match.place for match in matches] == places


async def test_what_is_added_again_is_there_once_and_marks_say_how_far_it_is(engine: Engine) -> None:
    async with engine.open() as store:
        await store.search.add(DOCUMENTS[:2], {TOPIC: 2})
        await store.search.add(DOCUMENTS, {TOPIC: 3, "": 5})
        assert [match.place for match in await store.search.search(SearchQuery())] == [5, 4, 3, 2, 1]
        assert await store.search.marks() == {TOPIC: 3, "": 5}


async def test_documents_of_one_moment_and_place_stand_beside_each_other(engine: Engine) -> None:
    same = [a_document(0, f"word{n}", at_us=NOW_US, topic_uid=TOPIC, kind=kind) for n in range(1) for kind in KINDS]
    far = [a_document(1 << 19, "far", at_us=NOW_US)]
    async with engine.open() as store:
        await store.search.add([*same, *far], {})
        await store.search.add([*far, *same], {})
        matches = await store.search.search(SearchQuery())
        assert sorted((match.kind, match.place) for match in matches) == [
            ("delivery", 0), ("message", 0), ("message", 1 << 19),
        ]  # fmt: skip


KINDS = ("message", "delivery")


async def test_what_is_old_is_forgotten_kind_by_kind(engine: Engine) -> None:
    async with engine.open() as store:
        await store.search.add(DOCUMENTS, {})
        assert await store.search.forget("message", NOW_US + 3 * MINUTE_US, 1) == 1
        assert await store.search.forget("message", NOW_US + 3 * MINUTE_US, 10) == 1
        assert await store.search.forget("delivery", NOW_US + 5 * MINUTE_US, 10) == 1
        assert [match.place for match in await store.search.search(SearchQuery())] == [5, 3]
        assert await store.search.search(SearchQuery(phrases=phrases_of("site"))) == []


async def test_a_cleared_index_begins_anew(engine: Engine) -> None:
    async with engine.open() as store:
        await store.search.add(DOCUMENTS, {TOPIC: 3})
        await store.search.clear()
        assert (await store.search.marks(), await store.search.search(SearchQuery())) == ({}, [])


async def test_an_index_is_there_when_the_store_is_opened_again(engine: Engine) -> None:
    if not engine.survives:
        pytest.skip("nothing of it outlives the process")
    async with engine.open() as store:
        await store.search.add(DOCUMENTS, {TOPIC: 3})
    async with engine.open() as store:
        assert await store.search.marks() == {TOPIC: 3}
        assert len(await store.search.search(SearchQuery(phrases=phrases_of("answer")))) == 2


def test_words_are_letters_and_digits_and_bounded() -> None:
    assert words_of("SITE_A ce01.Example-org Ärger-x") == ["site", "a", "ce01", "example", "org", "arger", "x"]
    assert words_of("a" * 100) == ["a" * 60]
    assert len(words_of("a " * 10_000)) == 1_500
    assert len(phrases_of("word " * 100)) == 16
