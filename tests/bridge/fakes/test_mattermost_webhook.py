from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.fakes.mattermost import FakeMattermost, Post


def posted(mattermost: FakeMattermost, http: httpx.Client, **payload: Any) -> Post:
    answer = http.post(mattermost.hook_url, json={"text": "hello"} | payload)
    assert (answer.status_code, answer.text) == (200, "ok")
    return mattermost.posts[-1]


def refused(mattermost: FakeMattermost, http: httpx.Client, **payload: Any) -> tuple[int, str]:
    mattermost.settings = replace(mattermost.settings, error_style="specific")
    before = mattermost.posts
    answer = http.post(mattermost.hook_url, json={"text": "hello"} | payload)
    assert mattermost.posts == before
    assert answer.json()["status_code"] == answer.status_code
    return answer.status_code, answer.json()["id"]


def test_a_post_is_answered_with_ok_in_plain_text_and_stands_in_the_hooks_channel(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    answer = http.post(mattermost.hook_url, json={"text": "**SITE-A** is CRITICAL"})
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "ok", "text/plain")
    (post,) = mattermost.posts
    assert (post.channel, post.text, post.username) == ("monitoring", "**SITE-A** is CRITICAL", "hook-owner")


def test_posts_are_kept_in_order_with_what_made_them(mattermost: FakeMattermost, http: httpx.Client) -> None:
    for number in range(3):
        http.post(mattermost.hook_url, json={"text": str(number)}, headers={"x-delivery": f"d{number}"})
    assert [post.text for post in mattermost.posts] == ["0", "1", "2"]
    assert [post.request.header("X-Delivery") for post in mattermost.posts] == ["d0", "d1", "d2"]
    assert mattermost.posts[1].request.json() == {"text": "1"}


@pytest.mark.parametrize(
    "payload", [{"text": ""}, {"text": "", "attachments": []}, {"text": None}, {"text": "", "props": {"card": "x"}}]
)
def test_an_empty_post_is_refused(mattermost: FakeMattermost, http: httpx.Client, payload: dict[str, Any]) -> None:
    assert refused(mattermost, http, **payload) == (400, "web.incoming_webhook.text.app_error")


def test_attachments_alone_make_a_post(mattermost: FakeMattermost, http: httpx.Client) -> None:
    post = posted(mattermost, http, text="", attachments=[{"text": "details", "color": "danger"}])
    assert (post.type, post.attachments) == ("slack_attachment", ({"text": "details", "color": "danger"},))


def test_an_empty_post_is_refused_before_the_hook_is_looked_up(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, error_style="specific")
    answer = http.post(f"{mattermost.base_url}/hooks/nosuchhook", json={})
    assert answer.json()["message"] == "No text specified."


def test_a_deleted_hook_is_invalid(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.town.delete_hook(mattermost.hook.id)
    assert refused(mattermost, http) == (400, "web.incoming_webhook.invalid.app_error")


def test_hooks_can_be_switched_off(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, hooks_enabled=False)
    assert refused(mattermost, http) == (501, "web.incoming_webhook.disabled.app_error")


@pytest.mark.parametrize("name", ["town-square", "#town-square"])
def test_a_post_goes_to_the_channel_it_names(mattermost: FakeMattermost, http: httpx.Client, name: str) -> None:
    assert posted(mattermost, http, channel=name).channel == "town-square"


def test_an_unknown_channel_is_not_found(mattermost: FakeMattermost, http: httpx.Client) -> None:
    assert refused(mattermost, http, channel="renamed") == (404, "web.incoming_webhook.channel.app_error")


def test_a_renamed_channel_is_found_by_its_new_name_only(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.town.change_channel("town-square", new_name="market")
    assert posted(mattermost, http, channel="market").channel == "market"
    assert refused(mattermost, http, channel="town-square")[0] == 404


def test_an_archived_channel_is_not_found(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.town.change_channel("town-square", archived=True)
    assert refused(mattermost, http, channel="town-square") == (404, "web.incoming_webhook.channel.app_error")


def test_the_webhooks_of_a_channel_that_is_archived_are_gone_for_good(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    mattermost.town.change_channel("monitoring", archived=True)
    assert refused(mattermost, http) == (400, "web.incoming_webhook.invalid.app_error")
    mattermost.town.change_channel("monitoring", archived=False)
    assert refused(mattermost, http) == (400, "web.incoming_webhook.invalid.app_error")


def test_a_direct_message_goes_to_a_channel_named_by_both_ids(mattermost: FakeMattermost, http: httpx.Client) -> None:
    owner, alice = (mattermost.town.find_user(name) for name in ("hook-owner", "alice"))
    assert owner is not None
    assert alice is not None
    channel = posted(mattermost, http, channel="@alice").channel
    assert channel == "__".join(sorted((owner.id, alice.id)))
    assert posted(mattermost, http, channel=channel).channel == channel


def test_a_direct_message_to_nobody_is_refused(mattermost: FakeMattermost, http: httpx.Client) -> None:
    assert refused(mattermost, http, channel="@nobody") == (400, "web.incoming_webhook.user.app_error")


def test_a_locked_hook_posts_to_its_own_channel_only(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.hook = mattermost.town.add_hook("monitoring", locked=True)
    assert posted(mattermost, http, channel="monitoring").channel == "monitoring"
    assert refused(mattermost, http, channel="town-square") == (403, "web.incoming_webhook.channel_locked.app_error")


def test_a_private_channel_needs_the_hooks_owner_as_a_member(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.town.add_channel("secret", private=True, members=["alice"])
    assert refused(mattermost, http, channel="secret") == (403, "web.incoming_webhook.permissions.app_error")
    mattermost.town.add_channel("ours", private=True, members=["hook-owner"])
    assert posted(mattermost, http, channel="ours").channel == "ours"


def test_a_hook_whose_owner_is_gone_is_refused(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.town.remove_user("hook-owner")
    assert refused(mattermost, http) == (403, "web.incoming_webhook.user.app_error")


def test_a_name_and_an_icon_are_ignored_in_silence_by_default(mattermost: FakeMattermost, http: httpx.Client) -> None:
    post = posted(mattermost, http, username="bot argo", icon_url="http://icon.example/a.png", icon_emoji=":robot:")
    assert (post.username, post.icon_url, post.icon_emoji) == ("hook-owner", None, None)


def test_a_name_and_an_icon_are_shown_where_the_server_allows_it(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    mattermost.settings = replace(mattermost.settings, username_override=True, icon_override=True)
    post = posted(mattermost, http, username="bot argo", icon_url="http://icon.example/a.png", icon_emoji=":robot:")
    assert (post.username, post.icon_url, post.icon_emoji) == ("bot argo", "http://icon.example/a.png", ":robot:")
    assert post.props["override_username"] == "bot argo"
    assert posted(mattermost, http).username == "webhook"


def test_the_servers_own_props_cannot_be_set(mattermost: FakeMattermost, http: httpx.Client) -> None:
    post = posted(mattermost, http, props={"card": "more", "from_bot": "true", "attachments": [{"text": "x"}]})
    assert dict(post.props) == {"card": "more", "from_webhook": "true", "webhook_display_name": ""}
    assert post.attachments == ()


@pytest.mark.parametrize(("type_asked", "status"), [("custom_alert", 200), ("system_join", 400), ("me", 500)])
def test_only_custom_types_are_taken(
    mattermost: FakeMattermost, http: httpx.Client, type_asked: str, status: int
) -> None:
    answer = http.post(mattermost.hook_url, json={"text": "hello", "type": type_asked})
    assert answer.status_code == status


def test_slack_links_and_announcements_are_rewritten(mattermost: FakeMattermost, http: httpx.Client) -> None:
    alice = mattermost.town.find_user("alice")
    assert alice is not None
    text = f"<http://a.example|site> <!channel> <@{alice.id}> <@nobody> *bold*"
    post = posted(mattermost, http, text=text, attachments=[{"pretext": "<http://b.example|b>", "title": "<!here>"}])
    assert post.text == "[site](http://a.example) @channel @alice <@nobody> *bold*"
    assert post.attachments == ({"pretext": "[b](http://b.example)", "title": "@here"},)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("text", "text"), (True, "true"), (5, "5"), (0, "0"), (2.50, "2.5"), (100000, "100000"), (1234567, "1.234567e+06"),
     (1e-7, "1e-07"), (-20000000, "-2e+07"), ([1, "a"], "[1 a]"), ({"b": 1, "a": None}, "map[a:<nil> b:1]")],
)  # fmt: skip
def test_field_values_become_texts_as_go_writes_them(
    mattermost: FakeMattermost, http: httpx.Client, value: object, shown: str
) -> None:
    post = posted(mattermost, http, attachments=[{"fields": [{"title": "t", "value": value, "short": True}]}])
    assert post.attachments[0]["fields"] == [{"title": "t", "value": shown, "short": True}]


@pytest.mark.parametrize(
    ("priority", "licensed", "error"),
    [
        ({"priority": "urgent"}, False, None),
        ({"priority": "standard"}, False, None),
        ({"requested_ack": True}, True, "api.context.invalid_param.app_error"),
        ({"priority": "shouting"}, True, "api.context.invalid_param.app_error"),
        ({"priority": "urgent", "requested_ack": True}, False, "license_error.feature_unavailable"),
        ({"priority": "urgent", "requested_ack": True}, True, None),
        ({"priority": "important", "persistent_notifications": True}, True, "urgent_persistent_notification_post"),
        ({"priority": "urgent", "persistent_notifications": True}, True, "min_recipients_persistent"),
    ],
)
def test_a_priority_that_cannot_be_had_is_400(
    mattermost: FakeMattermost, http: httpx.Client, priority: dict[str, Any], licensed: bool, error: str | None
) -> None:
    mattermost.settings = replace(mattermost.settings, licensed=licensed)
    if error is None:
        kept = posted(mattermost, http, priority=priority).priority
        assert kept is not None
        assert kept.priority == priority["priority"].replace("standard", "")
    else:
        status, error_id = refused(mattermost, http, priority=priority)
        assert status == 400
        assert error in error_id


def test_persistent_notifications_need_somebody_to_notify_and_not_too_many(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    mattermost.settings = replace(mattermost.settings, licensed=True, persistent_recipients=1)
    persistent = {"priority": "urgent", "persistent_notifications": True}
    assert posted(mattermost, http, text="@alice", priority=persistent).priority is not None
    assert "max_recipients" in refused(mattermost, http, text="@alice @bob", priority=persistent)[1]


def test_priorities_can_be_switched_off(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, post_priority=False)
    assert refused(mattermost, http, priority={"priority": "urgent"})[0] == 400


def test_a_reply_needs_a_root_post_in_the_same_channel(mattermost: FakeMattermost, http: httpx.Client) -> None:
    root = posted(mattermost, http)
    reply = posted(mattermost, http, root_id=root.id)
    assert reply.root_id == root.id
    assert refused(mattermost, http, root_id=reply.id)[0] == 400
    assert refused(mattermost, http, root_id=root.id, channel="town-square")[0] == 400
    assert "root_post" in refused(mattermost, http, root_id=root.id, priority={"priority": "urgent"})[1]


def test_an_older_server_knows_neither_replies_nor_silence(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, version=(10, 5))
    root = posted(mattermost, http, text="@all", silent=True)
    assert not root.silent
    assert posted(mattermost, http, root_id=root.id).root_id == ""


def test_a_newer_server_hides_the_cause_and_shows_the_hooks_id(mattermost: FakeMattermost, http: httpx.Client) -> None:
    answer = http.post(mattermost.hook_url, json={"text": "hello", "channel": "renamed"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "id": "web.incoming_webhook.general.app_error",
        "message": "Failed to handle the payload of media type application/json "
        f"for incoming webhook {mattermost.hook.id}.",
        "detailed_error": "",
        "request_id": answer.headers["x-request-id"],
        "status_code": 404,
    }


def test_a_developers_server_tells_the_cause_in_detail(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, developer=True)
    answer = http.post(mattermost.hook_url, json={"text": "hello", "channel": "renamed"})
    assert answer.json()["detailed_error"] == "Couldn't find the channel."


def test_an_older_server_names_the_cause(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, error_style="specific")
    answer = http.post(mattermost.hook_url, json={"text": "hello", "channel": "renamed"})
    assert answer.json()["id"] == "web.incoming_webhook.channel.app_error"
    assert answer.json()["message"] == "Couldn't find the channel."
    assert mattermost.hook.id not in answer.text


@pytest.mark.parametrize("style", ["wrapped", "specific"])
def test_a_request_over_the_limit_is_413_whatever_the_style(
    mattermost: FakeMattermost, http: httpx.Client, style: Any
) -> None:
    mattermost.settings = replace(mattermost.settings, error_style=style, max_payload_bytes=1000)
    answer = http.post(mattermost.hook_url, json={"text": "x" * 1000})
    assert (answer.status_code, answer.json()["id"]) == (413, "api.context.request_body_too_large.app_error")
    assert mattermost.posts == []


def test_a_get_shows_the_web_application_and_says_nothing_about_the_hook(
    mattermost: FakeMattermost, http: httpx.Client
) -> None:
    for url in (mattermost.hook_url, f"{mattermost.base_url}/hooks/nosuchhook"):
        answer = http.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")


def test_other_methods_and_unknown_api_paths_are_refused(mattermost: FakeMattermost, http: httpx.Client) -> None:
    assert http.put(mattermost.hook_url, json={"text": "x"}).status_code == 405
    assert http.post(f"{mattermost.base_url}/hook/x", json={"text": "x"}).status_code == 405
    answer = http.post(f"{mattermost.base_url}/api/v4/nothing", json={})
    assert (answer.status_code, answer.json()["id"]) == (404, "api.context.404.app_error")


def test_an_open_house_makes_hooks_and_channels_on_first_use(mattermost: FakeMattermost, http: httpx.Client) -> None:
    mattermost.settings = replace(mattermost.settings, open_house=True)
    for payload in ({"text": "1"}, {"text": "2", "channel": "new"}, {"text": "3", "channel": "@carol"}):
        assert http.post(f"{mattermost.base_url}/hooks/anything", json=payload).text == "ok"
    assert [post.channel for post in mattermost.posts][:2] == ["town-square", "new"]
