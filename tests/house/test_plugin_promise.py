"""What plugins may import is listed on its page and does not change unnoticed.

``tests/data/plugin_promise.json`` holds each name with its shape: parameters of functions, fields of records, methods
of contracts. ``python -m tests.house.test_plugin_promise`` writes it anew. A name may be added; one that goes, or a
shape that no longer takes what it took, is another promise: raise ``PROMISE`` in rules/plugins.py, and tell it.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any

from pydantic import BaseModel

import bridge.plugin
from tests.house.reading import ROOT

KEPT = ROOT / "tests" / "data" / "plugin_promise.json"
PAGE = ROOT / "docs" / "plugins.md"


def shape_of(thing: Any) -> Any:
    """What a caller relies on, as plain values."""
    if isinstance(thing, type) and issubclass(thing, BaseModel):
        return {name: "needed" if field.is_required() else "optional" for name, field in thing.model_fields.items()}
    if dataclasses.is_dataclass(thing):
        return [f"{one.name}: {one.type}" for one in dataclasses.fields(thing)]
    if inspect.isclass(thing):
        methods = {name: member for name, member in vars(thing).items() if not name.startswith("_")}
        return {name: str(inspect.signature(member)) for name, member in methods.items() if callable(member)}
    if inspect.isfunction(thing):
        return str(inspect.signature(thing))
    return thing if isinstance(thing, int) else "an alias"


def promised() -> dict[str, Any]:
    return {name: shape_of(getattr(bridge.plugin, name)) for name in bridge.plugin.__all__}


def test_every_public_name_is_on_the_page_and_no_other() -> None:
    listed = PAGE.read_text().partition("<!-- names: begin -->")[2].partition("<!-- names: end -->")[0]
    rows = re.findall(r"^\| [^|]+ \| (.+) \|$", listed, flags=re.MULTILINE)[1:]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(bridge.plugin.__all__)


def test_nothing_that_plugins_rely_on_changes_unnoticed() -> None:
    assert promised() == json.loads(KEPT.read_text()), __doc__


def test_the_page_says_the_promise() -> None:
    assert f"`PROMISE` is {bridge.plugin.PROMISE}." in PAGE.read_text()
    assert 1 <= bridge.plugin.OLDEST_PROMISE <= bridge.plugin.PROMISE


if __name__ == "__main__":
    KEPT.write_text(json.dumps(promised(), indent=2, sort_keys=True) + "\n")
