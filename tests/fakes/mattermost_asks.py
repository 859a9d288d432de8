"""What is asked of a Mattermost server to learn how it answers: of a real one, once, and of the stand-in, always.

The answers of a real server 5.37 are in ``tests/data/mattermost-5.37.json``. A side is one server; each ask makes what
it needs, so that none depends on another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

import httpx

BROAD: Final = {"accept-encoding": "gzip"}
PLAIN: Final = {"accept-encoding": "identity"}
_ID: Final = re.compile(r"\b[a-z0-9]{26}\b")


class Side(Protocol):
    """One server, with the people hook-owner, alice and bob, and the bot ams-bridge, in the team operations."""

    def bot(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask the REST API as the bot; ``path`` begins behind ``/api/v4``."""

    def alice(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask the REST API as a person."""

    def raw(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        """Ask anything, as nobody."""

    def user(self, name: str) -> str:
        """The id of an account."""

    def channel(self, *, private: bool = False, members: tuple[str, ...] = ("ams-bridge", "alice", "bob")) -> str:
        """The id of a new channel."""

    def name_of(self, channel_id: str) -> str:
        """The name of a channel."""

    def hook(self, channel_id: str, *, locked: bool = False) -> str:
        """The id of a new webhook of hook-owner's."""

    def archive(self, channel_id: str) -> None:
        """Archive a channel."""

    def leave(self, channel_id: str, name: str) -> None:
        """Somebody is no member of a channel any more."""

    def delete_hook(self, hook_id: str) -> None:
        """Delete a webhook."""


Ask: TypeAlias = Callable[[Side], httpx.Response]
ASKS: dict[str, Ask] = {}


def ask(name: str) -> Callable[[Ask], Ask]:
    """Give an ask its name."""

    def named(function: Ask) -> Ask:
        ASKS[name] = function
        return function

    return named


def told(answer: httpx.Response) -> dict[str, Any]:
    """What of an answer is the same each time: status, kind, packing, and of the body its words or its keys."""
    said: dict[str, Any] = {
        "status": answer.status_code,
        "type": answer.headers.get("content-type", "").replace("; ", ";"),
        "encoding": answer.headers.get("content-encoding", ""),
    }
    try:
        body = answer.json()
    except ValueError:
        return said | {"text": "page" if "<" in answer.text else answer.text.strip()}
    if isinstance(body, list):
        return said | {"list": True}
    if "status_code" in body:
        return said | {"error": body["id"], "message": _ID.sub("ID", body["message"]), "keys": sorted(body)}
    return said | {"keys": sorted(body)}


def _posted(side: Side, channel_id: str, **more: Any) -> str:
    made = side.bot("POST", "/posts", {"channel_id": channel_id, "message": "disk full"} | more)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def _by_hook(side: Side, hook_id: str, payload: Any, **headers: str) -> httpx.Response:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return side.raw("POST", f"/hooks/{hook_id}", content, **{"content-type": "application/json", **headers})


def _first(side: Side) -> str:
    return side.hook(side.channel())


# --- packing --------------------------------------------------------------------------------------------


@ask("a long answer, gzip is fine")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/posts/{_posted(side, side.channel(), message='x' * 3_000)}", **BROAD)


@ask("a long answer, gzip is not fine")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/posts/{_posted(side, side.channel(), message='x' * 3_000)}", **PLAIN)


@ask("a short answer, gzip is fine")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/system/ping", **BROAD)


@ask("a long post made, gzip is fine")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "x" * 3_000}, **BROAD)


@ask("a long edit made, gzip is fine")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", f"/posts/{_posted(side, side.channel())}/patch", {"message": "x" * 3_000}, **BROAD)


@ask("posts of a channel, gzip is fine")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    _posted(side, channel, message="x" * 3_000)
    return side.bot("GET", f"/channels/{channel}/posts?per_page=200", **BROAD)


# --- webhooks -------------------------------------------------------------------------------------------


@ask("hook: posted")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full"})


@ask("hook: posted, gzip is fine")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full"}, **BROAD)


@ask("hook: its channel is archived")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    hook = side.hook(channel)
    side.archive(channel)
    return _by_hook(side, hook, {"text": "disk full"})


@ask("hook: it is deleted")
def _(side: Side) -> httpx.Response:
    hook = _first(side)
    side.delete_hook(hook)
    return _by_hook(side, hook, {"text": "disk full"})


@ask("hook: no such id")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, "a" * 26, {"text": "disk full"})


@ask("hook: another channel, archived")
def _(side: Side) -> httpx.Response:
    other = side.channel()
    name = side.name_of(other)
    side.archive(other)
    return _by_hook(side, _first(side), {"text": "disk full", "channel": name})


@ask("hook: another channel, not there")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": "nowhere"})


@ask("hook: another channel, in upper case")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": side.name_of(side.channel()).upper()})


@ask("hook: another channel, locked")
def _(side: Side) -> httpx.Response:
    hook = side.hook(side.channel(), locked=True)
    return _by_hook(side, hook, {"text": "disk full", "channel": side.name_of(side.channel())})


@ask("hook: another channel, private, its owner is no member")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": side.name_of(side.channel(private=True))})


@ask("hook: another channel, open, its owner is no member")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": side.name_of(side.channel())})


@ask("hook: a person")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": "@alice"})


@ask("hook: a person nobody knows")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": "@nobody"})


@ask("hook: its own creator")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": "@hook-owner"})


@ask("hook: no text")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {})


@ask("hook: empty attachments")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "", "attachments": []})


@ask("hook: no JSON")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), b"{nonsense")


@ask("hook: a text that is a number")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": 5})


@ask("hook: a NUL in the text")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk \0 full"})


@ask("hook: a NUL in a field")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "x", "attachments": [{"fields": [{"title": "a\0", "value": "b"}]}]})


@ask("hook: a priority nobody knows")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "priority": {"priority": "nonsense"}})


@ask("hook: a priority that is a text")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "priority": "urgent"})


@ask("hook: a priority to acknowledge")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "x", "priority": {"priority": "urgent", "requested_ack": True}})


@ask("hook: 310,000 characters")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "x" * 310_000})


@ask("hook: 16,384 characters")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "x" * 16_384})


@ask("hook: an attachment of 7,000 characters")
def _(side: Side) -> httpx.Response:
    fields = [{"title": "f", "value": "y" * 1_000} for _ in range(7)]
    return _by_hook(side, _first(side), {"text": "disk full", "attachments": [{"fields": fields}]})


@ask("hook: an attachment of 8,000 characters")
def _(side: Side) -> httpx.Response:
    fields = [{"title": "f", "value": "y" * 1_000} for _ in range(8)]
    return _by_hook(side, _first(side), {"text": "disk full", "attachments": [{"fields": fields}]})


@ask("hook: an attachment's text of 8,000 characters")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "attachments": [{"text": "y" * 8_000}]})


@ask("hook: a card of 8,000 characters")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "props": {"card": "y" * 8_000}})


@ask("hook: a system message")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "probe", "type": "system_probe"})


@ask("hook: a system message to another channel, archived")
def _(side: Side) -> httpx.Response:
    other = side.channel()
    name = side.name_of(other)
    side.archive(other)
    return _by_hook(side, _first(side), {"text": "probe", "channel": name, "type": "system_probe"})


@ask("hook: a system message to another channel, private")
def _(side: Side) -> httpx.Response:
    name = side.name_of(side.channel(private=True))
    return _by_hook(side, _first(side), {"text": "probe", "channel": name, "type": "system_probe"})


@ask("hook: a system message to another channel, locked")
def _(side: Side) -> httpx.Response:
    hook = side.hook(side.channel(), locked=True)
    asked = {"text": "probe", "channel": side.name_of(side.channel()), "type": "system_probe"}
    return _by_hook(side, hook, asked)


@ask("hook: a system message to a person nobody knows")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "probe", "channel": "@nobody", "type": "system_probe"})


@ask("hook: a system message to a person")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "probe", "channel": "@alice", "type": "system_probe"})


@ask("hook: a system message of a deleted hook")
def _(side: Side) -> httpx.Response:
    hook = _first(side)
    side.delete_hook(hook)
    return _by_hook(side, hook, {"text": "probe", "type": "system_probe"})


@ask("hook: a kind of message nobody knows")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "probe", "type": "nonsense"})


@ask("hook: GET")
def _(side: Side) -> httpx.Response:
    return side.raw("GET", f"/hooks/{_first(side)}")


@ask("GET of a path that is not there")
def _(side: Side) -> httpx.Response:
    return side.raw("GET", "/nothing/here")


@ask("POST to a path that is not there")
def _(side: Side) -> httpx.Response:
    return side.raw("POST", "/nothing/here", b"{}")


@ask("hook: an id with a dash")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, "not-an-id", {"text": "x"})


@ask("API: a path that is not there")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/nothing")


# --- a bot makes posts ----------------------------------------------------------------------------------


@ask("bot: posts")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "disk full"})


@ask("bot: no token")
def _(side: Side) -> httpx.Response:
    return side.raw("GET", "/api/v4/users/me")


@ask("bot: posts in an open channel it has not joined")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(members=("alice",)), "message": "x"})


@ask("bot: posts in an open channel it has left")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    side.leave(channel, "ams-bridge")
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x"})


@ask("bot: posts in a private channel that is not its")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(private=True, members=("alice",)), "message": "x"})


@ask("bot: posts in a channel that is not there")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": "a" * 26, "message": "x"})


@ask("bot: posts in an archived channel")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    side.archive(channel)
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x"})


@ask("bot: posts in an archived channel it is not in")
def _(side: Side) -> httpx.Response:
    channel = side.channel(members=("alice",))
    side.archive(channel)
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x"})


@ask("bot: 16,383 characters")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "ä" * 16_383})


@ask("bot: 16,384 characters")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "ä" * 16_384})


@ask("bot: 310,000 characters")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "x" * 310_000})


@ask("bot: an attachment of 7,000 characters")
def _(side: Side) -> httpx.Response:
    attachment = {"fields": [{"title": "f", "value": "y" * 1_000} for _ in range(7)]}
    asked = {"channel_id": side.channel(), "message": "x", "props": {"attachments": [attachment]}}
    return side.bot("POST", "/posts", asked)


@ask("bot: an attachment of 8,000 characters")
def _(side: Side) -> httpx.Response:
    attachment = {"fields": [{"title": "f", "value": "y" * 1_000} for _ in range(8)]}
    asked = {"channel_id": side.channel(), "message": "x", "props": {"attachments": [attachment]}}
    return side.bot("POST", "/posts", asked)


@ask("bot: a card of 8,000 characters")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "x", "props": {"card": "y" * 8_000}})


@ask("bot: an edit with a card of 8,000 characters")
def _(side: Side) -> httpx.Response:
    post = _posted(side, side.channel())
    return side.bot("PUT", f"/posts/{post}/patch", {"message": "x", "props": {"card": "y" * 8_000}})


@ask("bot: a NUL in the text")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "disk \0 full"})


@ask("bot: an edit with a NUL in the text")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", f"/posts/{_posted(side, side.channel())}/patch", {"message": "disk \0 full"})


@ask("bot: a priority nobody knows")
def _(side: Side) -> httpx.Response:
    asked = {"channel_id": side.channel(), "message": "x", "metadata": {"priority": {"priority": "nonsense"}}}
    return side.bot("POST", "/posts", asked)


@ask("bot: a priority to acknowledge")
def _(side: Side) -> httpx.Response:
    metadata = {"priority": {"priority": "urgent", "requested_ack": True}}
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "x", "metadata": metadata})


@ask("bot: a reply to no post")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "x", "root_id": "a" * 26})


@ask("bot: a reply to a reply")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    reply = _posted(side, channel, root_id=_posted(side, channel))
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x", "root_id": reply})


@ask("bot: a reply to a post that is deleted")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    root = _posted(side, channel)
    side.bot("DELETE", f"/posts/{root}")
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x", "root_id": root})


@ask("bot: a reply to a post of another channel")
def _(side: Side) -> httpx.Response:
    root = _posted(side, side.channel())
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "x", "root_id": root})


@ask("bot: the same pending id")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    _posted(side, channel, pending_post_id=f"once:{channel}")
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x", "pending_post_id": f"once:{channel}"})


@ask("bot: the same pending id when its post is deleted")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    post = _posted(side, channel, pending_post_id=f"gone:{channel}")
    side.bot("DELETE", f"/posts/{post}")
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x", "pending_post_id": f"gone:{channel}"})


@ask("bot: the same pending id after a refusal")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    pending = f"refused:{channel}"
    asked = {"channel_id": channel, "message": "x", "root_id": "a" * 26, "pending_post_id": pending}
    side.bot("POST", "/posts", asked)
    return side.bot("POST", "/posts", {"channel_id": channel, "message": "x", "pending_post_id": pending})


@ask("bot: a post that is a list")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", [])


@ask("bot: a post that is a number")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", 5)


@ask("bot: a post without a text")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel()})


@ask("bot: a system message")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": "x", "type": "system_probe"})


# --- a bot changes and reads ------------------------------------------------------------------------------


@ask("bot: edits its post")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", f"/posts/{_posted(side, side.channel())}/patch", {"message": "fine"})


@ask("bot: edits in an archived channel")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    post = _posted(side, channel)
    side.archive(channel)
    return side.bot("PUT", f"/posts/{post}/patch", {"message": "fine"})


@ask("bot: replaces a post in an archived channel")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    post = _posted(side, channel)
    side.archive(channel)
    return side.bot("PUT", f"/posts/{post}", {"id": post, "message": "fine"})


@ask("bot: edits in a channel it has left")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    post = _posted(side, channel)
    side.leave(channel, "ams-bridge")
    return side.bot("PUT", f"/posts/{post}/patch", {"message": "fine"})


@ask("bot: edits a post that is deleted")
def _(side: Side) -> httpx.Response:
    post = _posted(side, side.channel())
    side.bot("DELETE", f"/posts/{post}")
    return side.bot("PUT", f"/posts/{post}/patch", {"message": "fine"})


@ask("bot: edits a post that is not there")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", f"/posts/{'a' * 26}/patch", {"message": "fine"})


@ask("bot: edits a post of somebody else")
def _(side: Side) -> httpx.Response:
    made = side.alice("POST", "/posts", {"channel_id": side.channel(), "message": "mine"})
    return side.bot("PUT", f"/posts/{made.json()['id']}/patch", {"message": "fine"})


@ask("bot: an edit of 16,384 characters")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", f"/posts/{_posted(side, side.channel())}/patch", {"message": "ä" * 16_384})


@ask("bot: edits a reply whose root is deleted")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    root = _posted(side, channel)
    reply = _posted(side, channel, root_id=root)
    side.bot("DELETE", f"/posts/{root}")
    return side.bot("PUT", f"/posts/{reply}/patch", {"message": "fine"})


@ask("bot: reads a reply whose root is deleted")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    root = _posted(side, channel)
    reply = _posted(side, channel, root_id=root)
    side.bot("DELETE", f"/posts/{root}")
    return side.bot("GET", f"/posts/{reply}")


@ask("bot: deletes in an archived channel")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    post = _posted(side, channel)
    side.archive(channel)
    return side.bot("DELETE", f"/posts/{post}")


@ask("bot: deletes its post")
def _(side: Side) -> httpx.Response:
    return side.bot("DELETE", f"/posts/{_posted(side, side.channel())}")


@ask("bot: deletes a post twice")
def _(side: Side) -> httpx.Response:
    post = _posted(side, side.channel())
    side.bot("DELETE", f"/posts/{post}")
    return side.bot("DELETE", f"/posts/{post}")


@ask("bot: reads a post that is deleted")
def _(side: Side) -> httpx.Response:
    post = _posted(side, side.channel())
    side.bot("DELETE", f"/posts/{post}")
    return side.bot("GET", f"/posts/{post}")


@ask("bot: reads a post in an open channel it has left")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    post = _posted(side, channel)
    side.leave(channel, "ams-bridge")
    return side.bot("GET", f"/posts/{post}")


@ask("bot: reads a thread")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    root = _posted(side, channel)
    _posted(side, channel, root_id=root)
    return side.bot("GET", f"/posts/{root}/thread", **PLAIN)


@ask("bot: reads the posts of a channel")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel()}/posts", **PLAIN)


@ask("bot: reads the posts of an open channel it has not joined")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel(members=('alice',))}/posts", **PLAIN)


@ask("bot: reads the posts of a private channel that is not its")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel(private=True, members=('alice',))}/posts", **PLAIN)


@ask("bot: reads the posts of an archived channel")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    side.archive(channel)
    return side.bot("GET", f"/channels/{channel}/posts", **PLAIN)


@ask("bot: reads the posts of an archived channel it is not in")
def _(side: Side) -> httpx.Response:
    channel = side.channel(members=("alice",))
    side.archive(channel)
    return side.bot("GET", f"/channels/{channel}/posts", **PLAIN)


@ask("bot: reads the posts of a channel that is not there")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{'a' * 26}/posts", **PLAIN)


# --- a bot looks things up --------------------------------------------------------------------------------


@ask("bot: who it is")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/users/me", **PLAIN)


@ask("bot: its teams")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/users/me/teams", **PLAIN)


@ask("bot: a person by name")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/users/username/alice", **PLAIN)


@ask("bot: a person by name, in upper case")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/users/username/ALICE", **PLAIN)


@ask("bot: a person nobody knows, by name")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/users/username/nobody")


@ask("bot: a person nobody knows, by id")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/users/{'a' * 26}")


@ask("bot: a team by name")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/teams/name/operations", **PLAIN)


@ask("bot: a team that is not there")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/teams/name/nowhere")


@ask("bot: a channel by name")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/teams/name/operations/channels/name/{side.name_of(side.channel())}", **PLAIN)


@ask("bot: a channel by name, in upper case")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/teams/name/operations/channels/name/{side.name_of(side.channel()).upper()}", **PLAIN)


@ask("bot: an open channel it has not joined, by name")
def _(side: Side) -> httpx.Response:
    name = side.name_of(side.channel(members=("alice",)))
    return side.bot("GET", f"/teams/name/operations/channels/name/{name}", **PLAIN)


@ask("bot: a private channel that is not its, by name")
def _(side: Side) -> httpx.Response:
    name = side.name_of(side.channel(private=True, members=("alice",)))
    return side.bot("GET", f"/teams/name/operations/channels/name/{name}")


@ask("bot: an archived channel, by name")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    name = side.name_of(channel)
    side.archive(channel)
    return side.bot("GET", f"/teams/name/operations/channels/name/{name}")


@ask("bot: an archived channel, by id")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    side.archive(channel)
    return side.bot("GET", f"/channels/{channel}", **PLAIN)


@ask("bot: a channel that is not there, by name")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/teams/name/operations/channels/name/nowhere")


@ask("bot: a channel that is not there, by id")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{'a' * 26}")


@ask("bot: an open channel it has not joined, by id")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel(members=('alice',))}", **PLAIN)


@ask("bot: a private channel that is not its, by id")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel(private=True, members=('alice',))}")


@ask("bot: its place in a channel")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel()}/members/me", **PLAIN)


@ask("bot: its place in an open channel it has not joined")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel(members=('alice',))}/members/me", **PLAIN)


@ask("bot: its place in a private channel that is not its")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{side.channel(private=True, members=('alice',))}/members/me", **PLAIN)


@ask("bot: its place in a channel that is not there")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", f"/channels/{'a' * 26}/members/me", **PLAIN)


@ask("bot: its place in an archived channel")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    side.archive(channel)
    return side.bot("GET", f"/channels/{channel}/members/me", **PLAIN)


@ask("bot: a direct channel")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/channels/direct", [side.user("ams-bridge"), side.user("bob")], **PLAIN)


@ask("bot: a direct channel with nobody")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/channels/direct", [side.user("ams-bridge"), "a" * 26])


@ask("bot: a direct channel of others")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/channels/direct", [side.user("alice"), side.user("bob")])


@ask("bot: a direct channel of no ids")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/channels/direct", ["x", "y"])


@ask("bot: a direct channel of nothing")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/channels/direct", {})


@ask("bot: the hooks")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/hooks/incoming")


@ask("bot: reacts as somebody else")
def _(side: Side) -> httpx.Response:
    post = _posted(side, side.channel())
    return side.bot("POST", "/reactions", {"user_id": side.user("alice"), "post_id": post, "emoji_name": "eyes"})


@ask("bot: reacts")
def _(side: Side) -> httpx.Response:
    post = _posted(side, side.channel())
    return side.bot("POST", "/reactions", {"user_id": side.user("ams-bridge"), "post_id": post, "emoji_name": "eyes"})


@ask("bot: reacts with no emoji")
def _(side: Side) -> httpx.Response:
    post = _posted(side, side.channel())
    asked = {"user_id": side.user("ams-bridge"), "post_id": post, "emoji_name": "no spaces"}
    return side.bot("POST", "/reactions", asked)


@ask("bot: reacts in an archived channel")
def _(side: Side) -> httpx.Response:
    channel = side.channel()
    post = _posted(side, channel)
    side.archive(channel)
    return side.bot("POST", "/reactions", {"user_id": side.user("ams-bridge"), "post_id": post, "emoji_name": "eyes"})


@ask("bot: the limits")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/config/client?format=old", **PLAIN)


@ask("nobody: the limits")
def _(side: Side) -> httpx.Response:
    return side.raw("GET", "/api/v4/config/client?format=old", **PLAIN)


@ask("a ping")
def _(side: Side) -> httpx.Response:
    return side.raw("GET", "/api/v4/system/ping", **PLAIN)


def _action(runes: int) -> dict[str, Any]:
    """A button that carries a text."""
    integration = {"url": "http://127.0.0.1:9/x", "context": {"token": "t" * runes}}
    return {"id": "take", "name": "Take", "type": "button", "style": "primary", "integration": integration}


def _field(value: str) -> dict[str, Any]:
    return {"attachments": [{"fields": [{"title": "f", "value": value, "short": True}]}]}


def _at_the_edge(by: str, name: str, most: int, drawn: Callable[[int], dict[str, Any]]) -> None:
    """Two asks, of a bot or a hook: the most that is taken, and one more."""

    def asked(side: Side, runes: int) -> httpx.Response:
        if by == "hook":
            return _by_hook(side, _first(side), {"text": "x"} | drawn(runes))
        body = {"channel_id": side.channel(), "message": "x", "props": drawn(runes)}
        return side.bot("POST", "/posts", body, **PLAIN)

    ASKS[f"{by}: {name}, the most"] = lambda side: asked(side, most)
    ASKS[f"{by}: {name}, one more"] = lambda side: asked(side, most + 1)


_at_the_edge("bot", "a card", 7_971, lambda n: {"card": "y" * n})
_at_the_edge("bot", "a card of <", 1_328, lambda n: {"card": "<" * n})
_at_the_edge("bot", "a card of ä", 7_971, lambda n: {"card": "ä" * n})
_at_the_edge("bot", "a field", 7_712, lambda n: _field("y" * n))
_at_the_edge("bot", "an attachment's text", 7_747, lambda n: {"attachments": [{"text": "y" * n}]})
_at_the_edge("bot", "a button", 7_605, lambda n: {"attachments": [{"actions": [_action(n)]}]})
_at_the_edge("hook", "a card", 7_540, lambda n: {"props": {"card": "y" * n}})
_at_the_edge("hook", "a field", 7_281, lambda n: _field("y" * n))
_at_the_edge("hook", "a field of <", 1_213, lambda n: _field("<" * n))
_at_the_edge("hook", "a button", 7_174, lambda n: {"attachments": [{"actions": [_action(n)]}]})


@ask("bot: a text that is a number")
def _(side: Side) -> httpx.Response:
    return side.bot("POST", "/posts", {"channel_id": side.channel(), "message": 5})


@ask("bot: an edit's text that is a number")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", f"/posts/{_posted(side, side.channel())}/patch", {"message": 5})


@ask("bot: a post by what is no id")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/posts/none")


@ask("bot: a channel by what is no id")
def _(side: Side) -> httpx.Response:
    return side.bot("GET", "/channels/none")


@ask("bot: an edit by what is no id")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", "/posts/none/patch", {"message": "x"})


@ask("nobody: a path of the API that is not there")
def _(side: Side) -> httpx.Response:
    return side.raw("GET", "/api/v4/nothing")


@ask("bot: replaces a post, and says no id")
def _(side: Side) -> httpx.Response:
    return side.bot("PUT", f"/posts/{_posted(side, side.channel())}", {"message": "x"})


@ask("hook: a person, in upper case")
def _(side: Side) -> httpx.Response:
    return _by_hook(side, _first(side), {"text": "disk full", "channel": "@ALICE"})


@ask("hook: form-encoded")
def _(side: Side) -> httpx.Response:
    form = {"content-type": "application/x-www-form-urlencoded"}
    return side.raw("POST", f"/hooks/{_first(side)}", b'payload={"text":"disk+full"}', **form)
