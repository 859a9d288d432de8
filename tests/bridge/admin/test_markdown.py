"""Posts as HTML: readable, and never able to run anything."""

from __future__ import annotations

import pytest

from bridge.admin.safe_markdown import to_html, to_line, to_words
from bridge.core.emoji import replace_emoji_names


def test_known_emoji_names_become_characters_and_others_stay() -> None:
    assert replace_emoji_names(":red_circle: at 10:30:00 :nope:") == "🔴 at 10:30:00 :nope:"


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


def test_an_image_is_a_link_so_that_nothing_is_fetched() -> None:
    html = to_html("![a tracker](https://evil.example/p.png)")
    assert "<img" not in html
    assert '<a href="https://evil.example/p.png" class="image">a tracker</a>' in html


def test_a_column_keeps_its_side_without_a_style_of_its_own() -> None:
    html = to_html("| a | b |\n|:--|--:|\n| 1 | 2 |")
    assert "style=" not in html
    assert '<td class="side-right">2</td>' in html


def test_a_title_that_is_a_link_holds_no_second_one() -> None:
    assert to_words("**SITE-A** [x](https://e.example) &lt;b&gt; `code`\n:red_circle:") == "SITE-A x <b> code 🔴"


def test_a_line_has_no_paragraph() -> None:
    assert to_line("*a* &amp; b") == "<em>a</em> &amp; b"
