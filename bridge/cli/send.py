"""``send``: one test post, with the exact outcome."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text

from bridge.cli.client import connected
from bridge.cli.context import Command, Context, pass_context
from bridge.cli.output import EXIT_FAILED, Failed, Output
from bridge.cli.typed import named_values

_COLORS = {"delivered": "green", "later": "yellow", "refused": "red"}


@click.command(cls=Command)
@click.argument("destination")
@click.option("--text", help="The post's text, in Markdown.")
@click.option("--file", type=click.Path(path_type=Path, allow_dash=True), help="The text is in this file (- is stdin).")
@click.option("--title", help="Its title.")
@click.option("--link", help="What the title links to.")
@click.option(
    "--severity", type=click.Choice(["critical", "error", "warning", "info", "ok"]), help="How bad: gives the colour."
)
@click.option("--mention", help="Whom it calls, as the destination writes it.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="What a send entry may say too, such as channel=ops.",
)
@click.option("--preview", is_flag=True, help="Only show what would be sent.")
@pass_context
def send(
    context: Context,
    /,
    destination: str,
    text: str | None,
    file: Path | None,
    preview: bool,
    overrides: Sequence[str],
    **parts: Any,
) -> None:
    """Send one post to DESTINATION now, past rules, pace and retries, and say exactly what came of it.

    Exits with 1 unless it was delivered. Secrets are never shown.
    """
    if (text is None) == (file is None):
        raise click.UsageError("give the text with --text or --file")
    said = {name: value for name, value in parts.items() if value is not None}
    if "link" in said:
        said["url"] = said.pop("link")
    body = said | {
        "destination": destination,
        "text": text if text is not None else _content(file),
        "overrides": named_values(overrides, "--set"),
    }
    with connected(context) as client:
        answer = client.post("/api/preview" if preview else "/api/send", body)
    output = context.output
    if output.as_json:
        output.value(answer)
    else:
        _tell(output, answer)
    if not preview and answer["outcome"] != "delivered":
        sys.exit(EXIT_FAILED)


def _tell(output: Output, answer: Any) -> None:
    shown = answer["preview"]
    output.say(f"to {shown['target']}")
    body = msgspec.json.format(msgspec.json.encode(shown["body"]), indent=2).decode()
    if not output.quiet:
        output.console.print(Text(body, style="dim"), soft_wrap=True)
    for remark in shown["remarks"]:
        output.warn(remark)
    if "outcome" not in answer or output.quiet:
        return
    line = Text(answer["outcome"], style=f"bold {_COLORS[answer['outcome']]}")
    line.append(f" in {answer['took_s']:.3f} s", style="default")
    if answer["receipt"]:
        line.append(f", as {answer['receipt']}", style="default")
    output.console.print(line, soft_wrap=True)
    for why in filter(None, (answer["reason"], answer["next"])):
        output.say(f"  {why}")


def _content(file: Path | None) -> str:
    try:
        with click.open_file(str(file), "r", encoding="utf-8") as stream:
            content: str = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"cannot read {file}: {error}") from error
    return content
