"""The very first message after the very first start is decided."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.line.stage import a_stage

RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "{{ data.n }}", send: inbox}
"""


@pytest.mark.parametrize("store", ["memory", "sqlite:state/bridge.db"])
async def test_nothing_published_after_a_first_start_is_unrouted(tmp_path: Path, store: str) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store=store) as stage:
        await stage.publish({"n": 1})
        await stage.settled(1)
        book = next(book for book in await stage.daemon.books() if book.topic.endswith("/T"))
        assert (book.messages.decided, book.messages.unrouted) == (1, 0)


async def test_every_router_has_its_place_before_the_first_request_can_come(tmp_path: Path) -> None:
    async with a_stage(tmp_path, RULES, "  inbox: {type: inbox}", store="memory") as stage:
        assert len(await stage.daemon.store.cursors.list("r/")) == 1
