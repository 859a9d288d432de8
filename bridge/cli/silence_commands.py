"""``silence``: keep quiet what is known, for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bridge.cli.command_context import CliCommand, Context, pass_context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, id_column, text_column, time_column
from bridge.cli.typed import duration, show_time
from rules.source.scalars import recall_word, typed_word

_COLORS = {"active": "green", "expired": "dim", "pending": "yellow"}
_LISTED = [
    Column("State", lambda row: row["state"], style=lambda row: _COLORS[row["state"]]),
    Column("Matchers", lambda row: _matchers(row["matchers"]), below=True),
    time_column("Until", lambda row: show_time(row["until"])),
    text_column("Who", "who"),
    text_column("Why", "why", below=True),
]


@click.command("add", cls=CliCommand)
@click.argument("matchers", metavar="MATCHER...", nargs=-1, required=True)
@click.option("--for", "for_s", type=duration, help="How long, such as 2h.")
@click.option("--until", help="When it ends, such as 2026-01-05T12:00:00Z.")
@click.option("--starts", help="When it begins, if not now.")
@click.option("--why", required=True, help="Why: whoever is on call reads it.")
@click.option("--who", help="Who, if not the owner of the token.")
@click.option(
    "--keep-waiting", is_flag=True, help="Leave deliveries that wait already; by default they are suppressed."
)
@pass_context
def add(context: Context, /, matchers: Sequence[str], **options: Any) -> None:
    """Keep quiet what all MATCHERs fit, from now on and among what waits.

    A MATCHER is NAME=VALUE, or NAME~GLOB. NAME is rule, topic, destination, key or severity, or a place of the event
    such as '$.endpoint_group' or attributes.vo. A VALUE fits text and number alike: '$.labels.port=9100' keeps 9100 and
    "9100" quiet. The answer says what it covers now: open incidents and waiting posts. Incidents that were told are
    still told to be over.
    """
    from bridge.operate.silence_coverage import coverage_text  # with the engine of rules, and only ``add`` needs it

    body = {name: value for name, value in options.items() if value not in (None, False)}
    if ("for_s" in body) == ("until" in body):
        raise click.UsageError("say when it ends: either --for or --until")
    with connect_client(context) as client:
        answer = client.post("/api/silences", body | {"matchers": matchers_of(matchers)})
    made, suppressed = answer["silence"], answer["suppressed"]
    context.output.confirm(f"silence {made['id']} holds until {show_time(made['until'])}", answer)
    context.output.say(f"  {coverage_text(**answer['covers'])}")
    if suppressed:
        context.output.say(f"  waiting deliveries suppressed: {suppressed}")


@click.command("list", cls=CliCommand)
@click.option("--all", "with_expired", is_flag=True, help="Show expired ones too.")
@pass_context
def list_silences(context: Context, *, with_expired: bool) -> None:
    """Silences that hold or will hold, the first to end first."""
    with connect_client(context) as client:
        silences = client.get("/api/silences", all="true" if with_expired else None)["silences"]
    context.output.print_rows(silences, [id_column(silences), *_LISTED], empty="Nothing is silenced.")


@click.command("preview", cls=CliCommand)
@click.argument("matchers", metavar="MATCHER...", nargs=-1, required=True)
@pass_context
def preview(context: Context, matchers: Sequence[str]) -> None:
    """Say what a silence with these MATCHERs would keep quiet: posts of the last 7 days, and what is open now."""
    import msgspec

    from bridge.operate.silence_preview import SilencePreview, preview_text  # with the engine of rules, as for ``add``

    with connect_client(context) as client:
        answer = client.post("/api/silences:preview", {"matchers": matchers_of(matchers)})
    context.output.confirm(f"it {preview_text(msgspec.convert(answer, SilencePreview))}", answer)


@click.command("change", cls=CliCommand)
@click.argument("silence_id", metavar="ID")
@click.option("--longer", "longer_s", type=duration, help="Let it hold so much longer, such as 2h.")
@click.option("--for", "for_s", type=duration, help="Let it end so long from now.")
@click.option("--until", help="Let it end then, such as 2026-01-05T12:00:00Z.")
@click.option("--why", help="Say another reason.")
@pass_context
def change(context: Context, /, silence_id: str, **options: Any) -> None:
    """Let the silence ID end later or earlier, or say another reason."""
    body = {name: value for name, value in options.items() if value is not None}
    if not body:
        raise click.UsageError("say what changes: --longer, --for, --until or --why")
    with connect_client(context) as client:
        answer = client.post(f"/api/silences/{silence_id}:change", body)
    context.output.confirm(f"silence {silence_id} holds until {show_time(answer['silence']['until'])}", answer)


@click.command("expire", cls=CliCommand)
@click.argument("silence_id", metavar="ID")
@pass_context
def expire(context: Context, silence_id: str) -> None:
    """End the silence ID now.

    Incidents it kept quiet and that still fire are told when they fire again, or within a quarter of an hour.
    """
    with connect_client(context) as client:
        answer = client.post(f"/api/silences/{silence_id}:expire")
    context.output.confirm(f"silence {silence_id} has ended", answer)


def matchers_of(typed: Sequence[str]) -> dict[str, Any]:
    """Matchers as the API takes them. Raises BadParameter."""
    from rules.deciding.quiet.silences import FACT_NAMES  # with all that conditions take, and only ``add`` has matchers

    matchers: dict[str, Any] = {}
    for text in typed:
        places = [at for at in (text.find("="), text.find("~")) if at > 0]
        if not places:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE or NAME~GLOB", param_hint="MATCHER")
        at = min(places)
        name, value = text[:at], text[at + 1 :]
        if name in matchers:
            raise click.BadParameter(f"{name} stands twice", param_hint="MATCHER")
        matchers[name] = {"like": value} if text[at] == "~" else value if name in FACT_NAMES else typed_word(value)
    return matchers


def _matchers(matchers: dict[str, Any]) -> str:
    return " ".join(f"{name}{_operand_text(value)}" for name, value in matchers.items())


def _operand_text(value: Any) -> str:
    return f"~{value['like']}" if isinstance(value, dict) and list(value) == ["like"] else f"={recall_word(value)}"
