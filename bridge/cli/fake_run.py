"""``fake``: stand-ins of outside services, for people's own tests and trials."""

from __future__ import annotations

import asyncio
from typing import Any

from bridge.cli.command_context import Context
from bridge.cli.drawing import print_post
from bridge.cli.output import Failed, Output
from bridge.fakes.listening import serve
from bridge.fakes.mattermost import FakeMattermost, Post, RateLimit, Settings
from broker.clock import SystemClock

_LOOK_EVERY_S = 0.1


def run_mattermost(context: Context, host: str, port: int, rate: float | None, *, overrides: bool) -> None:
    """Be a Mattermost server until Ctrl-C."""
    limit = RateLimit(per_s=rate, burst=max(1, round(rate))) if rate is not None else None
    server = FakeMattermost(
        Settings(
            open_house=True, username_override=overrides, icon_override=overrides, rate_limit=limit, keep_last=1000
        )
    )
    try:
        asyncio.run(_serve(server, host, port, context.output))
    except OSError as error:
        raise Failed(f"cannot listen on {host}:{port}: {error.strerror}") from error
    except KeyboardInterrupt:
        context.output.say("stopped")


async def _serve(server: FakeMattermost, host: str, port: int, output: Output) -> None:
    def announce(url: str) -> None:
        if output.as_json:
            tokens = {"bot_token": server.bot_token, "person_token": alice}
            output.print_line({"url": url, "hook_url": server.hook_url, **tokens})
        output.say(f"Mattermost stands in at {url}")
        output.say(f"  a webhook:  {server.hook_url}")
        output.say(f"  a bot token: {server.bot_token}")
        output.say(f"  a person's token (alice, to reply and react as): {alice}")

    alice = server.town.add_token("alice")
    printing = asyncio.create_task(_print_posts(server, output), name="posts")
    try:
        await serve(server, host, port, started=announce)
    finally:
        printing.cancel()
        await asyncio.gather(printing, return_exceptions=True)


async def _print_posts(server: FakeMattermost, output: Output) -> None:
    clock = SystemClock()
    shown: set[str] = set()
    while True:
        for post in server.posts:
            if post.id not in shown:
                _print(post, output)
        shown = {post.id for post in server.posts}
        await clock.sleep(_LOOK_EVERY_S)


def _print(post: Post, output: Output) -> None:
    if output.as_json:
        output.print_line({"id": post.id, "channel": post.channel, "username": post.username, "text": post.text})
        return
    texts: list[Any] = [post.text, *(attachment.get("text") or "" for attachment in post.attachments)]
    print_post(output, {"text": "\n\n".join(filter(None, texts))}, f"{post.username} in {post.channel}")
