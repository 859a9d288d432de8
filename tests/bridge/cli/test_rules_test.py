"""``rules test``: what passes, what differs and how, and what build servers read."""

from __future__ import annotations

import textwrap
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.fakes.command_line import command, write

SETTINGS = "destinations: {ops: {type: inbox}}\n"
RULES = """\
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.status: {exists: true}}, text: "{{ data.name }} is\\n{{ data.status }}", send: ops}
tests:
  - name: a status is told
    message: {data: {status: OK, name: web1}}
    expect: [{rule: all, to: ops, text: "web1 is\\nOK"}]
"""
FAILING = """
  - name: not like this
    message: {data: {status: OK, name: web1}}
    expect: [{rule: all, to: ops, text: "web1 is\\nDOWN"}]
  - name: nothing at all
    message: {data: {status: OK, name: web1}}
    expect: []
"""
SNAPSHOT = """
  - name: as it was
    message: {data: {status: OK, name: web1}}
    expect: [{rule: all, to: ops, text: {snapshot: snapshots/ok.md}}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with rules whose tests pass."""
    write(tmp_path, {"bridge.yaml": SETTINGS, "rules.d/all.yaml": RULES})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add(folder: Path, text: str) -> None:
    path = folder / "rules.d" / "all.yaml"
    path.write_text(path.read_text().rstrip("\n") + text)


def test_passing_tests_are_listed_by_file(folder: Path) -> None:
    said = command("rules", "test")
    assert (said.code, said.out) == (0, "rules.d/all.yaml\n  ✓ a status is told\n1 test: 1 passed\n")


def test_a_failing_test_shows_the_difference_and_fails(folder: Path) -> None:
    add(folder, FAILING)
    said = command("rules", "test")
    assert said.code == 1
    assert said.out == textwrap.dedent(
        """\
        rules.d/all.yaml
          ✓ a status is told
          ✗ not like this
              rules.d/all.yaml:10:14: a send of all to ops differs:
                text:
                  --- expected
                  +++ was
                  @@ -1,2 +1,2 @@
                   web1 is
                  -DOWN
                  +OK
          ✗ nothing at all
              rules.d/all.yaml:11:5: not expected: all to ops: "web1 is"
        3 tests: 1 passed, 2 failed
        """
    )


def test_some_tests_are_chosen_by_name(folder: Path) -> None:
    add(folder, FAILING)
    assert command("rules", "test", "-k", "a status").code == 0
    assert command("rules", "test", "-k", "nothing AT").code == 1
    assert "2 tests: 1 passed, 1 failed" in command("rules", "test", "-k", "a status", "-k", "nothing at").out


def test_a_choice_that_leaves_no_test_fails(folder: Path) -> None:
    said = command("rules", "test", "-k", "A statsu")
    assert (said.code, said.err) == (1, "error  none of the 1 test has a name or file with A statsu\n")


def test_what_was_sent_is_shown_on_request(folder: Path) -> None:
    assert '      sent: all to ops: "web1 is"' in command("rules", "test", "--verbose").out


def test_programs_read_results_as_json(folder: Path) -> None:
    add(folder, FAILING)
    said = command("rules", "test", "--json")
    assert said.code == 1
    assert (said.value["passed"], said.value["failed"]) == (1, 2)
    assert [one["passed"] for one in said.value["tests"]] == [True, False, False]
    assert said.value["tests"][0]["sent"][0]["text"] == "web1 is\nOK"
    assert said.value["tests"][2]["differences"] == ['rules.d/all.yaml:11:5: not expected: all to ops: "web1 is"']


def test_build_servers_read_junit_xml(folder: Path) -> None:
    add(folder, FAILING.replace("not like this", "not <like> \\u0001 this").replace("name: not", 'name: "not', 1))
    text = (folder / "rules.d" / "all.yaml").read_text().replace("\\u0001 this", '\\u0001 this"')
    (folder / "rules.d" / "all.yaml").write_text(text)
    assert command("rules", "test", "--junit", "out/results.xml").code == 1
    root = ET.parse("out/results.xml").getroot()  # noqa: S314 - our own file
    assert root.attrib == {"name": "ams-bridge rules test", "tests": "3", "failures": "2"}
    (suite,) = root
    assert suite.attrib["name"] == "rules.d/all.yaml"
    cases = list(suite)
    assert [case.attrib["name"] for case in cases] == ["a status is told", "not <like> \ufffd this", "nothing at all"]
    assert [len(case) for case in cases] == [0, 1, 1]
    assert "-DOWN" in (cases[1][0].text or "")


def test_snapshots_are_written_once_and_compared_from_then_on(folder: Path) -> None:
    add(folder, SNAPSHOT)
    first = command("rules", "test")
    assert first.code == 1
    assert "there is no snapshot snapshots/ok.md yet; --update writes it" in first.out
    updated = command("rules", "test", "--update")
    assert (updated.code, updated.out.splitlines()[0]) == (0, "1 snapshot written")
    assert (folder / "rules.d" / "snapshots" / "ok.md").read_text() == "web1 is\nOK\n"
    assert command("rules", "test").code == 0
    (folder / "rules.d" / "snapshots" / "ok.md").write_text("web1 is\nDOWN\n")
    assert "-DOWN" in command("rules", "test").out


def test_a_snapshot_lies_beside_its_rules_or_nowhere(folder: Path) -> None:
    add(folder, SNAPSHOT.replace("snapshots/ok.md", "../../elsewhere.md"))
    said = command("rules", "test", "--update")
    assert said.code == 1
    assert "lies outside of" in said.err
    assert not (folder.parent / "elsewhere.md").exists()


def test_files_without_tests_say_where_tests_stand(folder: Path) -> None:
    write(folder, {"rules.d/all.yaml": RULES.partition("tests:")[0]})
    said = command("rules", "test")
    assert (said.code, said.out) == (0, "There is no test; 1 rule in force. Tests stand under tests: in rule files.\n")


def test_rules_that_cannot_be_read_are_bad_configuration(folder: Path) -> None:
    write(folder, {"rules.d/all.yaml": RULES.replace("send: ops", "send: opps")})
    said = command("rules", "test")
    assert said.code == 78
    assert 'no destination "opps" in bridge.yaml; did you mean "ops"?' in said.err
