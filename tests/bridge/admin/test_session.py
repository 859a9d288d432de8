"""Session cookies: good until their end, and only as they were issued."""

from __future__ import annotations

import pytest

from bridge.admin.session import LASTS_S, Sessions, Viewer
from broker.clock import ManualClock


async def test_a_cookie_names_its_viewer_until_its_end() -> None:
    clock = ManualClock()
    sessions = Sessions(b"k" * 32, clock)
    cookie = sessions.issue("ann. o'hara")
    assert sessions.read(cookie) == Viewer("ann. o'hara")
    await clock.advance(LASTS_S + 1)
    assert sessions.read(cookie) is None


@pytest.mark.parametrize("forged", ["", "x", "ann.99999999999.00", "ann.x.y", "a.b.c.d", "ä.1.2"])
def test_a_forged_cookie_is_nobody(forged: str) -> None:
    assert Sessions(b"k" * 32, ManualClock()).read(forged) is None


def test_a_cookie_of_another_key_is_nobody() -> None:
    clock = ManualClock()
    cookie = Sessions(b"a" * 32, clock).issue("ann")
    assert Sessions(b"b" * 32, clock).read(cookie) is None


def test_a_cookie_changed_by_one_letter_is_nobody() -> None:
    sessions = Sessions(b"k" * 32, ManualClock())
    assert sessions.read("b" + sessions.issue("ann")[1:]) is None
