"""The walk of docs/architecture.md is the way that a message takes: its functions are called in the page's order."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Self

from bridge.fakes.mattermost import FakeMattermost
from tests.house.reading import ROOT, named
from tests.line.stage import a_stage
from tests.line.test_line import ALL, chat

PAGE = (ROOT / "docs" / "architecture.md").read_text()
Call = tuple[str, str]


def hops() -> list[Call]:
    """File and function of each hop: the first that its row names, in the page's order."""
    table = PAGE.partition("| Hop |")[2].partition("\n\n")[0]
    return re.findall(r"^\| [^|]+ \| `([\w/]+\.py)` `(\w+)`", table, flags=re.MULTILINE)


class Trace:
    """Which functions of ours are called or go on, in the order in which each was first."""

    def __init__(self) -> None:
        self.calls: dict[Call, int] = {}
        self._root = f"{ROOT}/"

    def __enter__(self) -> Self:
        threading.setprofile(self._look)
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._root):
            self.calls.setdefault((code.co_filename.removeprefix(self._root), code.co_name), len(self.calls))


async def test_one_message_takes_the_hops_of_the_walk_in_their_order(
    tmp_path: Path, mattermost: FakeMattermost
) -> None:
    async with a_stage(tmp_path, ALL, chat(mattermost)) as stage:
        await stage.publish({"n": 1})
        await stage.settled(1)
        await stage.let_pass(1)  # until router and courier rest
        with Trace() as trace:
            await stage.publish({"n": 2})
            await stage.settled(2)
    assert len(hops()) > 12
    missing = [f"{path} {name}" for path, name in hops() if (path, name) not in trace.calls]
    assert not missing, named(missing, "the walk names functions that a message never meets:")
    taken = sorted(hops(), key=lambda hop: trace.calls[hop])
    assert taken == hops()
