"""``rules import alertmanager``: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.source.places import read_yaml
from tests.fakes.command_line import command, write
from tests.house.requirements import require_program

CONFIG = """\
route: {receiver: chat, routes: [{matchers: [severity="critical"], receiver: pager}]}
receivers:
  - {name: chat, mattermost_configs: [{webhook_url: "https://mm.example.org/hooks/a-secret", channel: alerts}]}
  - {name: pager, pagerduty_configs: [{routing_key: a-secret}]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(CONFIG)
    return path


def test_rules_settings_and_remarks_are_printed(config: Path) -> None:
    said = command("rules", "import", "alertmanager", str(config))
    assert said.code == 0
    rules, settings = said.out.split("---\n")
    assert [rule["name"] for rule in read_yaml(rules, "r").value["rules"]] == ["pager", "chat"]
    assert set(read_yaml(settings, "s").value) == {"projects", "sources", "destinations"}
    assert f"{config}:4:" in said.err
    assert "pagerduty_configs: there is no destination of this kind" in said.err
    assert "a-secret" not in said.out + said.err


def test_with_a_folder_two_files_are_written_and_nothing_is_overwritten(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = command("rules", "import", "alertmanager", str(config), "--out", str(out), "--topic", "projects/A/topics/b")
    assert said.code == 0
    written = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert set(written) == {"rules.d/alertmanager.yaml", "bridge-alertmanager.yaml"}
    assert "topic: projects/A/topics/b" in written["rules.d/alertmanager.yaml"]
    again = command("rules", "import", "alertmanager", str(config), "--out", str(out))
    assert (again.code, "these exist already" in again.err) == (1, True)


def test_what_is_written_passes_check(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("rules", "import", "alertmanager", str(config), "--out", str(out))
    write(out, {"credentials/chat-url": "https://mm.example.org/hooks/x", "credentials/alertmanager-token": "t"})
    checked = command(
        "-c", str(out / "bridge-alertmanager.yaml"), "check", env={"CREDENTIALS_DIRECTORY": str(out / "credentials")}
    )
    assert checked.code == 0, checked.err
    assert "2 rules" in checked.out


def test_programs_get_it_as_json_and_it_may_come_from_standard_input() -> None:
    said = command("rules", "import", "alertmanager", "-", "--json", stdin=CONFIG)
    assert set(said.value) == {"rules", "settings", "remarks", "written"}
    assert said.value["remarks"][0]["file"] == "stdin"


def test_a_file_that_cannot_be_used_names_its_mistakes(tmp_path: Path) -> None:
    require_program("amtool", package="prometheus-alertmanager")
    path = tmp_path / "am.yml"
    path.write_text("route: {receiver: chats}\nreceivers: [{name: chat}]")
    said = command("rules", "import", "alertmanager", str(path))
    assert said.code == 78
    assert f'{path}:1:19  route.receiver  no receiver "chats"; did you mean "chat"?' in said.err


@pytest.mark.parametrize("topic", ["alerts", "projects/*/topics/x"])
def test_a_topic_must_be_one(config: Path, topic: str) -> None:
    assert command("rules", "import", "alertmanager", str(config), "--topic", topic).code == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = command("rules", "import", "alertmanager", str(tmp_path / "none.yml"))
    assert (said.code, "cannot read" in said.err) == (1, True)


TREE = """\
route:
  receiver: d
  routes:
    - receiver: a
      matchers: [team=~".+", team!="x"]
      continue: true
      routes:
        - {receiver: b, matchers: [env=p], continue: true}
        - {receiver: c, matchers: [env=~"p|q"]}
    - {receiver: c, matchers: [team!~"x|y"]}
    - {receiver: a, matchers: ['instance=~10\\\\.0\\\\.0\\\\.[0-9]+:9100']}
    - {receiver: b, matchers: ['path = C:\\\\temp']}
    - {receiver: nobody, match: {code: 0123}}
receivers:
  - {name: d, webhook_configs: [{url: "http://h.example.org/"}]}
  - {name: a, webhook_configs: [{url: "http://h.example.org/"}]}
  - {name: b, webhook_configs: [{url: "http://h.example.org/"}]}
  - {name: c, webhook_configs: [{url: "http://h.example.org/"}]}
  - {name: nobody}
"""


@pytest.mark.parametrize("tree", [TREE, TREE.replace("continue: true", "continue: false")])
def test_amtool_says_the_same(tree: str, tmp_path: Path) -> None:
    require_program("amtool", package="prometheus-alertmanager")
    path = tmp_path / "am.yml"
    path.write_text(tree)
    said = command("rules", "import", "alertmanager", str(path), "--compare", "amtool")
    assert (said.code, "no difference" in said.err) == (0, True), said.err


def test_what_amtool_says_otherwise_is_shown(tmp_path: Path) -> None:
    require_program("amtool", package="prometheus-alertmanager")
    path = tmp_path / "am.yml"
    path.write_text(
        TREE.replace("{receiver: b, matchers: [env=p], continue: true}", "&b {receiver: b, matchers: [env=p]}").replace(
            '{receiver: c, matchers: [env=~"p|q"]}', "{<<: *b, matchers: [env=q]}"
        )
    )
    said = command("rules", "import", "alertmanager", str(path), "--compare", "amtool")
    assert said.code == 1
    assert "env=q" in said.err
    assert "Alertmanager tells" in said.err


def test_amtool_is_not_asked_of_what_is_inside_something_else(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text("alertmanager:\n  config:\n" + "".join(f"    {line}\n" for line in TREE.splitlines()))
    said = command("rules", "import", "alertmanager", str(path), "--compare", "amtool")
    assert (said.code, "a configuration by themselves" in said.err) == (1, True)
    assert command("rules", "import", "alertmanager", str(path)).code == 0


def test_the_rules_come_with_tests_that_pass(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command("rules", "import", "alertmanager", str(config), "--out", str(out))
    write(out, {"credentials/chat-url": "https://mm.example.org/hooks/x", "credentials/alertmanager-token": "t"})
    environment = {"CREDENTIALS_DIRECTORY": str(out / "credentials")}
    tested = command("-c", str(out / "bridge-alertmanager.yaml"), "rules", "test", env=environment)
    assert (tested.code, "2 tests: 2 passed" in tested.out) == (0, True), tested.out + tested.err


GRAFANA = """\
apiVersion: 1
policies: [{orgId: 1, receiver: chat, routes: [{receiver: pager, object_matchers: [[severity, =, critical]]}]}]
contactPoints:
  - {name: chat, receivers: [{type: slack, settings: {url: "https://hooks.slack.com/services/a-secret"}}]}
  - {name: pager, receivers: [{type: pagerduty, settings: {integrationKey: a-secret}}]}
"""


def test_grafanas_policies_are_printed_as_rules_and_settings(tmp_path: Path) -> None:
    path = tmp_path / "alerting.yaml"
    path.write_text(GRAFANA)
    said = command("rules", "import", "grafana", str(path))
    assert said.code == 0
    rules, settings = said.out.split("---\n")
    assert [rule["name"] for rule in read_yaml(rules, "r").value["rules"]] == ["pager", "chat"]
    assert set(read_yaml(settings, "s").value) == {"projects", "sources", "destinations"}
    assert f"{path}:5:" in said.err
    assert 'type "pagerduty": there is no destination of this kind' in said.err
    assert "a-secret" not in said.out + said.err


def test_grafanas_files_may_be_a_folder_and_what_is_written_passes_check_and_tests(tmp_path: Path) -> None:
    policies, points = GRAFANA.split("contactPoints:")
    write(tmp_path, {"in/a/policies.yml": policies, "in/points.json": "", "in/notes.md": "no YAML: ["})
    (tmp_path / "in" / "points.json").write_text("contactPoints:" + points)
    out = tmp_path / "out"
    said = command("rules", "import", "grafana", str(tmp_path / "in"), "--out", str(out))
    assert said.code == 0, said.err
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {"rules.d/grafana.yaml", "bridge-grafana.yaml"}
    write(out, {"credentials/chat-url": "https://hooks.slack.com/services/x", "credentials/grafana-token": "t"})
    environment = {"CREDENTIALS_DIRECTORY": str(out / "credentials")}
    checked = command("-c", str(out / "bridge-grafana.yaml"), "check", env=environment)
    assert checked.code == 0, checked.err
    tested = command("-c", str(out / "bridge-grafana.yaml"), "rules", "test", env=environment)
    assert (tested.code, "2 tests: 2 passed" in tested.out) == (0, True), tested.out + tested.err
    again = command("rules", "import", "grafana", str(tmp_path / "in"), "--out", str(out))
    assert (again.code, "these exist already" in again.err) == (1, True)


def test_grafanas_policies_come_as_json_from_standard_input() -> None:
    said = command("rules", "import", "grafana", "-", "--json", stdin=GRAFANA)
    assert set(said.value) == {"rules", "settings", "remarks", "written"}


def test_contact_points_without_policies_say_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "points.yaml"
    path.write_text("contactPoints:" + GRAFANA.partition("contactPoints:")[2])
    said = command("rules", "import", "grafana", str(path))
    assert (said.code, "there are no notification policies" in said.err) == (78, True)
    (tmp_path / "empty").mkdir()
    assert command("rules", "import", "grafana", str(tmp_path / "empty")).code == 1
