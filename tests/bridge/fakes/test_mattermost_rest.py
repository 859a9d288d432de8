from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from broker.clock import ManualClock
from tests.fakes.mattermost import FakeMattermost, Settings, running


class Bot:
    """A bot's client, and the server and clock it works with."""

    def __init__(self, server: FakeMattermost, clock: ManualClock, http: httpx.Client) -> None:
        self.server = server
        self.clock = clock
        self.http = http
        self.me = http.get("/users/me").json()["id"]
        self.channel_id = http.get("/teams/name/operations/channels/name/monitoring").json()["id"]

    def create(self, status: int = 201, **changes: Any) -> dict[str, Any]:
        answer = self.http.post("/posts", json={"channel_id": self.channel_id, "message": "hello"} | changes)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def pass_time(self, seconds: float) -> None:
        asyncio.run(self.clock.advance(seconds))


@pytest.fixture
def bot() -> Iterator[Bot]:
    clock = ManualClock()
    with running(FakeMattermost(clock=clock)) as server:
        headers = {"authorization": f"Bearer {server.bot_token}"}
        with httpx.Client(base_url=f"{server.base_url}/api/v4", headers=headers, trust_env=False, timeout=10) as http:
            yield Bot(server, clock, http)


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic YTpi", "Bearer"])
def test_a_wrong_token_is_401(bot: Bot, authorization: str | None) -> None:
    bot.http.headers.pop("authorization")
    answer = bot.http.get("/users/me", headers={"authorization": authorization} if authorization else {})
    assert (answer.status_code, answer.json()["id"]) == (401, "api.context.session_expired.app_error")


def test_a_removed_account_is_401(bot: Bot) -> None:
    bot.server.town.remove_user("ams-bridge")
    assert bot.http.get("/users/me").status_code == 401


def test_names_are_looked_up(bot: Bot) -> None:
    me = bot.http.get("/users/me").json()
    assert (me["username"], me["is_bot"]) == ("ams-bridge", True)
    team = bot.http.get("/teams/name/operations").json()
    assert bot.http.get("/users/me/teams").json() == [team]
    channel = bot.http.get(f"/teams/{team['id']}/channels/name/monitoring").json()
    assert (channel["name"], channel["type"], channel["team_id"]) == ("monitoring", "O", team["id"])
    assert bot.http.get(f"/channels/{channel['id']}").json() == channel
    alice = bot.http.get("/users/username/alice").json()
    direct = bot.http.post("/channels/direct", json=[bot.me, alice["id"]])
    assert (direct.status_code, direct.json()["type"]) == (201, "D")


def test_only_who_made_webhooks_may_list_them(bot: Bot) -> None:
    assert bot.http.get("/hooks/incoming").status_code == 403
    owner = {"authorization": f"Bearer {bot.server.town.add_token('hook-owner')}"}
    assert bot.http.get("/hooks/incoming", headers=owner).json()[0]["id"] == bot.server.hook.id


@pytest.mark.parametrize(
    "path",
    ["/teams/name/none", "/teams/name/none/channels/name/monitoring", "/teams/name/operations/channels/name/none",
     "/users/username/none", "/channels/none", "/posts/none", "/nothing"],
)  # fmt: skip
def test_what_is_not_there_is_404(bot: Bot, path: str) -> None:
    answer = bot.http.get(path)
    assert (answer.status_code, answer.json()["status_code"]) == (404, 404)


def test_the_limits_can_be_asked_for(bot: Bot) -> None:
    config = bot.http.get("/config/client?format=old").json()
    assert config["MaxPostSize"] == "16383"
    assert (config["EnablePostUsernameOverride"], config["PostEditTimeLimit"]) == ("false", "-1")
    assert bot.http.get("/system/ping").json()["status"] == "OK"


def test_a_post_is_answered_with_its_id(bot: Bot) -> None:
    made = bot.create(message="@alice", props={"attachments": [{"text": "details"}], "marker": "m1"})
    (post,) = bot.server.posts
    assert (made["id"], made["message"], made["create_at"]) == (post.id, "@alice", bot.clock.wall_us() // 1000)
    assert (post.channel, post.username, post.attachments) == ("monitoring", "ams-bridge", ({"text": "details"},))
    assert made["props"] == {"marker": "m1", "from_bot": "true", "attachments": [{"text": "details"}]}
    assert bot.server.pings == {"@alice"}
    assert bot.http.get(f"/posts/{post.id}").json() == made


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"message": 5}, 400, "api.context.invalid_body_param.app_error"),
        ({"channel_id": "none"}, 403, "api.context.permissions.app_error"),
        ({"message": "ä" * 16_384}, 400, "model.post.is_valid.message_length.app_error"),
        ({"root_id": "none"}, 400, "api.post.create_post.root_id.app_error"),
        ({"metadata": {"priority": {"priority": "urgent", "requested_ack": True}}}, 501, "license_error"),
    ],
)
def test_a_post_that_cannot_be_made_is_refused(bot: Bot, changes: dict[str, Any], status: int, error: str) -> None:
    assert error in bot.create(status, **changes)["id"]
    assert bot.server.posts == []


def test_a_long_text_is_taken_up_to_the_limit_and_not_split(bot: Bot) -> None:
    assert len(bot.create(message="ä" * 16_383)["message"]) == 16_383
    assert len(bot.server.posts) == 1


def test_props_over_the_limit_are_refused(bot: Bot) -> None:
    bot.server.settings = replace(bot.server.settings, max_props_runes=100)
    assert bot.create(400, props={"a": "x" * 100})["id"] == "model.post.is_valid.props.app_error"


def test_a_channel_that_is_archived_or_not_the_bots_is_refused(bot: Bot) -> None:
    secret = bot.server.town.add_channel("secret", private=True)
    assert bot.create(403, channel_id=secret.id)["id"] == "api.context.permissions.app_error"
    bot.server.town.change_channel("monitoring", archived=True)
    assert bot.create(400)["id"] == "api.post.create_post.can_not_post_to_deleted.error"


def test_a_reply_stands_below_a_root_post_of_its_channel(bot: Bot) -> None:
    root = bot.create()
    reply = bot.create(root_id=root["id"])
    assert bot.http.get(f"/posts/{root['id']}").json()["reply_count"] == 1
    assert bot.create(400, root_id=reply["id"])["id"] == "api.post.create_post.root_id.app_error"
    elsewhere = bot.server.town.find_channel("town-square")
    assert elsewhere is not None
    refusal = bot.create(400, root_id=root["id"], channel_id=elsewhere.id)
    assert refusal["id"] == "api.post.create_post.channel_root_id.app_error"
    bot.http.delete(f"/posts/{root['id']}")
    assert bot.create(400, root_id=root["id"])["id"] == "api.post.create_post.root_id.app_error"


def test_the_same_pending_id_makes_one_post_for_thirty_seconds(bot: Bot) -> None:
    first = bot.create(pending_post_id="d1")
    bot.pass_time(29.9)
    assert bot.create(pending_post_id="d1", message="again")["id"] == first["id"]
    bot.pass_time(0.1)
    assert bot.create(pending_post_id="d1")["id"] != first["id"]
    assert len(bot.server.posts) == 2


def test_a_pending_id_in_flight_is_refused_and_a_failed_one_is_free(bot: Bot) -> None:
    bot.server.world.pending.begin("d1")
    assert bot.create(500, pending_post_id="d1")["id"] == "api.post.deduplicate_create_post.pending"
    bot.server.world.pending.forget("d1")
    bot.create(400, pending_post_id="d1", root_id="none")
    bot.create(pending_post_id="d1")


def test_a_silent_post_tells_nobody(bot: Bot) -> None:
    bot.http.post("/posts?silent=true", json={"channel_id": bot.channel_id, "message": "@all"})
    assert bot.server.pings == frozenset()


def test_a_patch_changes_what_it_names_and_replaces_all_props(bot: Bot) -> None:
    post_id = bot.create(props={"attachments": [{"text": "a"}], "marker": "m1"})["id"]
    bot.pass_time(1)
    patched = bot.http.put(f"/posts/{post_id}/patch", json={"message": "changed"}).json()
    assert (patched["message"], patched["props"]["marker"]) == ("changed", "m1")
    assert patched["edit_at"] == patched["update_at"] == patched["create_at"] + 1000
    patched = bot.http.put(f"/posts/{post_id}/patch", json={"props": {"marker": "m2"}, "is_pinned": True}).json()
    assert (patched["message"], patched["props"], patched["is_pinned"]) == ("changed", {"marker": "m2"}, True)
    assert [post.text for post in bot.server.world.board.history(post_id)] == ["hello", "changed", "changed"]
    assert len(bot.server.posts) == 1


def test_an_edit_can_be_waited_for(bot: Bot) -> None:
    post_id = bot.create()["id"]
    editing = threading.Thread(target=lambda: bot.http.put(f"/posts/{post_id}/patch", json={"message": "changed"}))
    editing.start()
    posts = bot.server.world.board.wait_until(lambda posts: posts[0].text == "changed", timeout_s=10)
    editing.join()
    assert posts[0].edit_at_ms
    with pytest.raises(TimeoutError, match="1 posts, and not as awaited"):
        bot.server.world.board.wait_until(lambda posts: len(posts) == 2, timeout_s=0.01)


def test_an_update_empties_what_it_leaves_out(bot: Bot) -> None:
    post_id = bot.create(props={"marker": "m1"})["id"]
    assert bot.http.put(f"/posts/{post_id}", json={"message": "x"}).status_code == 400
    updated = bot.http.put(f"/posts/{post_id}", json={"id": post_id}).json()
    assert (updated["message"], updated["props"]) == ("", {})


def test_an_edit_after_the_time_limit_is_refused_unless_the_text_stays(bot: Bot) -> None:
    bot.server.settings = replace(bot.server.settings, post_edit_limit_s=300)
    post_id = bot.create()["id"]
    bot.pass_time(300)
    assert bot.http.put(f"/posts/{post_id}/patch", json={"message": "in time"}).status_code == 200
    bot.pass_time(0.001)
    late = bot.http.put(f"/posts/{post_id}/patch", json={"message": "late"})
    assert (late.status_code, late.json()["id"]) == (400, "api.post.update_post.permissions_time_limit.app_error")
    assert bot.http.put(f"/posts/{post_id}/patch", json={"props": {}}).status_code == 200


def test_an_edit_over_the_limit_is_refused(bot: Bot) -> None:
    post_id = bot.create()["id"]
    answer = bot.http.put(f"/posts/{post_id}/patch", json={"message": "x" * 16_384})
    assert (answer.status_code, bot.server.posts[0].text) == (400, "hello")


def test_only_its_own_posts_that_still_stand_can_be_edited(bot: Bot) -> None:
    bot.http.post(bot.server.hook_url, json={"text": "by the hook"})
    theirs = bot.server.posts[0].id
    mine = bot.create()["id"]
    assert bot.http.delete(f"/posts/{mine}").json() == {"status": "OK"}
    for post_id in (theirs, mine, "none"):
        assert bot.http.put(f"/posts/{post_id}/patch", json={"message": "x"}).status_code == 403
        assert bot.http.delete(f"/posts/{post_id}").status_code == 403


def test_a_deleted_post_is_gone_for_people_but_told_to_who_asks_by_time(bot: Bot) -> None:
    post_id = bot.create()["id"]
    made_ms = bot.clock.wall_us() // 1000
    bot.pass_time(1)
    bot.http.delete(f"/posts/{post_id}")
    assert bot.server.posts == []
    assert bot.http.get(f"/posts/{post_id}").status_code == 404
    assert bot.http.get(f"/channels/{bot.channel_id}/posts").json()["order"] == []
    told = bot.http.get(f"/channels/{bot.channel_id}/posts", params={"since": made_ms}).json()
    assert told["posts"][post_id]["delete_at"] == made_ms + 1000


def test_a_channel_is_read_newest_first_in_pages_or_by_time(bot: Bot) -> None:
    ids = []
    for number in range(3):
        ids.append(bot.create(message=str(number))["id"])
        bot.pass_time(1)
    page = bot.http.get(f"/channels/{bot.channel_id}/posts", params={"per_page": 2}).json()
    assert page["order"] == [ids[2], ids[1]]
    assert [page["posts"][each]["message"] for each in page["order"]] == ["2", "1"]
    assert bot.http.get(f"/channels/{bot.channel_id}/posts?per_page=2&page=1").json()["order"] == [ids[0]]
    since = bot.server.posts[0].create_at_ms
    assert bot.http.get(f"/channels/{bot.channel_id}/posts?since={since}").json()["order"] == [ids[2], ids[1]]
    assert bot.http.get(f"/channels/{bot.channel_id}/posts?since=x").status_code == 400


def test_pinning_and_reactions(bot: Bot) -> None:
    post_id = bot.create()["id"]
    bot.http.post(f"/posts/{post_id}/pin")
    assert bot.server.posts[0].is_pinned
    bot.http.post(f"/posts/{post_id}/unpin")
    assert not bot.server.posts[0].is_pinned
    reaction = {"user_id": bot.me, "post_id": post_id, "emoji_name": "white_check_mark"}
    for _ in range(2):
        assert bot.http.post("/reactions", json=reaction).json()["emoji_name"] == "white_check_mark"
    assert len(bot.http.get(f"/posts/{post_id}/reactions").json()) == 1
    assert len(bot.http.get(f"/posts/{post_id}").json()["metadata"]["reactions"]) == 1
    bot.http.delete(f"/users/me/posts/{post_id}/reactions/white_check_mark")
    assert bot.http.get(f"/posts/{post_id}/reactions").json() == []
    assert bot.http.post("/reactions", json=reaction | {"user_id": "other"}).status_code == 403
    assert bot.http.post("/reactions", json=reaction | {"emoji_name": "no spaces"}).status_code == 400


def test_clients_do_not_see_where_a_button_calls_and_ids_are_made_up_where_missing(bot: Bot) -> None:
    action = {"name": "Take", "type": "button", "integration": {"url": "http://x.example", "context": {"secret": 1}}}
    made = bot.create(props={"attachments": [{"actions": [action]}]})
    (shown,) = made["props"]["attachments"][0]["actions"]
    assert (shown["name"], len(shown["id"]), "integration" in shown) == ("Take", 26, False)
    assert bot.server.posts[0].attachments[0]["actions"][0]["integration"]["context"] == {"secret": 1}


def test_a_body_over_the_limit_is_413_here_too() -> None:
    with running(FakeMattermost(Settings(max_payload_bytes=10))) as it, httpx.Client(trust_env=False) as http:
        assert http.post(f"{it.base_url}/api/v4/posts", json={"message": "x" * 10}).status_code == 413
