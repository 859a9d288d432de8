"""What people read of digests, on one page beside this file; a difference fails with what should stand there."""

from __future__ import annotations

from pathlib import Path

from rules.model import Post
from tests.bridge.delivery.collapse.test_digest import ends, post, some
from tests.fakes.waiting import a_post, firing, old, resolved

PAGE = Path(__file__).with_name("digests.md")


def shown(made: Post) -> str:
    return f"({made.severity}) **{made.title}**\n{made.text}\n_{made.footer}_"


def the_page() -> str:
    fires = [firing(f"f{n}", n, order_key=f"f{n}", post=a_post(f"**Disk** is firing on web{n}")) for n in range(20)]
    life = [firing("b", 40, post=a_post("**Down** is firing on db1")), resolved("r", 30)]
    code = [old(f"n{n}", order_key=f"n{n}", post=a_post("```\ncode\n```")) for n in range(2)]
    digests = {
        "Fifteen messages": post(*some(15)),
        "Fifteen ends": post(*ends(15)),
        "470 ends and 20 that fire": post(*ends(470), *fires, most_named=5),
        "What came and went": post(lives=[life]),
        "Posts without a headline": post(*code),
    }
    return "\n\n".join(["# Digests", *(f"## {name}\n\n{shown(made)}" for name, made in digests.items())]) + "\n"


def test_digests_are_read_as_the_page_shows() -> None:
    page = the_page()
    assert PAGE.exists(), page
    assert page == PAGE.read_text()


def test_ends_are_green_and_counted_beside_what_fires() -> None:
    page = the_page()
    assert "(ok) **15 posts in one: 15 over (disks)**" in page
    assert "(warning) **490 posts in one: 470 over, 20 firing (disks)**" in page
