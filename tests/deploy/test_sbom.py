"""The list of what an environment holds, as scanners of vulnerabilities read it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.house.licences import extras, installed_with
from tests.house.reading import ROOT

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]


def test_the_list_names_every_package_that_users_get_with_version_and_licence(tmp_path: Path) -> None:
    out = tmp_path / "ams-bridge.cdx.json"
    command = [ROOT / "deploy" / "sbom", out, sys.executable]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    listed = json.loads(out.read_text())
    assert listed["bomFormat"] == "CycloneDX"
    components = {canonicalize_name(one["name"]): one for one in listed["components"]}
    wanted = {canonicalize_name(name) for name in installed_with(extras()[""])}
    assert wanted - components.keys() == set()
    assert [name for name in wanted if not components[name].get("version")] == []
    assert len([name for name in wanted if components[name].get("licenses")]) > len(wanted) * 0.9
