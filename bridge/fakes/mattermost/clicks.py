"""A click on a button or a choice from a menu: the call the server makes, and what its answer changes.

The call carries no signature. The answer must be 200 with JSON (or nothing); ``update`` rewrites the post, and what
it leaves out matters: no ``props`` keeps them, empty ``props`` removes all attachments, no ``message`` empties it.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from bridge.fakes.mattermost.actions import assign_action_ids, find_action
from bridge.fakes.mattermost.attachments import props_runes
from bridge.fakes.mattermost.model import Post, User
from bridge.fakes.mattermost.world import World

_ROUTABLE_ID = re.compile(r"[A-Za-z0-9]+")
_RETAINED_PROPS = ("from_webhook", "override_username", "override_icon_url")


@dataclass(frozen=True, slots=True)
class Click:
    """What became of a click, as the person sees it.

    ``status`` is 200, or the error's status with ``error`` saying why. ``called`` is the body that was posted to the
    integration, None when nothing was called; ``post`` is the post as it stands afterwards.
    """

    status: int
    post: Post | None
    called: Mapping[str, Any] | None = None
    error: str = ""
    ephemeral_text: str = ""
    goto_location: str = ""


def click(world: World, post_id: str, action: str, username: str, selected_option: str | None = None) -> Click:
    """Click an action of a post, by its id or name, as ``username``. Blocks until the integration answered."""
    post = world.board.find(post_id)
    user = world.town.find_user(username)
    found = find_action(post.attachments, action) if post and not post.delete_at_ms else None
    if post is None or user is None or found is None or not (found.get("integration") or {}).get("url"):
        return Click(404, post, error="there is no such post, person or action")
    if not _ROUTABLE_ID.fullmatch(found["id"]):
        return Click(404, post, error="an action's id may hold letters and digits only: the server has no route to it")
    url = found["integration"]["url"]
    if _is_forbidden(url, world.settings.allowed_internal_connections):
        return Click(
            400, post, error="address forbidden, you may need to set AllowedUntrustedInternalConnections to allow it"
        )
    called = _call(world, post, user, found, selected_option)
    try:
        with httpx.Client(timeout=world.settings.action_timeout_s, trust_env=False) as http:
            answer = http.post(url, json=called, headers={"accept": "application/json"})
    except httpx.HTTPError as error:
        return Click(400, post, called, f"Action integration error. err={error}")
    return _after(world, post, called, answer)


def _call(world: World, post: Post, user: User, action: Mapping[str, Any], selected: str | None) -> dict[str, Any]:
    channel = world.town.channels[post.channel_id]
    context = dict(action["integration"].get("context") or {})
    is_menu = action.get("type") == "select"
    if is_menu and selected:
        context["selected_option"] = selected
    trigger = f"{world.ids.new()}:{user.id}:{world.now_ms}:{world.ids.new()}"
    team = world.town.team
    return {
        "user_id": user.id,
        "user_name": user.username,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "team_id": channel.team_id,
        "team_domain": team.name if channel.team_id else "",
        "post_id": post.id,
        "trigger_id": base64.b64encode(trigger.encode()).decode(),
        "type": action.get("type") or "",
        "data_source": (action.get("data_source") or "") if is_menu and selected else "",
        **({"context": context} if context else {}),
    }


def _after(world: World, post: Post, called: Mapping[str, Any], answer: httpx.Response) -> Click:
    if answer.status_code != 200:
        return Click(400, post, called, f"Action integration error. status={answer.status_code}")
    try:
        said = json.loads(answer.content) if answer.content else {}
    except ValueError:
        return Click(400, post, called, "Action integration error. the answer is not JSON")
    if not isinstance(said, dict):
        return Click(400, post, called, "Action integration error. the answer is not a JSON object")
    if isinstance(said.get("update"), dict):
        if world.town.channels[post.channel_id].archived:
            return Click(400, post, called, "Can not update a post in a deleted channel.")
        updated = _update(world, post, said["update"])
        if wrong := _too_large(world, updated):
            return Click(400, post, called, wrong)
        post = updated
        world.board.change(post)
    return Click(
        200,
        post,
        called,
        (said.get("error") or {}).get("message", ""),
        said.get("ephemeral_text") or "",
        said.get("goto_location") or "",
    )


def _update(world: World, post: Post, update: Mapping[str, Any]) -> Post:
    now_ms = world.now_ms
    text = update.get("message") or ""
    changed = replace(post, text=text, update_at_ms=now_ms, edit_at_ms=now_ms if text != post.text else post.edit_at_ms)
    if update.get("props") is None:
        return changed
    props = {name: value for name, value in update["props"].items() if name not in (*_RETAINED_PROPS, "attachments")}
    props |= {name: post.props[name] for name in _RETAINED_PROPS if name in post.props}
    attachments = assign_action_ids(update["props"].get("attachments") or (), world.ids)
    return replace(changed, props=props, attachments=attachments)


def _too_large(world: World, post: Post) -> str:
    """Why the server does not keep such a post; "" when it does."""
    if len(post.text) > world.settings.max_post_runes:
        return "Invalid message."
    runes = props_runes(post.props, post.attachments, fills_in=world.settings.is_of_5)
    over = runes > world.settings.props_limit_runes
    return "Invalid props." if over else ""


def _is_forbidden(url: str, allowed: tuple[str, ...]) -> bool:
    host = urlsplit(url).hostname or ""
    if host in allowed:
        return False
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_link_local
