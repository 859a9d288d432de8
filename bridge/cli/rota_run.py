"""What ``rota show`` does: the shifts of rotas, from settings and the copies of calendars that the store keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from bridge.cli.command_context import Context
from bridge.cli.fitting_tables import text_column
from bridge.cli.history import open_history
from bridge.cli.loading import facts_now, world_for
from bridge.cli.output import BadConfiguration, Failed
from bridge.cli.problem_listing import as_lines
from bridge.cli.setup import settings_without_secrets
from bridge.routing.rule_files import rules_of
from bridge.settings.model import Settings
from broker.broker import Broker
from broker.clock import US_PER_S, SystemClock
from rules.events.moments import from_us, named_time, us_of
from rules.events.rotas import Rota, no_rota
from rules.ruleset import RuleSet
from rules.source.problems import ProblemsFound
from rules.source.words import duration_text

_COLUMNS = [
    text_column("Rota", "rota"),
    text_column("From", "from_here"),
    text_column("Until", "until_here"),
    text_column("On call", "who"),
]


def show_rotas(context: Context, names: Sequence[str], at: str | None, for_s: float) -> None:
    """Print the shifts of the named rotas, or of all. Raises Failed for a name that no rota has."""
    moment = named_time(at) if at is not None else None
    if at is not None and moment is None:
        raise click.BadParameter(f"{at!r} is no time, such as 2026-12-24T09:00:00Z", param_hint="--at")
    now_us = SystemClock().wall_us()
    from_us_ = us_of(moment) if moment is not None else now_us
    rule_set = _rule_set(context, settings_without_secrets(context).settings)
    rotas = rule_set.rotas.rotas
    for name in names:
        if name not in rotas:
            raise Failed(no_rota(name, rotas))
    until_us = from_us_ + round(for_s * US_PER_S)
    rows = [row for name in names or rotas for row in _rows(rotas[name], from_us_, until_us)]
    for name in dict.fromkeys(rotas[row["rota"]].calendar for row in rows):
        read_us = rule_set.shelf.copy_of(name).read_us
        if read_us:
            age = duration_text((now_us - read_us) / US_PER_S)
            context.output.warn(f"the calendar {name} is as it was read {age} ago")
    if context.output.as_json:
        shown = ("rota", "from", "until", "on_call")
        context.output.print_value({"shifts": [{key: row[key] for key in shown} for row in rows]})
    else:
        context.output.print_rows(rows, _COLUMNS, empty="bridge.yaml has no rota:")


def _rows(rota: Rota, from_us_: int, until_us: int) -> Iterator[dict[str, Any]]:
    for shift in rota.list_shifts(from_us_, until_us):
        begins, ends = from_us(shift.from_us), from_us(shift.until_us)
        yield {
            "rota": rota.name,
            "from": f"{begins:%Y-%m-%dT%H:%M:%SZ}",
            "until": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
            "on_call": list(shift.people),
            "from_here": f"{begins.astimezone(rota.zone):%a %Y-%m-%d %H:%M %Z}",
            "until_here": f"{ends.astimezone(rota.zone):%a %Y-%m-%d %H:%M %Z}",
            "who": ", ".join(shift.people) or "nobody",
        }


def _rule_set(context: Context, settings: Settings) -> RuleSet:
    """The rules with their rotas; calendars at URLs as the store keeps them, where there is one."""
    if all(calendar.url is None for calendar in settings.calendars.values()):
        return _read(context, settings, None)
    try:
        with open_history(settings) as history:
            return _read(context, settings, history.broker)
    except Failed as error:
        context.output.warn(f"{error.format_message()}; calendars at URLs are not known")
        return _read(context, settings, None)


def _read(context: Context, settings: Settings, broker: Broker | None) -> RuleSet:
    try:
        return rules_of(settings, world_for(context, settings, facts_now(settings), broker))
    except ProblemsFound as error:
        raise BadConfiguration(as_lines(error.problems)) from error
