"""Posts as HTML: readable, and never able to run anything."""

from __future__ import annotations

import pytest

from bridge.admin.markdown import to_html
from bridge.emoji import with_emoji


def test_known_emoji_names_become_characters_and_others_stay() -> None:
    assert with_emoji(":red_circle: at 10:30:00 :nope:") == "🔴 at 10:30:00 :nope:"


def test_markdown_is_drawn() -> None:
    assert str(to_html("**SITE-A** is\nCRITICAL")) == "<p><strong>SITE-A</strong> is<br />\nCRITICAL</p>\n"


def test_an_address_becomes_a_link() -> None:
    assert '<a href="https://ui.example.org/a?b=c">' in to_html("see https://ui.example.org/a?b=c")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](javascript:alert(1))",
        '<a href="javascript:alert(1)">x</a>',
        "javascript:alert(1)",
    ],
)
def test_nothing_in_a_post_can_run(text: str) -> None:
    html = str(to_html(text))
    assert "<script" not in html
    assert "<img src=x" not in html
    assert 'href="javascript' not in html
    assert 'href="data:' not in html
