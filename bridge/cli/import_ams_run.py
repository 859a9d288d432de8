"""``import ams``: another AMS, taken over with all that it holds."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bridge.cli.carrying import Carrying
from bridge.cli.command_context import Context
from bridge.cli.connection import connect_client
from bridge.cli.foreign_ams import ForeignAms, ForeignHoldings, read_holdings
from bridge.cli.output import Failed, Output, format_count


def carry_over_ams(
    context: Context,
    place: str,
    from_token: str,
    from_ca: Path | None,
    projects: tuple[str, ...],
    messages: str,
    start_pushes: bool,
    dry_run: bool,
) -> None:
    """Take over what another AMS holds, and tell what was done."""
    with ForeignAms(place, from_token, from_ca) as ams, connect_client(context) as here:
        holdings = read_holdings(ams, projects, start_pushes=start_pushes)
        body = {"manifest": msgspec.to_builtins(holdings.manifest), "dry_run": dry_run}
        done = list(here.post("/api/manifest", body)["done"])
        carrying = Carrying(ams, here, everything=messages == "all")
        if dry_run and messages != "none":
            done += _would_carry(holdings)
        elif messages != "none":
            carrying.carry_all(holdings)
    tell_taken(context.output, done + carrying.done, holdings.not_taken + carrying.not_taken, dry_run=dry_run)
    if carrying.left:
        raise Failed(
            f"the messages of {', '.join(carrying.left)} are not all here; run it again when the other side gives them"
        )


def tell_taken(output: Output, done: list[str], not_taken: list[str], *, dry_run: bool) -> None:
    """Say line by line what was done, or would be, and what could not be taken."""
    if output.as_json:
        output.print_value({"done": done, "not_taken": not_taken, "dry_run": dry_run})
        return
    for line in done:
        output.say(line)
    for line in not_taken:
        output.warn(f"not taken: {line}")
    changes = format_count(len(done), "change") if done else "nothing to do"
    output.confirm(f"{changes}; a dry run, nothing was changed" if dry_run else changes)


def _would_carry(holdings: ForeignHoldings) -> list[str]:
    """How many messages wait over there, topic by topic."""
    lines = []
    for project, entry in holdings.manifest.projects.items():
        for topic in entry.topics:
            positions = [
                holdings.stands[f"{project}/{name}"]
                for name, subscription in entry.subscriptions.items()
                if subscription.topic == topic
            ]
            waiting = max((position["max"] - position["current"] for position in positions), default=0)
            if waiting > 0:
                lines.append(f"topic {project}/{topic}: {format_count(waiting, 'message')} to carry")
    return lines
