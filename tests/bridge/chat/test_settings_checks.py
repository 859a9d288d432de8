"""check says it when buttons are asked for that nobody could press."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.chat.settings_checks import check_button_address
from bridge.settings.settings_file import read_settings
from rules.source.places import read_file

CHAT = "  chat: {type: mattermost, url: http://127.0.0.1:9/hooks/x, buttons: %s}\n"


@pytest.mark.parametrize(
    ("server", "asked", "warned"),
    [
        ("{}", "true", ["destinations.chat.buttons"]),
        ("{}", "false", []),
        ("{public_url: https://bridge.example.org}", "true", []),
    ],
)
def test_buttons_need_a_public_address(tmp_path: Path, server: str, asked: str, warned: list[str]) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text(f"server: {server}\nstore: memory\ndestinations:\n{CHAT % asked}")
    found = check_button_address(read_settings(config, {}, None), read_file(config))
    assert [problem.path for problem in found] == warned
    assert {problem.kind for problem in found} <= {"warning"}
    assert {problem.place.line for problem in found} <= {4}
