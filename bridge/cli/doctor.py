"""The options of ``doctor``; what is done with them is read when somebody does it (doctor_run.py)."""

from __future__ import annotations

import click

from bridge.cli.command_context import CliCommand, Context, pass_context


@click.command(cls=CliCommand)
@pass_context
def doctor(context: Context) -> None:
    """Look at the store, the machine, certificates, proxies and what waits, and say what is wrong.

    Reads the store itself, all of it; the daemon may run. Changes nothing. Exits with 1 when something is wrong.
    """
    from bridge.cli.doctor_run import run_doctor

    run_doctor(context)
