"""The options of ``rules import``; what is done with them is read when somebody does it (importing_run.py)."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.command_context import CliGroup, Context, pass_context
from rules.importing.default_topic import TOPIC


@click.group("import", cls=CliGroup)
def importing() -> None:
    """Make rule files of other systems' configurations: alertmanager, grafana."""


@importing.command("alertmanager")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files below DIR, not to the screen."
)
@click.option("--topic", default=TOPIC, show_default=True, help="Where the alerts will come in.")
@click.option("--compare", "comparing", type=click.Choice(["amtool"]), help="Ask it too whom made-up alerts go to.")
@pass_context
def alertmanager(context: Context, file: Path, out: Path | None, topic: str, comparing: str | None) -> None:
    """Convert the Alertmanager configuration FILE (- reads standard input).

    Routes become rules, receivers destinations, time intervals and inhibition rules what they are here. With --out,
    rules go to rules.d/alertmanager.yaml and what to add to your settings to bridge-alertmanager.yaml; nothing that
    exists is overwritten. What could not be converted is named with its place. No secret is copied.
    The rules come with a test for every route; what is made is checked, and the tests are run. With --compare amtool,
    Alertmanager's own tool is asked whom made-up alerts go to, and every difference is shown.
    """
    from bridge.cli.importing_run import run_alertmanager

    run_alertmanager(context, file, out, topic, comparing)


@importing.command("grafana")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files below DIR, not to the screen."
)
@click.option("--topic", default=TOPIC, show_default=True, help="Where the alerts will come in.")
@pass_context
def grafana(context: Context, files: tuple[Path, ...], out: Path | None, topic: str) -> None:
    """Convert Grafana's notification policies, contact points and mute timings in FILES (- reads standard input).

    FILES are those of its provisioning (a folder is all in it), exports, answers of its API, YAML or JSON. Policies
    become rules, contact points destinations, mute timings intervals; Grafana then sends every alert to the hook that
    is made for it. With --out, rules go to rules.d/grafana.yaml and what to add to your settings to
    bridge-grafana.yaml; nothing that exists is overwritten. What could not be converted is named with its place. No
    secret is copied.
    The rules come with a test for every policy; what is made is checked, and the tests are run.
    """
    from bridge.cli.importing_run import run_grafana

    run_grafana(context, files, out, topic)
