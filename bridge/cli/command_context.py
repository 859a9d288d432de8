"""What every command gets: the settings file, how to reach the daemon, and how to print.

The global options may stand before the command, after it and between its words: ``ams-bridge --json ledger`` and
``ams-bridge ledger --json``. The one that stands last wins, and any of them over an environment variable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from bridge.cli.output import Output

DEFAULT_PLACES = (Path("bridge.yaml"), Path("/etc/ams-bridge/bridge.yaml"))
CONFIG_VARIABLE = "AMS_BRIDGE_CONFIG"
TOKEN_VARIABLE = "AMS_BRIDGE_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(slots=True)
class Context:
    """The global options as given so far; commands read them when they run.

    What prints is imported when somebody does: a list of commands needs none of it.
    """

    config: Path | None = None
    url: str | None = None
    token: str | None = None
    ca: Path | None = None
    as_json: bool = False
    quiet: bool = False
    _output: Output | None = None

    @property
    def output(self) -> Output:
        """Where and how to print, as asked."""
        if self._output is None:
            from bridge.cli.output import Output

            self._output = Output(self.as_json, self.quiet)
        return self._output

    def config_path(self) -> Path:
        """The settings file: ``--config``, else ``$AMS_BRIDGE_CONFIG``, else the first default place that exists."""
        if self.config is not None:
            return self.config
        return next((place for place in DEFAULT_PLACES if path_exists(place)), DEFAULT_PLACES[-1])


def path_exists(path: Path) -> bool:
    """Whether there is such a file or folder; also when we may not look, for then reading it says so."""
    try:
        return path.exists()
    except PermissionError:
        return True


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        context = ctx.ensure_object(Context)
        is_typed = ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if is_typed or (value is not None and getattr(context, name) is None):  # each level reads the variable anew
            setattr(context, name, value)

    return keep


def global_options() -> list[click.Option]:
    """The options every command takes, each stored in the Context."""
    return [
        click.Option(
            ["-c", "--config"],
            type=click.Path(path_type=Path),
            envvar=CONFIG_VARIABLE,
            help=f"Settings file [${CONFIG_VARIABLE}, ./bridge.yaml, /etc/ams-bridge/bridge.yaml].",
            expose_value=False,
            callback=_keep("config"),
        ),
        click.Option(
            ["--url"],
            help="The daemon's address, when it is not the one in the settings.",
            expose_value=False,
            callback=_keep("url"),
        ),
        click.Option(
            ["--token"],
            envvar=TOKEN_VARIABLE,
            help=f"Token for the daemon [${TOKEN_VARIABLE}, else the settings' service token].",
            expose_value=False,
            callback=_keep("token"),
        ),
        click.Option(
            ["--ca"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Trust the certificates in this PEM file, and no others, for the daemon.",
            expose_value=False,
            callback=_keep("ca"),
        ),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            help="Machine-readable output.",
            expose_value=False,
            callback=_keep("as_json"),
        ),
        click.Option(["--quiet"], is_flag=True, help="Print errors only.", expose_value=False, callback=_keep("quiet")),
    ]


class CliCommand(click.Command):
    """A command that takes the global options too, listed last in its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options())


class CliGroup(click.Group):
    """A group that takes the global options as its commands do; they stand in the order in which people meet them."""

    command_class = CliCommand

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; an unknown one is refused with the nearest name, or with all of them."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from rules.source.words import suggest_of

            hint = suggest_of(name, self.list_commands(ctx), "commands")
            raise click.UsageError(f'there is no command "{name}"{hint}', ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The command names, in the order in which they were made."""
        return list(self.commands)


pass_context = click.make_pass_decorator(Context, ensure=True)
