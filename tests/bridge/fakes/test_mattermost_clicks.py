from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bridge.fakes.trouble import Answer, Close
from tests.fakes.mattermost import FakeMattermost, Post
from tests.fakes.receiver import FakeWebhook, Reply


def posted(mattermost: FakeMattermost, http: httpx.Client, url: str, **changes: Any) -> Post:
    take = {"id": "take", "name": "Take", "integration": {"url": url, "context": {"token": "t1"}}} | changes
    attachment = {"text": "SITE-A", "actions": [take]}
    http.post(mattermost.hook_url, json={"text": "down", "attachments": [attachment], "props": {"keep": 1}})
    return mattermost.posts[-1]


def says(webhook_receiver: FakeWebhook, answer: object) -> None:
    webhook_receiver.reply = Reply(200, json.dumps(answer).encode())


@pytest.mark.parametrize("action", ["take", "Take"])
def test_a_click_calls_the_integration_as_the_server_does(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client, action: str
) -> None:
    post = posted(mattermost, http, f"{webhook_receiver.base_url}/chat")
    clicked = mattermost.click(post.id, action, username="bob")
    (request,) = webhook_receiver.requests
    called = request.json()
    bob = mattermost.town.find_user("bob")
    assert bob is not None
    assert (request.method, request.path, request.header("content-type")) == ("POST", "/chat", "application/json")
    assert {name: called[name] for name in ("user_id", "user_name", "channel_name", "team_domain", "post_id")} == {
        "user_id": bob.id,
        "user_name": "bob",
        "channel_name": "monitoring",
        "team_domain": "operations",
        "post_id": post.id,
    }
    assert (called["type"], called["context"], bool(called["trigger_id"])) == ("", {"token": "t1"}, True)
    assert (clicked.status, clicked.called, clicked.post) == (200, called, post)


def test_a_choice_is_added_to_the_context_of_a_menu(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client
) -> None:
    post = posted(mattermost, http, webhook_receiver.base_url, type="select", data_source="users")
    mattermost.click(post.id, "take", selected_option="4h")
    called = webhook_receiver.requests[0].json()
    assert (called["context"], called["data_source"]) == ({"token": "t1", "selected_option": "4h"}, "users")
    assert mattermost.posts[0].attachments[0]["actions"][0]["integration"]["context"] == {"token": "t1"}


def test_an_update_without_props_keeps_them(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client
) -> None:
    post = posted(mattermost, http, webhook_receiver.base_url)
    says(webhook_receiver, {"update": {"message": "taken by alice"}, "ephemeral_text": "yours"})
    clicked = mattermost.click(post.id, "take")
    (now,) = mattermost.posts
    assert (now.text, now.attachments, now.props) == ("taken by alice", post.attachments, post.props)
    assert (clicked.post, clicked.ephemeral_text) == (now, "yours")


def test_an_update_with_empty_props_removes_attachments_and_keeps_what_marks_a_webhook(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client
) -> None:
    mattermost.settings = replace(mattermost.settings, username_override=True)
    post = posted(mattermost, http, webhook_receiver.base_url)
    says(webhook_receiver, {"update": {"props": {}}})
    mattermost.click(post.id, "take")
    (now,) = mattermost.posts
    assert (now.text, now.attachments) == ("", ())
    assert dict(now.props) == {"from_webhook": "true", "override_username": "webhook"}


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Answer(500), "status=500"),
        (Answer(201, "{}"), "status=201"),
        (Answer(200, "thanks"), "not JSON"),
        (Answer(200, "[]"), "not a JSON object"),
        (Close(), "err="),
    ],
)
def test_any_answer_but_200_with_json_shows_the_person_an_error(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client, trouble: Answer | Close, error: str
) -> None:
    post = posted(mattermost, http, webhook_receiver.base_url)
    webhook_receiver.script.next(trouble)
    clicked = mattermost.click(post.id, "take")
    assert clicked.status == 400
    assert error in clicked.error
    assert mattermost.posts == [post]


def test_an_empty_answer_changes_nothing_and_an_error_may_be_told(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client
) -> None:
    post = posted(mattermost, http, webhook_receiver.base_url)
    assert mattermost.click(post.id, "take").status == 200
    says(webhook_receiver, {"error": {"message": "too late"}, "goto_location": "https://x.example"})
    clicked = mattermost.click(post.id, "take")
    assert (clicked.error, clicked.goto_location, clicked.post) == ("too late", "https://x.example", post)


def test_loopback_is_forbidden_unless_it_is_allowed(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client
) -> None:
    post = posted(mattermost, http, webhook_receiver.base_url)
    mattermost.settings = replace(mattermost.settings, allowed_internal_connections=())
    clicked = mattermost.click(post.id, "take")
    assert (clicked.status, clicked.called) == (400, None)
    assert "address forbidden" in clicked.error
    local = posted(mattermost, http, webhook_receiver.base_url.replace("127.0.0.1", "localhost"))
    assert mattermost.click(local.id, "take").status == 400
    assert webhook_receiver.requests == []


def test_an_id_with_an_underscore_has_no_route(
    mattermost: FakeMattermost, webhook_receiver: FakeWebhook, http: httpx.Client
) -> None:
    post = posted(mattermost, http, webhook_receiver.base_url, id="take_it")
    assert mattermost.click(post.id, "take_it").status == 404
    assert webhook_receiver.requests == []


def test_what_is_not_there_cannot_be_clicked(mattermost: FakeMattermost, http: httpx.Client) -> None:
    post = posted(mattermost, http, "http://127.0.0.1:1/")
    assert mattermost.click("none", "take").status == 404
    assert mattermost.click(post.id, "none").status == 404
    assert mattermost.click(post.id, "take", username="nobody").status == 404
