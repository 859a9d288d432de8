"""``fake``: stand-ins of outside services, for people's own tests and trials."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bridge.cli.command_context import CliGroup, Context, pass_context
from bridge.cli.drawing import print_post
from bridge.cli.output import Failed, Output
from bridge.fakes.listening import serve
from bridge.fakes.mattermost import FakeMattermost, Post, RateLimit, Settings
from broker.clock import SystemClock

_LOOK_EVERY_S = 0.1


@click.group(cls=CliGroup)
def fake() -> None:
    """Stand-in servers for your own tests: mattermost."""


@fake.command("mattermost")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8065, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Answer 429 beyond this many calls per second.")
@click.option("--overrides/--no-overrides", default=True, show_default=True, help="Allow username and icon overrides.")
@pass_context
def mattermost(context: Context, host: str, port: int, rate: float | None, *, overrides: bool) -> None:
    """Be a Mattermost server as webhooks and bots see it, websocket included, and print each post.

    Any hook and channel that is posted to comes to be. A person's token lets you react and reply over its API.
    Ends with Ctrl-C. With --json each post is one line.
    """
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
    def started(url: str) -> None:
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
        await serve(server, host, port, started=started)
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
