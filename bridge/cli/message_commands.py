"""``publish`` and ``pull``: messages from and to a shell, through the AMS API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, text_column, time_column
from bridge.cli.naming import resource_path
from bridge.cli.output import Failed
from bridge.cli.typed import parse_named_values
from bridge.cli.visible import make_visible_line

if TYPE_CHECKING:
    from bridge.cli.client import Client

_BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024
_FOLLOW_EVERY_S = 0.5


@click.command(cls=CliCommand)
@click.argument("topic")
@click.option("--data", "text", help="The message's text.")
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="One message: the file's content (- is standard input).",
)
@click.option(
    "--lines",
    "lines",
    type=click.Path(path_type=Path, allow_dash=True),
    help="One message per line of this file (- is standard input).",
)
@click.option(
    "--attribute",
    "-a",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="An attribute; may be given more than once.",
)
@pass_context
def publish(
    context: Context, topic: str, text: str | None, file: Path | None, lines: Path | None, attributes: Sequence[str]
) -> None:
    """Publish to TOPIC (projects/P/topics/T, or P/T)."""
    if sum(given is not None for given in (text, file, lines)) != 1:
        raise click.UsageError("give exactly one of --data, --file and --lines")
    path = resource_path(topic, "topics")
    named = parse_named_values(attributes, "--attribute")
    with connect_client(context) as client:
        if lines is not None:
            count = _publish_lines(client, context, path, lines, named)
            context.output.confirm(f"{count} messages published to {topic}", {"published": count})
            return
        payload = text.encode() if text is not None else _content(file)
        ids = _publish(client, path, [payload], named)
        context.output.confirm(f"message {ids[0]} published to {topic}", {"messageIds": ids})


@click.command(cls=CliCommand)
@click.argument("subscription")
@click.option(
    "--max", "most", type=click.IntRange(1), default=10, show_default=True, help="How many messages at most (per pull)."
)
@click.option("--ack", is_flag=True, help="Acknowledge what was shown.")
@click.option("--follow", is_flag=True, help="Go on until interrupted; needs --ack.")
@pass_context
def pull(context: Context, subscription: str, most: int, *, ack: bool, follow: bool) -> None:
    """Pull from SUBSCRIPTION (projects/P/subscriptions/S, or P/S)."""
    if follow and not ack:
        raise click.UsageError("--follow needs --ack: without it the same messages would come again and again")
    path = resource_path(subscription, "subscriptions")
    with connect_client(context) as client:
        if follow:
            _follow(client, context, path, most)
            return
        received = _pull(client, path, most, ack=ack)
    context.output.print_rows([_show(message) for message in received], _COLUMNS, empty="No message is waiting.")


_COLUMNS = [
    Column("Id", lambda row: row["id"], number=True),
    time_column("Published", lambda row: row["published"]),
    Column("Attributes", lambda row: " ".join(f"{k}={v}" for k, v in row["attributes"].items()), below=True),
    text_column("Data", "data", below=True),
]


def _publish(client: Client, path: str, payloads: Iterable[bytes], attributes: dict[str, str]) -> list[str]:
    messages = [{"data": base64.b64encode(payload).decode(), "attributes": attributes} for payload in payloads]
    ids: list[str] = client.post(f"{path}:publish", {"messages": messages})["messageIds"]
    return ids


def _publish_lines(client: Client, context: Context, path: str, file: Path, attributes: dict[str, str]) -> int:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    size = file.stat().st_size if str(file) != "-" and file.exists() else None
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=context.output.errors,
        disable=context.output.quiet or not context.output.errors.is_terminal,
    )
    count = 0
    with progress, _open(file) as stream:
        bar = progress.add_task("publishing", total=size)
        for batch in _batches(line.rstrip(b"\r\n") for line in stream):
            try:
                _publish(client, path, batch, attributes)
            except Failed as error:
                raise Failed(
                    f"{error.message} {count} messages were published before; go on from line {count + 1}."
                ) from error
            count += len(batch)
            progress.update(bar, advance=sum(len(line) + 1 for line in batch), description=f"{count} published")
    return count


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines in batches bounded by number and size; empty lines are passed over."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if not line.strip():
            continue
        if batch and (len(batch) == _BATCH or size + len(line) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _open(file: Path) -> IO[bytes]:
    try:
        stream: IO[bytes] = click.open_file(str(file), "rb")
    except OSError as error:
        raise Failed(f"cannot read {file}: {error.strerror}") from error
    return stream


def _content(file: Path | None) -> bytes:
    with _open(file or Path("-")) as stream:
        return stream.read()


def _pull(client: Client, path: str, most: int, *, ack: bool) -> list[Any]:
    answer = client.post(f"{path}:pull", {"maxMessages": str(most), "returnImmediately": "true"})
    received: list[Any] = answer["receivedMessages"]
    if ack and received:
        client.post(f"{path}:acknowledge", {"ackIds": [received[-1]["ackId"]]})
    return received


def _follow(client: Client, context: Context, path: str, most: int) -> None:
    from broker.clock import SystemClock

    pause = SystemClock().pause
    try:
        while True:
            received = _pull(client, path, most, ack=True)
            for shown in islice((_show(message) for message in received), len(received)):
                if context.output.as_json:
                    context.output.print_line(shown)
                else:
                    context.output.say(make_visible_line(f"{shown['id']}  {shown['published']}  {shown['data']}"))
            if not received:
                pause(_FOLLOW_EVERY_S)
    except KeyboardInterrupt:
        context.output.say("stopped")


def _show(received: Any) -> dict[str, Any]:
    message = received["message"]
    return {
        "id": message["messageId"],
        "published": message["publishTime"],
        "attributes": message.get("attributes", {}),
        "data": _decode(message["data"]),
    }


def _decode(data: str) -> str:
    """The text behind base64, or the data as it is when it is not base64 or not text."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return data
