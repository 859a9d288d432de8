from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.fakes.mattermost.errors import AppError
from bridge.fakes.mattermost.splitting import split_post
from tests.fakes.mattermost import FakeMattermost, Settings

LONG = "ä" * 16_383


def test_a_text_at_the_limit_is_one_post(mattermost: FakeMattermost, http: httpx.Client) -> None:
    assert http.post(mattermost.hook_url, json={"text": LONG}).text == "ok"
    assert [len(post.text) for post in mattermost.posts] == [16_383]


def test_a_longer_text_becomes_several_posts_with_attachments_on_the_last(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    payload = {"text": LONG + LONG + "end", "attachments": [{"text": "details"}]}
    assert http.post(mattermost.hook_url, json=payload).text == "ok"
    posts = mattermost.posts
    assert [len(post.text) for post in posts] == [16_383, 16_383, 3]
    assert [len(post.attachments) for post in posts] == [0, 0, 1]
    assert [(post.part, post.parts) for post in posts] == [(0, 3), (1, 3), (2, 3)]
    assert len({post.request.number for post in posts}) == 1


@pytest.mark.parametrize(("after", "kept"), [(0, 0), (1, 1)])
def test_posting_can_fail_between_the_parts(
    mattermost: FakeMattermost, http: httpx.Client, after: int, kept: int
) -> None:
    mattermost.settings = replace(mattermost.settings, error_style="specific")
    mattermost.break_posting(after_parts=after)
    answer = http.post(mattermost.hook_url, json={"text": LONG + "end"})
    assert (answer.status_code, answer.json()["id"]) == (500, "api.post.create_webhook_post.creating.app_error")
    assert len(mattermost.posts) == kept
    assert http.post(mattermost.hook_url, json={"text": LONG + "end"}).text == "ok"
    assert len(mattermost.posts) == kept + 2


def test_attachments_that_do_not_fit_together_are_spread_over_posts() -> None:
    limits = Settings(max_props_runes=41_000)
    parts = split_post("t", [{"text": "a" * 700}, {"text": "b" * 700}], {}, 2_000, limits)
    assert [(part.text, len(part.attachments)) for part in parts] == [("t", 1), ("", 1)]


def test_an_attachment_too_large_alone_is_cut() -> None:
    (part,) = split_post("t", [{"text": "a" * 5_000, "color": "good"}], {}, 6_000, Settings(max_props_runes=41_000))
    assert 900 < len(part.attachments[0]["text"]) < 1_000


@pytest.mark.parametrize(
    ("attachment", "props"), [({"title": "a" * 5_000}, {}), ({"text": "x"}, {"card": "a" * 5_000})]
)
def test_what_cannot_be_cut_is_refused(attachment: dict[str, str], props: dict[str, str]) -> None:
    with pytest.raises(AppError) as refusal:
        split_post("t", [attachment], props, 6_000, Settings(max_props_runes=41_000))
    assert (refusal.value.status, refusal.value.id) == (400, "web.incoming_webhook.split_props_length.app_error")


def test_props_that_are_too_large_are_refused_over_http(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, max_props_runes=41_000)
    answer = http.post(mattermost.hook_url, json={"text": "x", "props": {"card": "a" * 2_000}})
    assert answer.status_code == 400
    assert mattermost.posts == []


@given(st.text(max_size=60), st.integers(1, 20), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_splitting_loses_nothing(text: str, size: int, attached: int) -> None:
    attachments = [{"text": str(number)} for number in range(attached)]
    parts = split_post(text, attachments, {}, 100, Settings(max_post_runes=size))
    assert "".join(part.text for part in parts) == text
    assert all(len(part.text) <= size for part in parts)
    assert [each for part in parts for each in part.attachments] == attachments
