"""``rules schema``: what editors check rule files with."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.fakes.command_line import command, write

SETTINGS = "destinations: {night-shift: {type: inbox}}\n"
RULES = """\
# yaml-language-server: $schema=./rules.schema.json
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.status: {exists: true}}, text: "{{ data.status }}", send: night-shift}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with rules."""
    write(tmp_path, {"bridge.yaml": SETTINGS, "rules.d/all.yaml": RULES})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_goes_beside_the_rules_knows_the_destinations_and_accepts_the_rules(folder: Path) -> None:
    assert command("rules", "schema").code == 0
    schema = json.loads((folder / "rules.d" / "rules.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(RULES), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(RULES.replace("night-shift", "day-shift")), schema)
    assert command("check").code == 0


def test_without_settings_it_has_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = command("rules", "schema", "-", "--generic")
    assert said.code == 0
    jsonschema.validate(yaml.safe_load(RULES.replace("night-shift", "anything")), said.value)


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    said = command("rules", "schema", "none/schema.json")
    assert (said.code, said.err) == (1, "error  cannot write none/schema.json: No such file or directory\n")
