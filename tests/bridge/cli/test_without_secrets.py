"""Rules are read, tested and checked where nobody has the secrets, and a check leaves everything as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.cli.loading import destinations_of
from bridge.destinations.destination_kinds import KINDS
from bridge.settings.settings_file import read_without_secrets
from bridge.sources.source_kinds import KINDS as SOURCES
from tests.fakes.command_line import command, write

SETTINGS = """\
server: {listen: "127.0.0.1:1", tls: off}
store: sqlite:state/bridge.db
auth: {service_token: "${credential:service-token}"}
projects:
  P: {topics: {T: {}}, users: {ann: {token: "${file:secrets/ann}", roles: [publisher]}}}
sources:
  hook: {type: webhook, topic: projects/P/topics/T, token: "${env:HOOK_TOKEN}"}
destinations:
  team: {type: mattermost, url: "https://chat.example.org/hooks/${env:HOOK}", channel: team}
  ops: {type: mattermost_bot, url: "https://chat.example.org", token: "${file:/nowhere/token}", channel: ops}
  mail: {type: email, host: "${env:MAIL}", port: "${env:PORT}", from: a@example.org, to: ["${env:TO}"]}
"""
RULE = """\
topic: projects/P/topics/T
rules:
- name: all
  text: "{{ text }}"
  send: [team, ops, mail]
tests:
- name: told
  message: {data: hello}
  expect: [{to: team, text: hello}, {to: ops}, {to: mail}]
"""

REPEATING = """\
topic: projects/P/topics/T
rules:
- name: all
  key: k
  match: {$.text: hello}
  resolved: {$.text: bye}
  repeat: 1m
  text: x
  send: team
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"bridge.yaml": SETTINGS, "rules.d/all.yaml": RULE, "event.json": '{"text": "hello"}\n'})
    return tmp_path


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file below a folder with its time and its content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize(
    "words",
    [
        "check", "check --settings-only", "rules test", "rules schema -", "rules explain event.json",
        "rules explain event.json --json", "rules simulate --from event.json",
    ],
)  # fmt: skip
def test_without_any_secret_it_works_and_writes_nothing(
    folder: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = tree(folder)
    said = command(*words.split())
    assert (said.code, "Traceback" in said.err) == (0, False), said.err
    assert tree(folder) == before


def test_check_warns_of_each_secret_that_is_not_there_with_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    said = command("check", "--json")
    missing = [one["path"] for one in said.value["warnings"]]
    assert (said.code, said.value["ok"], said.value["rules"], said.value["tests"]) == (0, True, 1, 1)
    assert missing == [
        "auth.service_token", "projects.P.users.ann.token", "sources.hook.token", "destinations.team.url",
        "destinations.ops.token", "destinations.mail.host", "destinations.mail.port", "destinations.mail.to[0]",
    ]  # fmt: skip
    assert "bridge.yaml:9:" in command("check").err


def test_strict_fails_on_any_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    said = command("check", "--strict")
    assert (said.code, "8 warnings, and --strict lets none pass" in said.err) == (1, True)
    plain = (
        SETTINGS.partition("auth")[0] + "destinations: {team: {type: inbox}, ops: {type: inbox}, mail: {type: inbox}}\n"
    )
    write(folder, {"bridge.yaml": plain})
    assert command("check", "--strict").code == 0


def test_where_secrets_should_be_or_are_needed_a_missing_one_is_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert command("check", "--probe").code == 78
    assert command("check", env={"CREDENTIALS_DIRECTORY": str(folder)}).code == 78
    assert command("run").code == 78


def test_an_empty_variable_is_no_secret_either(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    said = command("check", env={"HOOK_TOKEN": "", "HOOK": " "})
    assert (said.code, said.err.count("stands for an empty text")) == (0, 2)
    assert command("rules", "test", env={"HOOK_TOKEN": "", "HOOK": " "}).code == 0


def test_what_else_is_wrong_is_told_with_the_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    write(folder, {"bridge.yaml": SETTINGS.replace("channel: team", "chanel: team") + "retention: {messages: 7}\n"})
    said = command("check")
    assert said.code == 78
    for part in ("chanel", "retention.messages", "${env:HOOK_TOKEN}: the environment has no variable"):
        assert part in said.err
    tested = command("rules", "test")
    assert (tested.code, "HOOK_TOKEN" in tested.err, "chanel" in tested.err) == (78, False, True)


def test_a_reference_that_is_written_wrongly_stays_a_problem(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    write(folder, {"bridge.yaml": SETTINGS.replace("${env:HOOK}", "${enf:HOOK}")})
    for words in ("check", "rules test"):
        said = command(*words.split())
        assert (said.code, '"enf" is no kind of reference' in said.err) == (78, True)


FIELDS = {
    "mattermost_bot": {"token": "t", "channel": "c", "url": "https://a.example"},
    "slack_bot": {"token": "t", "channel": "c"},
    "email": {"host": "h", "from": "a@example.org", "to": ["a@example.org"]},
    "file": {"path": "out.jsonl"},
    "command": {"command": ["/bin/true"], "enabled": True},
    "database": {"url": "sqlite:////tmp/x.db", "table": "t"},
    "apprise": {"url": "json://a.example"},
    "topic": {"topic": "projects/P/topics/T"},
    "inbox": {},
    "github": {"topic": "projects/P/topics/T", "secret": "s"},
    "ams": {"topic": "projects/P/topics/T", "endpoint": "a", "project": "P", "subscription": "S", "token": "t"},
}
BY_DEFAULT = {"url": "https://a.example/hooks/x"}
PLACES = [
    (section, kind, field.alias or name)
    for section, kinds in (("destinations", KINDS), ("sources", SOURCES))
    for kind, one in kinds.items()
    for name, field in one.config.model_fields.items()
    if name != "type" and not (isinstance(field.annotation, type) and name in ("retry", "breaker"))
    and "Settings" not in str(field.annotation) and "BasicAuth" not in str(field.annotation)
]  # fmt: skip


@pytest.mark.parametrize(("section", "kind", "key"), PLACES)
def test_every_key_of_every_kind_may_be_a_secret_that_is_not_there(
    tmp_path: Path, section: str, kind: str, key: str
) -> None:
    base: dict[str, Any] = FIELDS.get(kind, {"topic": "projects/P/topics/T"} if section == "sources" else BY_DEFAULT)
    one = {"type": kind, **base, key: "${env:NOWHERE_TO_BE_FOUND}"}
    path = write(tmp_path, {"bridge.yaml": yaml.safe_dump({section: {"it": one}})})
    read = read_without_secrets(path, {}, None)
    assert [problem.path for problem in read.absent] == [f"{section}.it.{key}"]
    assert list(getattr(read.settings, section)) == ["it"]
    for destination in destinations_of(read.settings).values():
        assert destination.facts.name == "it"


@pytest.mark.parametrize("form", [[], ["--json"]], ids=str)
def test_a_simulation_without_end_ends(folder: Path, form: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("rules.workbench.simulate.MOST_STEPS", 50)
    write(folder, {"rules.d/all.yaml": REPEATING})
    said = command("rules", "simulate", "--from", "event.json", "--until", "300d", *form)
    assert (said.code, "more than 50 timers were due before the next message" in said.err) == (1, True)
    if form:
        assert (said.value["partial"], len(said.value["timeline"])) == (True, 51)


def test_a_check_writes_nothing_beside_a_store_and_with_every_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    all_kinds = {kind: {"type": kind, **FIELDS.get(kind, BY_DEFAULT)} for kind in KINDS}
    all_kinds["database"]["url"] = f"sqlite:///{tmp_path}/rows.db"
    settings = {"store": "sqlite:state/bridge.db", "projects": {"P": {"topics": {"T": {}}}}, "destinations": all_kinds}
    write(tmp_path, {"bridge.yaml": yaml.safe_dump(settings), "rules.d/all.yaml": "rules: []\n"})
    _with_a_store(tmp_path)
    before = tree(tmp_path)
    assert "state/bridge.db" in before
    for words in ("check", "check --settings-only", "check --strict", "check --json", "doctor"):
        said = command(*words.split())
        assert said.code in (0, 1), said.err
        assert tree(tmp_path) == before, words


@pytest.mark.parametrize("wrong", ["", "destinations: {team: {type: no such kind}}\nnonsense: 1\n"])
def test_a_backup_is_made_and_restored_without_secrets_whatever_else_the_file_says(
    tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"bridge.yaml": "store: sqlite:state/bridge.db\n", "rules.d/all.yaml": "rules: []\n"})
    _with_a_store(tmp_path)
    token = 'auth: {service_token: "${credential:service-token}"}\n'
    write(tmp_path, {"bridge.yaml": "store: sqlite:state/bridge.db\n" + token + wrong})
    assert command("backup", "copy.db").code == 0
    (tmp_path / "state" / "bridge.db").unlink()
    restored = command("restore", "copy.db")
    assert restored.code == 0, restored.err
    assert (tmp_path / "state" / "bridge.db").exists()


def _with_a_store(folder: Path) -> None:
    """Let a daemon begin in the folder and stop."""
    from tests.line.process import DaemonProcess, a_free_port

    text = (folder / "bridge.yaml").read_text()
    config = folder / "start.yaml"
    config.write_text(text + f"server: {{listen: '127.0.0.1:{a_free_port()}', tls: off}}\n")
    daemon = DaemonProcess(config, cwd=folder)
    try:
        daemon.start()
        daemon.stop()
    finally:
        daemon.close()
