"""Other rules step by step, asked of the daemon: what they would tell, which were in force, forward and back."""

from __future__ import annotations

from typing import Any

from bridge.cli.command_context import Context
from bridge.cli.connection import connect_client
from bridge.cli.fitting_tables import Column, text_column, time_column
from bridge.cli.output import Output, format_count
from bridge.cli.typed import show_time
from bridge.cli.visible import VisibleText

_COLORS = {"-": "red", "+": "green", "@": "cyan"}
_RULES = [
    text_column("Rule", "rule"),
    Column("Posts before", lambda row: row["before"], number=True),
    Column("Now", lambda row: row["now"], number=True),
    Column("Now sends", lambda row: row["now_sends"], number=True),
    Column("No longer sends", lambda row: row["no_longer_sends"], number=True),
    Column("Text changed", lambda row: row["text_changed"], number=True),
]
_VERSIONS = [
    text_column("Version", "version"),
    time_column("Since", lambda row: show_time(row["at"])),
    text_column("Who", "who"),
    text_column("How", "how"),
    Column("State", lambda row: row["state"], style=lambda row: "bold green" if row["state"] == "in force" else "dim"),
]


def show_difference(context: Context) -> None:
    """Print what the files would have told otherwise."""
    with connect_client(context) as client:
        preview = client.get("/api/reload:preview")
    if context.output.as_json:
        context.output.print_value(preview)
    elif not context.output.quiet:
        _tell_difference(context.output, preview)


def show_versions(context: Context) -> None:
    """Print the versions, and what is held back."""
    with connect_client(context) as client:
        page = client.get("/api/rule-versions")
    if context.output.as_json:
        context.output.print_value(page)
        return
    newest = next((n for n, row in enumerate(page["versions"]) if row["version"] == page["in_force"]), -1)
    rows = [{**row, "state": _state(row, is_newest=n == newest)} for n, row in enumerate(page["versions"])]
    context.output.print_rows(rows, _VERSIONS, empty=f"Rule set {page['in_force']} is in force.")
    if page["held"] is not None:
        _tell_held(context.output, page["held"])


def put_shadow_in_force(context: Context) -> None:
    """Put what is in shadow in force."""
    with connect_client(context) as client:
        answer = client.post("/api/rule-versions:promote", {})
    context.output.confirm(f"rule set {answer['version']} is in force", answer)


def roll_back(context: Context, version: str) -> None:
    """Put a version of before in force."""
    with connect_client(context) as client:
        answer = client.post("/api/rule-versions:rollback", {"version": version})
    context.output.confirm(f"rule set {answer['version']} is in force", answer)


def _state(row: Any, *, is_newest: bool) -> str:
    if is_newest:
        return "in force"
    return "" if row["kept"] else "not kept"


def _tell_difference(output: Output, preview: Any) -> None:
    messages = format_count(preview["messages"], "message")
    output.say(
        f"{messages} since {show_time(preview['since'])}, rules {preview['old_version']} and {preview['new_version']}"
    )
    if preview["old_version"] == preview["new_version"]:
        output.say("The files say what is in force.")
        return
    if not preview["complete"]:
        output.warn("not all messages of that time were tried: they are too many, or past their retention")
    for line in preview["texts"]:
        output.console.print(VisibleText(line, style=_COLORS.get(line[:1], "")), soft_wrap=True)
    if preview["undecidable"]:
        output.warn(f"{format_count(preview['undecidable'], 'message')} could not be decided by the new rules")
    if not preview["differences"]:
        output.confirm("nothing would have been told otherwise")
        return
    output.print_rows(preview["rules"], _RULES, title="What would have been told otherwise")
    for rule in preview["rules"]:
        for sample in rule["samples"]:
            _tell_sample(output, rule["rule"], sample)


def _tell_sample(output: Output, rule: str, sample: Any) -> None:
    head = VisibleText(f"\n{rule} to {sample['destination']}: ", style="bold")
    why = f" ({sample['why']})" if sample["why"] else ""
    head.append(f"{sample['kind']}{why}", style="yellow")
    head.append(f"  {sample['origin']}", style="dim")
    output.console.print(head, soft_wrap=True)
    for line in sample["diff"]:
        output.console.print(VisibleText(f"  {line}", style=_COLORS.get(line[:1], "")), soft_wrap=True)


def _tell_held(output: Output, hold: Any) -> None:
    if hold["kind"] == "shadow":
        seen = ""
        if hold["messages"] is not None:
            messages = format_count(hold["messages"], "message")
            seen = f": {messages} so far, {hold['differences']} posts otherwise, {hold['undecidable']} undecidable"
        output.say(f"{hold['version']} is in shadow until {show_time(hold['until'])}{seen}")
        output.say("ams-bridge rules promote puts it in force now, rules rollback drops it")
        return
    why = f": {hold['why']}" if hold["why"] else ""
    output.say(
        f"{hold['version']} of the files was rolled back at {show_time(hold['at'])} by {hold['who'] or '?'}{why}"
    )
