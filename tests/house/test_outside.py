"""What people and programs rely on keeps its name: metrics, settings, options of commands, paths of APIs and pages.

``tests/data/outside.json`` holds the names of the last release. A name may be added at any time; one that goes, or that
changes, breaks somebody's dashboard, file or script, so it needs a decision page and an edit of that file by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from bridge.admin.page_routes import ACTS, LOOKS
from bridge.api.more_routes import ALL_ROUTES
from bridge.cli.main import main
from bridge.control.control_routes import ROUTES as CONTROL_ROUTES
from tests.docs.test_metrics import made_in_the_code
from tests.fakes.command_line import command
from tests.house.reading import ROOT, named

KEPT = json.loads((ROOT / "tests" / "data" / "outside.json").read_text())


def metrics() -> Iterator[str]:
    yield from made_in_the_code()


def settings() -> Iterator[str]:
    yield from (row["key"] for row in json.loads(command("--json", "settings").out))


def options(of: click.Command = main, path: str = "ams-bridge") -> Iterator[str]:
    for parameter in of.params:
        yield from (f"{path} {name}" for name in (*parameter.opts, *parameter.secondary_opts))
    if isinstance(of, click.Group):
        for name in of.list_commands(click.Context(of)):
            inner = of.get_command(click.Context(of), name)
            assert inner is not None
            yield from options(inner, f"{path} {name}")


def paths() -> Iterator[str]:
    yield from (f"{route.method} {route.path}" for route in ALL_ROUTES)
    yield from (f"{method} {path}" for method, path, _ in CONTROL_ROUTES)
    yield from (f"GET {path}" for path, *_ in LOOKS)
    yield from (f"POST {path}" for path, *_ in ACTS)


NAMES = {"metrics": metrics, "settings": settings, "options": options, "paths": paths}


@pytest.mark.parametrize("kind", NAMES)
def test_no_name_that_somebody_relies_on_is_gone(kind: str) -> None:
    assert len(KEPT[kind]) > 20, "the list of kept names is there"
    gone = sorted(set(KEPT[kind]) - set(NAMES[kind]()))
    assert not gone, named(gone, f"{kind} of the last release are gone or have other names:")
