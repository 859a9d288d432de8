"""What docs/sources.md tells people to write at their senders works: each snippet is read, and told by its template."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.sources.source_kinds import KINDS
from rules.rendering.template_files import read_templates
from tests.docs.blocks import blocks_of
from tests.house.reading import ROOT
from tests.house.requirements import require_program
from tests.templates.test_shipped_templates import a_post

PAGE = ROOT / "docs" / "sources.md"
VALUES = {
    "EVENT.NAME": ("Disk will fill", "Disk will fill"), "HOST.NAME": ("web1", "web1"), "EVENT.SEVERITY": ("High", ""),
    "EVENT.VALUE": ("1", "0"), "EVENT.STATUS": ("PROBLEM", "RESOLVED"), "EVENT.TIMESTAMP": ("1767434400", "1767434400"),
    "EVENT.OPDATA": ("12 MB left", "12 GB left"), "EVENT.UPDATE.STATUS": ("0", "0"),
    "NOTIFICATIONTYPE": ("PROBLEM", "RECOVERY"), "HOSTNAME": ("web1", "web1"), "HOSTSTATE": ("UP", "UP"),
    "SERVICEDESC": ("disk", "disk"), "SERVICESTATE": ("CRITICAL", "OK"), "SERVICEOUTPUT": ("12 MB left", "12 GB left"),
    "notification.type": ("PROBLEM", "RECOVERY"), "host.name": ("web1", "web1"), "host.state": ("UP", "UP"),
    "service.name": ("disk", "disk"), "service.state": ("CRITICAL", "OK"),
    "service.output": ("12 MB left", "12 GB left"), "service.state_type": ("HARD", "HARD"), "address": ("", ""),
    "service.check_attempt": ("3", "1"), "notification.author": ("", ""), "notification.comment": ("", ""),
}  # fmt: skip
"""Of each macro what stands there for a problem, and for its end; others are left as they are."""


def snippets() -> Iterator[tuple[str, str]]:
    """Each JSON block with the template of its section."""
    for section in PAGE.read_text().split("\n### ")[1:]:
        found = re.search(r"\(`([a-z/]+)`", section)
        for body in re.findall(r"```json\n(.*?)```", section, re.DOTALL):
            assert found is not None, section
            yield found[1], body


def filled_in(value: Any, *, over: bool) -> Any:
    if isinstance(value, dict):
        return {name: filled_in(one, over=over) for name, one in value.items()}
    return VALUES.get(str(value).strip("{}$"), (value, value))[over]


@pytest.mark.parametrize(("template", "body"), list(snippets()), ids=[name for name, _ in snippets()])
def test_what_a_sender_is_told_to_send_is_told(template: str, body: str) -> None:
    problem, end = (a_post(template, filled_in(json.loads(body), over=over)) for over in (False, True))
    assert problem.startswith(":red_circle:")
    assert end.startswith(":large_green_circle:")
    for post in (problem, end):
        assert "web1" in post
        assert not re.search(r"[{$][A-Za-z.]+[}$]", post), post


def test_the_receiver_of_the_page_is_one_alertmanager_takes(tmp_path: Path) -> None:
    amtool = require_program("amtool", package="prometheus-alertmanager")
    (block,) = (one for one in blocks_of(PAGE) if one.kind == "alertmanager")
    config = tmp_path / "alertmanager.yml"
    config.write_text(block.text)
    checked = subprocess.run([amtool, "check-config", str(config)], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_stands_in_the_example(kind: str) -> None:
    assert f"{{type: {kind}," in PAGE.read_text()


def test_every_shipped_template_but_argos_has_a_section() -> None:
    shipped, _ = read_templates(None)
    headings = "\n".join(line for line in PAGE.read_text().splitlines() if line.startswith("### "))
    named = set(re.findall(r"`([a-z/]+)`", headings))
    assert named == {name for name in shipped.shelved if not name.startswith("argo/")}
