"""The options of ``fake``; what is done with them is read when somebody does it (fake_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliGroup, Context, pass_context


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
    from bridge.cli.fake_run import run_mattermost

    run_mattermost(context, host, port, rate, overrides=overrides)
