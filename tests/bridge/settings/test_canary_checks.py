"""What is wrong with a canary is told when bridge.yaml is read, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.core.references import ReferenceSources
from bridge.settings.canary_checks import check_notify_hosts
from bridge.settings.settings_file import settings_of
from rules.source.places import read_yaml
from rules.source.problems import ProblemsFound

FILE = """
destinations:
  chat: {{type: mattermost, url: "https://chat.example.org/hooks/x", channel: "{channel}", canary: {canary}}}
  bot: {{type: mattermost_bot, url: "https://chat.example.org", token: t, channel: ops}}
  board: {{type: inbox}}
"""


def problems(canary: str, *, channel: str = "") -> str:
    document = read_yaml(FILE.format(canary=canary, channel=channel), "bridge.yaml")
    try:
        settings_of(document, ReferenceSources({}, None, Path("/etc")))
    except ProblemsFound as error:
        return str(error)
    return ""


def test_a_canary_that_can_work_is_fine() -> None:
    assert problems("{every: 30m, within: 20s, read_by: bot, tell: board}") == ""


@pytest.mark.parametrize(
    ("canary", "said"),
    [
        ("{read_by: bot}", "tell"),
        ("{read_by: bto, tell: board}", 'no destination "bto" in bridge.yaml; did you mean "bot"'),
        ("{read_by: bot, tell: bord}", 'no destination "bord" in bridge.yaml; did you mean "board"'),
        ("{read_by: bot, tell: chat}", "a destination that fails cannot tell of it: name another one"),
        ("{read_by: board, tell: board}", "only a destination of type mattermost_bot can look for a post"),
        ("{tell: board}", "only a destination of type mattermost_bot can look for a post: say which in read_by"),
        ("{every: 1m, within: 1m, read_by: bot, tell: board}", "within is shorter than every"),
        ("{evry: 1m, read_by: bot, tell: board}", 'unknown key "evry"'),
    ],
)
def test_a_canary_that_cannot_work_is_told(canary: str, said: str) -> None:
    assert said in problems(canary)
    assert "bridge.yaml:3:" in problems(canary)


def test_a_direct_message_of_a_hook_can_be_read_by_nobody() -> None:
    assert "cannot be read by a bot" in problems("{read_by: bot, tell: board}", channel="@alice")


def test_a_kind_that_cannot_be_read_back_knows_no_canary() -> None:
    document = read_yaml("destinations: {board: {type: inbox, canary: {tell: board}}}", "bridge.yaml")
    with pytest.raises(ProblemsFound, match='unknown key "canary"'):
        settings_of(document, ReferenceSources({}, None, Path("/etc")))


@pytest.mark.parametrize(("tell", "warned"), [("bot", True), ("board", False)])
def test_a_failure_that_would_be_told_through_the_failing_server_is_warned_of(tell: str, warned: bool) -> None:
    text = FILE.format(canary=f"{{read_by: bot, tell: {tell}}}", channel="")
    document = read_yaml(text, "bridge.yaml")
    settings = settings_of(document, ReferenceSources({}, None, Path("/etc")))
    found = check_notify_hosts(settings.destinations, document)
    assert [str(one).startswith("bridge.yaml:3:") for one in found] == ([True] if warned else [])
    assert all("is on the same server: when that is down, nobody is told" in str(one) for one in found)
