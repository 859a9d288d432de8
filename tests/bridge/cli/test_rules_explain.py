"""``rules explain`` on a payload that no daemon has seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.command_line import command, write

SETTINGS = "destinations: {ops: {type: inbox}}\n"
RULES = """\
topic: projects/P/topics/T
rules:
  - name: critical
    match:
      $.status: CRITICAL
      attributes.vo: ops
    text: "**{{ data.name }}** is {{ data.status }}"
    send: ops
    stop: true
  - {name: rest, match: {$.status: {not: OK}}, text: "{{ data.status }}", send: ops}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with rules."""
    write(tmp_path, {"bridge.yaml": SETTINGS, "rules.d/all.yaml": RULES})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def payload(**data: str) -> str:
    return json.dumps(data)


def test_each_condition_is_shown_with_the_value_it_saw(folder: Path) -> None:
    said = command("rules", "explain", "-", stdin=payload(status="WARNING", name="web1"))
    assert said.code == 0
    assert said.out.splitlines()[:6] == [
        'critical  no match: $.status is "WARNING"  rules.d/all.yaml:3:5',
        '    ✗ $.status equals "CRITICAL"   saw "WARNING"',
        '    ✗ attributes.vo equals "ops"   saw nothing',
        "rest  acts  rules.d/all.yaml:10:5",
        '    ✓ $.status exists and not (equals "OK")   saw "WARNING"',
        "    -> ops: sent",
    ]


def test_the_post_is_drawn_and_the_rule_that_stopped_the_rest_is_named(folder: Path) -> None:
    (folder / "event.json").write_text(payload(status="CRITICAL", name="web1"))
    said = command("rules", "explain", "event.json", "-a", "vo=ops")
    assert "rest stopped: critical comes first and says stop: true" in said.words
    assert "web1 is CRITICAL" in said.out
    assert "rule critical" in said.out


def test_nothing_to_send_is_said_so(folder: Path) -> None:
    assert command("rules", "explain", "-", stdin=payload(status="OK")).out.endswith("Nothing would be sent.\n")


def test_programs_read_an_explanation_as_json(folder: Path) -> None:
    said = command("rules", "explain", "-", "--json", stdin=payload(status="WARNING"))
    assert said.value["fate"] == "decided"
    assert [one["fate"] for one in said.value["rules"]] == ["no match", "acts"]
    assert said.value["sends"][0]["post"]["text"] == "WARNING"


def test_a_topic_that_no_rule_hears_is_named(folder: Path) -> None:
    said = command("rules", "explain", "-", "--topic", "P/OTHER", stdin="x")
    assert "These do not hear projects/P/topics/OTHER: critical, rest" in said.out


def test_several_topics_make_the_option_necessary(folder: Path) -> None:
    write(folder, {"rules.d/more.yaml": RULES.replace("topics/T", "topics/U").replace("name: ", "name: u-")})
    said = command("rules", "explain", "-", stdin="x")
    assert said.code == 2
    assert "say with --topic where it comes from; rules hear projects/P/topics/T, projects/P/topics/U" in said.err


def test_a_file_that_is_missing_is_no_message(folder: Path) -> None:
    said = command("rules", "explain", "none.json")
    assert said.code == 1
    assert "cannot read none.json" in said.err
    assert "a stored message is TOPIC:OFFSET" in said.err


def test_some_rules_are_chosen_and_others_kept_brief(folder: Path) -> None:
    words = ["rules", "explain", "-"]
    brief = command(*words, "--brief", stdin=payload(status="WARNING"))
    assert brief.out.splitlines()[0] == 'critical  no match: $.status is "WARNING"  rules.d/all.yaml:3:5'
    assert brief.out.splitlines()[1].startswith("rest  acts")
    assert "rest" not in command(*words, "--rule", "critical", stdin=payload(status="OK")).out
    wrong = command(*words, "--rule", "critcal", stdin=payload(status="OK"))
    assert (wrong.code, 'did you mean "critical"?' in wrong.err) == (1, True)


def test_the_payload_is_shown_as_its_destination_would_be_sent_it(folder: Path) -> None:
    write(
        folder,
        {"bridge.yaml": "destinations: {ops: {type: mattermost, url: 'https://mm.example.org/hooks/secretkey'}}\n"},
    )
    said = command("rules", "explain", "-", stdin=payload(status="WARNING"))
    assert '"text": "WARNING"' in said.out
    assert "secretkey" not in said.out
    found = command("rules", "explain", "-", "--json", stdin=payload(status="WARNING")).value
    assert found["sends"][0]["payload"]["body"]["text"] == "WARNING"


def test_a_line_that_tail_printed_keeps_topic_and_attributes(folder: Path) -> None:
    line = {"topic": "projects/P/topics/T", "published": "2026-01-01T00:00:00Z", "attributes": {"vo": "ops"}}
    said = command("rules", "explain", "-", stdin=json.dumps({**line, "data": payload(status="CRITICAL", name="w")}))
    assert said.out.startswith("critical  acts")
