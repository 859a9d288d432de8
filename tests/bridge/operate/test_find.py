"""Messages, deliveries, incidents and silences, found by what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.operate.finding_things import FindFilter, FindPage, find_things
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_silences import begin_silence, silence_span
from bridge.operate.time_spans import read_span
from bridge.operate.topic_names import topic_names
from broker.clock import US_PER_S
from broker.search import SearchDocument, SearchQuery, phrases_of
from tests.bridge.operate.test_use_cases import ANN
from tests.bridge.operate.test_use_cases import context_of as plain_context_of
from tests.fakes.command_line import ask
from tests.fakes.control import a_daemon, decided
from tests.line.stage import TOKEN, Stage


def context_of(stage: Stage) -> OperatorContext:
    return replace(plain_context_of(stage), search=stage.daemon.search)


async def find(context: OperatorContext, text: str = "", **asked: object) -> FindPage:
    paging = {name: asked.pop(name) for name in ("before", "limit") if name in asked}
    return await find_things(context, FindFilter(text=text, **asked), **paging)  # type: ignore[arg-type]


def kinds(page: FindPage) -> list[tuple[str, str]]:
    return [(thing.kind, thing.fate) for thing in page.results]


async def some(stage: Stage) -> OperatorContext:
    """A host that is down and a note that nobody takes; a silence for it."""
    await decided(stage, {"host": "web1", "status": "CRITICAL"}, deliveries=1)
    await stage.publish({"about": "web1 again", "password": "geheim"})
    await stage.clock.advance(1)
    context = context_of(stage)
    span = silence_span(context.clock.wall_us(), starts_us=None, until_us=None, for_s=600)
    await begin_silence(context, ANN, {"key": "web1"}, span, why="works at the web", keep_waiting=True)
    return context


async def test_all_about_a_host_stands_in_one_list(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        page = await find(await some(stage), "WEB1")
        assert sorted(kinds(page)) == [
            ("delivery", "waiting"),
            ("incident", "firing"),
            ("message", "matched"),
            ("message", "unmatched"),
            ("silence", "active"),
        ]
        assert [thing.kind for thing in page.results[:2]] == ["incident", "silence"]
        assert (page.indexed, page.fresh, page.next) == (True, True, "")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"kind": "message"}, [("message", "unmatched"), ("message", "matched")]),
        ({"fate": "unmatched"}, [("message", "unmatched")]),
        ({"fate": "waiting"}, [("delivery", "waiting")]),
        ({"fate": "firing"}, [("incident", "firing")]),
        ({"rule": "hosts"}, [("incident", "firing"), ("delivery", "waiting")]),
        ({"destination": "chat", "kind": "delivery"}, [("delivery", "waiting")]),
        ({"destination": "board"}, []),
        ({"key": "web1", "kind": "silence"}, [("silence", "active")]),
        ({"topic": "P/T", "kind": "incident"}, [("incident", "firing")]),
    ],
)
async def test_filters_leave_the_others_out(tmp_path: Path, asked: dict[str, str], found: object) -> None:
    async with a_daemon(tmp_path) as stage:
        assert kinds(await find(await some(stage), "web1", **asked)) == found


async def test_a_span_leaves_out_what_was_before(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        context = await some(stage)
        await stage.clock.advance(7200)
        await stage.publish({"about": "web1 at last"})
        await stage.clock.advance(1)
        span = read_span("1h", "", "", stage.clock.wall_us())
        assert [thing.kind for thing in (await find(context, "web1", span=span)).results] == ["message"]
        assert kinds(await find(context, "about", span=read_span("365d", "1h", "", stage.clock.wall_us()))) != []


async def test_pages_go_on_and_no_secret_is_found(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        context = await some(stage)
        first = await find(context, "web1", kind="message", limit=1)
        rest = await find(context, "web1", kind="message", limit=1, before=first.next)
        assert [page.results[0].fate for page in (first, rest)] == ["unmatched", "matched"]
        assert (await find(context, "web1", kind="message", limit=1, before=rest.next)).results == []
        assert (await find(context, "geheim")).results == []


async def test_what_is_past_its_retention_is_not_found(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        context = await some(stage)
        assert len((await find(context, "web1", kind="message")).results) == 2
        topic_uid = next(uid for uid, name in topic_names(stage.daemon.broker).items() if name.endswith("/T"))
        await stage.daemon.store.log.trim(topic_uid, 1)
        assert kinds(await find(context, "web1", kind="message")) == [("message", "unmatched")]
        old = SearchDocument("message", topic_uid, 0, stage.clock.wall_us() - 8 * 86_400 * US_PER_S, "old")
        await stage.daemon.store.search.add([old], {})
        assert stage.daemon.search is not None
        await stage.daemon.search.forget()
        assert await stage.daemon.store.search.search(SearchQuery(phrases=phrases_of("old"))) == []
        assert len(await stage.daemon.store.search.search(SearchQuery())) == 3


async def test_a_store_that_is_older_than_the_index_is_read_anew(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        context = await some(stage)
        await stage.daemon.store.search.add([], {"": 99})
        assert kinds(await find(context, "web1", kind="delivery")) == [("delivery", "waiting")]
        assert (await stage.daemon.store.search.marks())[""] == 1


async def test_what_waits_is_taken_in_part_by_part(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await stage.publish(*({"n": n} for n in range(1_500)))
        context = context_of(stage)
        page = await find(context, "1499")
        assert (page.fresh, page.results) == (False, [])
        while not (await find(context)).fresh:
            pass
        assert kinds(await find(context, "1499")) == [("message", "unmatched")]


async def test_the_worker_fills_it_by_itself(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await some(stage)
        await stage.clock.advance(31)
        for _ in range(2_000):  # it writes on a thread of its own
            if len(found := await stage.daemon.store.search.search(SearchQuery())) == 3:
                break
            await stage.clock.advance(0)
        assert len(found) == 3


async def test_without_an_index_incidents_and_silences_are_found_and_it_is_said(tmp_path: Path) -> None:
    async with a_daemon(tmp_path, more="search: false") as stage:
        assert stage.daemon.search is None
        page = await find(await some(stage), "web1")
        assert (kinds(page), page.indexed) == ([("incident", "firing"), ("silence", "active")], False)


@pytest.mark.parametrize(("place", "text"), [("kind", "post"), ("fate", "deed"), ("before", "x")])
async def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, place: str, text: str) -> None:
    async with a_daemon(tmp_path) as stage:
        with pytest.raises(InvalidInput) as caught:
            await find(context_of(stage), **{place: text})
        assert caught.value.place == place


async def test_the_command_and_the_api_find_the_same(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        await some(stage)
        shown = await ask(stage, "find", "web1", "--zone", "UTC", "--from", "1h")
        assert shown.code == 0
        assert "silence" in shown.words
        assert "P/T:0" in shown.words
        answer = (await ask(stage, "find", "web1 again", "--json")).value
        direct = await stage.http.get("/api/find", params={"q": '"web1 again"'}, headers={"x-api-key": TOKEN})
        assert [one["offset"] for one in answer] == [1]
        assert direct.json()["results"] == answer
