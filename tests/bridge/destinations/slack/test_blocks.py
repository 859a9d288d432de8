"""How Slack is shown a post: its Markdown, mentions, limits and parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.destinations.slack.blocks import MAX_BLOCKS, MAX_SECTION_RUNES, draw, mention_of, mrkdwn
from bridge.fakes.slack import _check, _texts
from rules.model import Field, Post
from rules.rendering.escape import escape_value
from tests.bridge.destinations.parcels import a_parcel, of_incident

Z = "\u200b"


def drawn(form: str = "", **post: Any) -> dict[str, Any]:
    return draw(a_parcel(form=form, **post))


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


@pytest.mark.parametrize(
    ("markdown", "slack"),
    [
        ("**bold** _it_ ~~gone~~ `a*b`", "*bold* _it_ ~gone~ `a*b`"),
        ("[ui](https://x.example/?a=1&b=2)", "<https://x.example/?a=1&amp;b=2|ui>"),
        ("https://x.example/a_b_", "<https://x.example/a_b_>"),
        ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("# Title", "*Title*"),
        ("- one\n- two", "• one\n• two"),
        ("```\na < b\n```", "```\na &lt; b\n```"),
        ("snake_case 5 \\* 3", f"snake_case 5 {Z}*{Z} 3"),
        (":red_circle: ok", ":red_circle: ok"),
        ("tell @channel and @here", "tell <!channel> and <!here>"),
        ("mail a@channel.example", "mail a@channel.example"),
    ],
)
def test_markdown_becomes_slacks(markdown: str, slack: str) -> None:
    assert mrkdwn(markdown) == slack


@pytest.mark.parametrize(
    "value", ["*bold*", "_it_", "~gone~", "`code`", "<!channel>", "<@U123>", "@channel", "&lt;!here&gt;"]
)
def test_an_event_value_is_shown_and_does_nothing(value: str) -> None:
    shown = mrkdwn("x " + escape_value(value, line_start=False))
    assert "<!" not in shown
    assert "<@" not in shown
    assert not any(f" {mark}{letter}" in shown for mark in "*_~`" for letter in "bigc")


@pytest.mark.parametrize(
    ("mention", "slack"),
    [
        ("@channel", "<!channel>"),
        ("@here @all", "<!here> <!channel>"),
        ("<@U012AB3CD> <!subteam^S012>", "<@U012AB3CD> <!subteam^S012>"),
        ("<!everyone>", "<!everyone>"),
        ("@bob <script>", "@bob &lt;script&gt;"),
        ("", ""),
    ],
)
def test_a_mention_is_what_the_rule_says(mention: str, slack: str) -> None:
    assert mention_of(Post(text="", mention=mention)) == slack


def test_a_plain_text_is_one_section_and_its_notice() -> None:
    assert drawn() == {"text": "disk full", "blocks": [section("disk full")]}


def test_the_title_stands_above_with_its_link_and_is_what_notifications_show() -> None:
    body = drawn(title="SITE-A & B", url="https://ui.example", mention="@here")
    assert body["text"] == "SITE-A &amp; B"
    assert body["blocks"] == [section("<!here>\n*<https://ui.example|SITE-A &amp; B>*"), section("disk full")]


def test_fields_and_footer_stand_in_a_coloured_attachment() -> None:
    body = drawn(fields=(Field("vo", "ops"), Field("why", "x", short=False)), footer="argo", severity="critical")
    (attachment,) = body["attachments"]
    assert attachment["color"] == "#d24b4e"
    assert [block["type"] for block in attachment["blocks"]] == ["section", "section", "context"]
    assert attachment["blocks"][0]["fields"][0]["text"] == "*vo*\nops"


def test_a_colour_alone_colours_the_text() -> None:
    body = drawn(color="#ff0000")
    assert "blocks" not in body
    assert body["attachments"] == [{"fallback": "disk full", "blocks": [section("disk full")], "color": "#ff0000"}]


def test_the_course_of_an_incident_stands_in_the_footer() -> None:
    body = draw(of_incident("resolved", footer="argo"), course="lasted 5m · update 1")
    (attachment,) = body["attachments"]
    assert attachment["blocks"][0]["elements"][0]["text"] == "lasted 5m · update 1 · argo"
    assert attachment["color"] == "#3db887"


def test_the_plain_form_is_short_text_alone() -> None:
    body = drawn("plain", text="x" * 9_000, title="T", fields=(Field("a", "b"),))
    assert list(body) == ["text"]
    assert len(body["text"]) <= 2_500


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.sampled_from("a *_&<>`\n#-"), max_size=200).map(lambda part: part * 60),
    fields=st.integers(0, 60),
    long=st.booleans(),
)
def test_no_post_is_over_slacks_limits(text: str, fields: int, long: bool) -> None:
    value = "&" * (3_000 if long else 10)
    body = drawn(text=text[:9_000] or "x", title="t" * 500, fields=tuple(Field("f", value) for _ in range(fields)))
    _check(body)
    blocks = [*body.get("blocks", ()), *(block for each in body.get("attachments", ()) for block in each["blocks"])]
    assert len(blocks) <= MAX_BLOCKS
    assert all(len(each) <= MAX_SECTION_RUNES for each in _texts(blocks))
