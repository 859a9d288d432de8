from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.fakes.mattermost.mentions import mentions_in
from tests.fakes.mattermost import FakeMattermost

PEOPLE = {"alice", "bob", "j.doe"}


def told(text: str) -> set[str]:
    return set(mentions_in([text], PEOPLE).told)


@pytest.mark.parametrize(
    "text",
    [
        "@channel", "look @channel!", "(@channel)", "@CHANNEL", "**@channel**", "a.@channel", "x:@channel", "@channel.",
        "@channel:", "> @channel", "* item\n* @channel", "1. a\n   @channel", "text\n    @channel", "\\@channel",
        "&#64;channel", "&commat;channel", "[@channel](http://a.example)", "~~@channel~~", "| a | @channel |",
        "# @channel", "`code` @channel", "``a`b`` @channel", "`@channel", "```\ncode\n```\n@channel", "> ```\n@channel",
        "- ```\n@channel", "a\u200b@channel", ":smile:@channel", "<b>@channel</b>", "![@channel](x.png)",
        "    code\n@channel", "http://a_b.example/@channel", "http://a.example>@channel", "a@b.example @channel",
        "~~~\ncode\n~~~\n@channel", "- a\n\n  @channel", "[a] @channel", "see www.a.example and @channel",
    ],
)  # fmt: skip
def test_this_tells_the_whole_channel(text: str) -> None:
    assert told(text) == {"@channel"}


@pytest.mark.parametrize(
    "text",
    [
        "", "channel", "@\u200bchannel", "@\u2060channel", "@ channel", "@channels", "a@channel", "`@channel`",
        "``@channel``", "`a\n@channel`", "```\n@channel\n```", "~~~\n@channel\n~~~", "```\n@channel", "    @channel",
        "\t@channel", "> ```\n> @channel\n> ```", "- a\n\n      @channel", "http://a.example/@channel",
        "https://a.example/?q=@all", "[a](@channel)", "[a](http://a.example/@channel)", "@channel-ops", "@chan*nel*",
        "www.a.example/@channel", "ops@channel.example", "@\\channel", ":@channel:", ":@channel:x", "* ```\n  @channel",
    ],
)  # fmt: skip
def test_this_tells_nobody(text: str) -> None:
    assert told(text) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@alice and @bob", {"@alice", "@bob"}),
        ("@Alice, @ALICE.", {"@alice"}),
        ("@j.doe.", {"@j.doe"}),
        ("@alice_ @here @all", {"@alice", "@here", "@all"}),
        ("@carol", set()),
    ],
)
def test_people_are_told_by_name(text: str, expected: set[str]) -> None:
    assert told(text) == expected


def test_a_name_that_nobody_has_is_shown_apart() -> None:
    assert mentions_in(["@carol and @alice"], PEOPLE).nobody == {"carol"}


def test_pretext_text_and_field_values_of_attachments_tell_people_but_titles_do_not(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    for attachment in (
        {"pretext": "@alice"},
        {"text": "@bob"},
        {"fields": [{"title": "@all", "value": "@here"}]},
        {"title": "@channel", "footer": "@channel", "fallback": "@channel"},
    ):
        http.post(mattermost.hook_url, json={"text": "x", "attachments": [attachment]})
    assert [set(post.pings) for post in mattermost.posts] == [{"@alice"}, {"@bob"}, {"@here"}, set()]
    assert mattermost.pings == {"@alice", "@bob", "@here"}


def test_a_silent_post_tells_nobody(mattermost: FakeMattermost, http: httpx.Client) -> None:
    http.post(mattermost.hook_url, json={"text": "@channel", "silent": True})
    assert mattermost.posts[0].mentions.everybody == {"@channel"}
    assert mattermost.pings == frozenset()


_MARKS = st.sampled_from(
    ["@channel", "@alice", "`", "```", "\n", "    ", "> ", "- ", "[", "](", ")", "\\", "&#64;", " ", "a", ":"]
)


@given(st.lists(_MARKS, max_size=20).map("".join))
@settings(max_examples=200, deadline=None)
def test_an_at_broken_by_a_zero_width_space_never_tells_anybody(text: str) -> None:
    broken = text.replace("@", "@\u200b").replace("&#64;", "&#64;\u200b")
    assert told(broken) == set()


@given(st.text(alphabet="@chanel`\n >-[]()\\&#;:*_~\t0123456789.", max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    told(text)
