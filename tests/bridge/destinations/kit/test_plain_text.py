"""Markdown taken apart, and written again in another way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.destinations.kit.plain_text import Dialect, PlainBlock, TextSpan, plain, read_blocks, read_line, write
from bridge.destinations.slack.blocks import mrkdwn
from rules.rendering.escape import escape_value

SHOUTING = Dialect(
    plain=str,
    bold=lambda text: f"B({text})",
    italic=lambda text: f"I({text})",
    struck=lambda text: f"S({text})",
    code=lambda text: f"C({text})",
    link=lambda text, url: f"L({text}|{url})",
    block=lambda text: f"[[{text}]]",
)


def shouted(markdown: str) -> str:
    return write(read_blocks(markdown), SHOUTING)


def test_styles_nest_and_keep_their_spaces_outside() -> None:
    assert shouted("a **b _c_** ~~d~~ `e*`") == "a B(b) B(I(c)) S(d) C(e*)"


def test_links_are_found_as_authors_and_events_write_them() -> None:
    assert shouted("[ui](https://x.example/a_b) https://y.example/c_d_e. <https://z.example>") == (
        "L(ui|https://x.example/a_b) L(https://y.example/c_d_e|https://y.example/c_d_e). "
        "L(https://z.example|https://z.example)"
    )


def test_a_word_with_dots_is_no_link() -> None:
    assert shouted("web1.example.org or a@b.example") == "web1.example.org or a@b.example"


def test_a_link_that_runs_programs_stays_text() -> None:
    assert "L(" not in shouted("[x](javascript:alert(1))")


def test_line_breaks_stay() -> None:
    assert shouted("a\nb  \nc\n\nd") == "a\nb\nc\n\nd"


def test_headings_are_bold_and_lines_are_lines() -> None:
    assert shouted("# a\n\n---\nc") == "B(a)\n\n———\n\nc"


def test_lists_keep_their_depth_and_numbers() -> None:
    assert shouted("- one\n  - two\n- three\n\ntext\n\n7. seven\n8. eight") == (
        "• one\n    • two\n• three\n\ntext\n\n7. seven\n8. eight"
    )


def test_quotes_are_quoted_line_by_line() -> None:
    assert shouted("> a\n> b\n\nc") == "> a\n> b\n\nc"


def test_signs_in_a_table_are_seen_where_a_block_of_code_shows_no_emoji() -> None:
    drawn = mrkdwn("|  | host |\n|---|---|\n| :red_circle: | web1 |\n| :large_green_circle: | :no-emoji: |")
    assert drawn.splitlines()[1:-1] == ["   host", "-  ----------", "🔴  web1", "🟢  :no-emoji:"]


def test_a_table_becomes_aligned_text() -> None:
    assert shouted("| a | b |\n|---|---|\n| `1` | **2** |\n| three | |") == "[[a      b\n-----  -\n1      2\nthree]]"


def test_code_blocks_stay_as_they_are() -> None:
    assert shouted("```sh\nls *_*\n```") == "[[ls *_*]]"


def test_raw_html_is_text() -> None:
    assert shouted("<b>x</b> <!channel>") == "<b>x</b> <!channel>"


def test_plain_text_says_what_people_would_read() -> None:
    assert plain("**disk** \\*full\\* on [web1](https://ui) &lt;b>") == "disk *full* on web1 (https://ui) <b>"


def test_a_title_is_one_line_and_no_list() -> None:
    assert read_line("1. a\n# **b**") == (PlainBlock("text", (TextSpan("1. a # "), TextSpan("b", bold=True))),)
    assert read_line("") == (PlainBlock("text"),)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab *_`~[]()<>|&#-+1.\\@:\n\t!=/"), max_size=40))
def test_an_event_value_reads_as_it_was_sent_and_has_no_power(value: str) -> None:
    blocks = read_blocks("x " + escape_value(value, line_start=False))
    spans = [span for block in blocks for span in block.spans]
    assert not any(span.bold or span.italic or span.struck or span.code or span.link for span in spans)
    said = "".join(block.code or "".join(span.text for span in block.spans) for block in blocks)
    assert "".join(said.replace("\u200b", "").split()) == "".join(("x" + value).split())
