"""Configurations of Alertmanager that led others astray, through the import: whom the rules tell, and that they load.

Each folder of ``tests/data/imports`` is one: ``alertmanager.yml`` and ``expected.json`` (``told``: the ``receivers`` of
some ``labels``; ``settings``: texts among the destinations). amtool is asked the same; where it says otherwise, its
answer stands beside ours as ``alertmanager``, and ``differs`` says why we do not follow.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.import_compare import find_receivers
from rules.importing.alertmanager import convert
from rules.source.places import read_yaml
from tests.fakes.command_line import command
from tests.house.requirements import require_program
from tests.rules.importing.builders import Bridge, a_rule_set, an_alert

IMPORTS = sorted((Path(__file__).parent.parent / "data" / "imports").iterdir())


def expected_of(case: Path) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads((case / "expected.json").read_text())
    return read


@pytest.mark.parametrize("case", IMPORTS, ids=lambda path: path.name)
def test_the_rules_tell_whom_they_should(case: Path) -> None:
    expected = expected_of(case)
    converted = convert((case / "alertmanager.yml").read_text())
    rule_set = a_rule_set(converted)
    for one in expected["told"]:
        assert find_receivers(converted, rule_set, one["labels"]) == one["receivers"], one["labels"]
    destinations = json.dumps(read_yaml(converted.settings, "s").value["destinations"])
    for text in expected.get("settings", ()):
        assert json.dumps(text)[1:-1] in destinations


@pytest.mark.parametrize("case", IMPORTS, ids=lambda path: path.name)
def test_amtool_says_the_same_but_for_what_differs_by_design(case: Path) -> None:
    amtool = require_program("amtool", package="prometheus-alertmanager")
    expected = expected_of(case)
    assert any("alertmanager" in one for one in expected["told"]) == ("differs" in expected)
    for one in expected["told"]:
        labels = [f"{name}={value}".replace("\\", "\\\\") for name, value in one["labels"].items()]
        asked = [amtool, "config", "routes", "test", f"--config.file={case / 'alertmanager.yml'}", *labels]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
        assert said.split(",") == one.get("alertmanager", one["receivers"]), one["labels"]


@pytest.mark.parametrize("case", IMPORTS, ids=lambda path: path.name)
def test_what_is_written_passes_check_and_its_own_tests(case: Path, tmp_path: Path) -> None:
    config = case / "alertmanager.yml"
    written = command("rules", "import", "alertmanager", str(config), "--out", str(tmp_path / "out"))
    assert written.code == 0, written.err
    folder = tmp_path / "credentials"
    folder.mkdir()
    settings = (tmp_path / "out" / "bridge-alertmanager.yaml").read_text()
    for part in settings.split("${credential:")[1:]:
        (folder / part.partition("}")[0]).write_text("https://h.example.org/x")
    environment = {"CREDENTIALS_DIRECTORY": str(folder)}
    for words in (("check",), ("rules", "test")):
        said = command("-c", str(tmp_path / "out" / "bridge-alertmanager.yaml"), *words, env=environment)
        assert said.code == 0, said.out + said.err


def test_a_group_of_which_one_alert_ended_is_told_as_one_that_fires() -> None:
    case = next(path for path in IMPORTS if path.name == "group-status")
    bridge = Bridge((case / "alertmanager.yml").read_text())
    bridge.call(an_alert(alertname="X", instance="A"), an_alert(alertname="X", instance="B"))
    first = bridge.wait(1)
    assert [send.post.body["status"] for send in first] == ["firing"]
    bridge.call(an_alert("resolved", alertname="X", instance="A"))
    second = [send.post.body for send in bridge.wait(2)]
    assert [body["status"] for body in second] == ["firing"]
    bridge.call(an_alert("resolved", alertname="X", instance="B"))
    assert [send.post.body["status"] for send in bridge.wait(2)] == ["resolved"]
