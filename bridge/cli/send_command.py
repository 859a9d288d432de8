"""``send``: one test post, with the exact outcome."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.output import EXIT_FAILED, Failed, Output
from bridge.cli.typed import parse_named_values
from bridge.cli.visible import VisibleText

_COLORS = {"delivered": "green", "later": "yellow", "refused": "red"}


@click.command(cls=CliCommand)
@click.argument("destination")
@click.option("--text", help="The post's text, in Markdown.")
@click.option("--file", type=click.Path(path_type=Path, allow_dash=True), help="The text is in this file (- is stdin).")
@click.option("--title", help="Its title.")
@click.option("--link", help="What the title links to.")
@click.option(
    "--severity", type=click.Choice(["critical", "error", "warning", "info", "ok"]), help="How bad: gives the colour."
)
@click.option("--mention", help="Whom it calls, as the destination writes it.")
@click.option("--footer", help="A line below it.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A labelled value; may be given again.")
@click.option("--body", metavar="JSON", help="The exact payload in place of a text, for destinations that take one.")
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
    preview: bool,
    overrides: Sequence[str],
    fields: Sequence[str],
    **parts: Any,
) -> None:
    """Send one post to DESTINATION now, past rules, pace and retries, and say exactly what came of it.

    A text that is too long for one post is split or cut as a rule's would be. Exits with 1 unless all of it was
    delivered. Secrets are never shown.
    """
    values = {name: value for name, value in parts.items() if value is not None}
    if sum(name in values for name in ("text", "file", "body")) != 1:
        raise click.UsageError("give the text with --text or --file, or a payload with --body")
    if "link" in values:
        values["url"] = values.pop("link")
    if "file" in values:
        values["text"] = _content(values.pop("file"))
    if "body" in values:
        values["body"] = _payload(values["body"])
    asked = values | {
        "destination": destination,
        "fields": [{"title": name, "value": value} for name, value in parse_named_values(fields, "--field").items()],
        "overrides": parse_named_values(overrides, "--set"),
    }
    with connect_client(context) as client:
        answer = client.post("/api/preview" if preview else "/api/send", asked)
    output = context.output
    if output.as_json:
        output.print_value(answer)
    else:
        _tell(output, answer)
    if not preview and answer["outcome"] != "delivered":
        sys.exit(EXIT_FAILED)


def _tell(output: Output, answer: Any) -> None:
    """The parts one after the other, each with what it looks like, how large it is, and what came of it."""
    parts = [part.get("preview", part) for part in answer["parts"]]
    wanted = answer["text"]["parts"]
    output.say(f"to {parts[0]['target']}")
    if not output.quiet and parts[0]["headers"]:
        output.console.print(
            VisibleText("\n".join(f"{name}: {value}" for name, value in parts[0]["headers"].items())), soft_wrap=True
        )
    for number, shown in enumerate(parts, start=1):
        if wanted > 1:
            output.say(f"part {number} of {wanted}")
        if not output.quiet:
            output.console.print(VisibleText(_draw(shown["body"]), style="dim"), soft_wrap=True)
        output.say("  " + "; ".join(map(_size, shown["sizes"]))) if shown["sizes"] else None
        for remark in shown["remarks"]:
            output.say(f"  note: {remark}")
    _tell_text(output, answer["text"])
    if "outcome" in answer and not output.quiet:
        _tell_outcome(output, answer)


def _tell_text(output: Output, text: Any) -> None:
    most = text["most"]
    if text["fate"] == "split":
        output.say(f"the text has {text['characters']} characters, one post takes {most}: {text['parts']} posts")
    elif text["fate"] == "cut":
        output.say(f"the text has {text['characters']} characters, one post takes {most}: the rest is cut off")


def _tell_outcome(output: Output, answer: Any) -> None:
    line = VisibleText(answer["outcome"], style=f"bold {_COLORS[answer['outcome']]}")
    if answer["text"]["parts"] > 1:
        arrived = sum(part["outcome"] == "delivered" for part in answer["parts"])
        line.append(f", {arrived} of {answer['text']['parts']} parts arrived,", style="default")
    line.append(f" in {answer['took_s']:.3f} s", style="default")
    if answer["receipt"]:
        line.append(f", as {_post_id(answer['receipt'])}", style="default")
    output.console.print(line, soft_wrap=True)
    for why in filter(None, (answer["reason"], answer["next"])):
        output.say(f"  {why}")


def _draw(body: Any) -> str:
    """A body for people: JSON on lines of its own, also where it is sent as a text."""
    if isinstance(body, str):
        try:
            body = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return str(body)
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _size(size: Any) -> str:
    """``text 61 of 16383 characters``."""
    most = "" if size["most"] is None else f" of {size['most']}"
    return f"{size['of']} {size['has']}{most} {size['unit']}".rstrip()


def _post_id(receipt: str) -> str:
    """The post's id in a receipt, which holds more for the bridge itself."""
    try:
        read = msgspec.json.decode(receipt)
    except msgspec.DecodeError:
        return receipt
    return str(read["post"]) if isinstance(read, dict) and "post" in read else receipt


def _payload(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"this is no JSON: {error}", param_hint="--body") from error


def _content(file: Path) -> str:
    try:
        with click.open_file(str(file), "r", encoding="utf-8") as stream:
            content: str = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"cannot read {file}: {error}") from error
    return content
