"""``check``: every problem at once, with its place, in the form editors know."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from bridge.destinations.destination_kinds import KINDS
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.webhook import FakeWebhook
from rules.conditions.operators import OPERATORS
from tests.fakes.command_line import command, write

SETTINGS = """\
server: {listen: "127.0.0.1:0", tls: off}
store: sqlite:state/bridge.db
auth: {service_token: secret}
projects:
  P: {topics: {T: {}}, subscriptions: {S: {topic: T}}}
destinations:
  ops: {type: inbox}
"""
RULES = """\
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.status: {exists: true}}, text: "{{ data.status }}", send: ops}
tests:
  - name: a status is told
    message: {data: {status: OK}}
    expect: [{rule: all, to: ops, text: OK}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with settings and rules that are fine."""
    write(tmp_path, {"bridge.yaml": SETTINGS, "rules.d/all.yaml": RULES})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_what_is_fine_is_said_so_with_what_a_start_would_provision(folder: Path) -> None:
    said = command("check")
    assert (said.code, said.err) == (0, "")
    assert said.out == lines(
        """
        ✓ bridge.yaml: 1 project, 0 sources, 1 destination
        ✓ 1 rule with 1 test; `ams-bridge rules test` runs them
        There is no store yet; the first start makes it, and provisions:
          project P: create
          topic P/T: create
          subscription P/S: create on T
        """
    )
    assert not (folder / "state").exists()


def test_every_problem_of_the_settings_is_told_at_once_in_order(folder: Path) -> None:
    write(
        folder,
        {
            "bridge.yaml": lines(
                """
                server: {listen: 8443, max_bodi: 10MiB}
                auth: {service_token: "${credential:token}"}
                retention: {messages: 7}
                destinations:
                  chat: {type: matermost}
                  ops: {type: webhook}
                """
            )
        },
    )
    said = command("check")
    assert (said.code, said.out) == (78, "")
    keys = "listen, tls, x509_listen, public_url, max_body, connections, timeouts, metrics, hsts"
    credential = "there is no credentials folder ($CREDENTIALS_DIRECTORY); under systemd add LoadCredential=token:/path"
    assert said.err.splitlines() == [
        "bridge.yaml:1:18  server.listen           a text is wanted",
        f'bridge.yaml:1:24  server.max_bodi         unknown key "max_bodi"; did you mean "max_body"? keys: {keys}',
        f"bridge.yaml:2:23  auth.service_token      ${{credential:token}}: {credential} to the unit",
        (
            'bridge.yaml:3:23  retention.messages      "7" is not a duration: it has no unit; write 7s for seconds '
            "(units: ms, s, m, h, d, w)"
        ),
        (
            'bridge.yaml:5:16  destinations.chat.type  unknown type "matermost"; did you mean "mattermost"? '
            f"types: {', '.join(KINDS)}"
        ),
        'bridge.yaml:6:3   destinations.ops        "url" is missing',
    ]


def test_every_problem_of_rules_and_templates_is_told_at_once(folder: Path) -> None:
    write(
        folder,
        {
            "rules.d/argo.yaml": lines(
                """
                topic: projects/P/topics/T
                rules:
                  - name: one
                    match: {$.type: {equalz: endpoint}}
                    template: own/status
                    send: ops2
                """
            ),
            "templates/own/status.md.j2": "{{ data.status | emojifor }}\n",
        },
    )
    said = command("check")
    assert said.code == 78
    assert said.err.splitlines() == [
        (
            "rules.d/argo.yaml:4:22           rules[0].match['$.type'].equalz  "
            f'unknown operator "equalz"; did you mean "equals"? operators: {", ".join(OPERATORS)}'
        ),
        (
            "rules.d/argo.yaml:5:15           rules[0].template                "
            'the template "own/status" has problems of its own'
        ),
        (
            "rules.d/argo.yaml:6:11           rules[0].send                    "
            'no destination "ops2" in bridge.yaml; did you mean "ops"? it has: ops'
        ),
        (
            "templates/own/status.md.j2:1:18                                   "
            'unknown filter "emojifor"; did you mean "emoji_for"?'
        ),
    ]


def test_only_the_settings_are_looked_at_on_request(folder: Path) -> None:
    write(folder, {"rules.d/bad.yaml": "rules: ["})
    assert command("check").code == 78
    said = command("check", "--settings-only")
    assert (said.code, said.out) == (0, "✓ bridge.yaml: 1 project, 0 sources, 1 destination\n")


def test_programs_read_problems_as_json(folder: Path) -> None:
    write(folder, {"bridge.yaml": SETTINGS.replace("tls: off", "tsl: off")})
    said = command("check", "--json")
    assert said.code == 78
    assert said.value["ok"] is False
    (problem,) = said.value["problems"]
    assert (problem["file"], problem["line"], problem["path"]) == ("bridge.yaml", 1, "server.tsl")
    fine = command("--json", "check", "--settings-only", env={"AMS_BRIDGE_CONFIG": str(folder / "rules.d/all.yaml")})
    assert fine.value["ok"] is False


def test_a_missing_file_names_itself(tmp_path: Path) -> None:
    said = command("-c", str(tmp_path / "none.yaml"), "check")
    assert said.code == 78
    assert said.err == f"{tmp_path}/none.yaml:1:1  cannot read the file: No such file or directory\n"


def test_what_cannot_be_provisioned_is_told(folder: Path) -> None:
    settings = SETTINGS.replace("topics: {T: {}}", "topics: {T: {}}, schemas: {s: {type: json, file: none.json}}")
    write(folder, {"bridge.yaml": settings})
    said = command("check")
    assert said.code == 78
    assert said.err == f"projects: cannot read the schema {folder}/none.json: No such file or directory\n"


def test_destinations_are_asked_without_posting(folder: Path, mattermost: FakeMattermost) -> None:
    settings = f"{SETTINGS}  chat: {{type: mattermost, url: {mattermost.hook_url}}}\n"
    write(folder, {"bridge.yaml": settings})
    said = command("check", "--probe")
    assert said.code == 0
    assert "chat mattermost ready" in said.words
    assert mattermost.posts == []


def test_a_destination_that_cannot_deliver_fails_the_probe(folder: Path) -> None:
    settings = f"{SETTINGS}  chat: {{type: mattermost, url: http://127.0.0.1:9/hooks/aaaaaaaaaaaaaaaaaaaaaaaaaa}}\n"
    write(folder, {"bridge.yaml": settings})
    said = command("check", "--probe")
    assert said.code == 1
    assert "chat mattermost not now no connection" in said.words
    assert said.err == "error  not ready: chat\n"
    assert "aaaaaaaaaa" not in said.out + said.err


def test_a_topic_to_publish_to_is_there_when_the_next_start_makes_it(folder: Path) -> None:
    topics = "  planned: {type: topic, topic: projects/P/topics/T}\n  lost: {type: topic, topic: projects/P/topics/X}\n"
    write(folder, {"bridge.yaml": SETTINGS + topics})
    said = command("check", "--probe")
    assert said.code == 1
    assert "planned topic ready" in said.words
    assert "lost topic refused there is no topic projects/P/topics/X" in said.words


def test_what_a_probe_leaves_open_is_said(folder: Path, webhook_receiver: FakeWebhook) -> None:
    write(folder, {"bridge.yaml": f"{SETTINGS}  hook: {{type: webhook, url: {webhook_receiver.base_url}}}\n"})
    said = command("check", "--probe", "--json")
    (hook,) = [one for one in said.value["probes"] if one["destination"] == "hook"]
    assert (hook["outcome"], hook["reason"][:26]) == ("ready", "somebody answers there; wh")


def test_warnings_do_not_fail_the_check(folder: Path) -> None:
    write(folder, {"templates/status.j2": "x"})
    said = command("check")
    assert said.code == 0
    assert "warning: a template file is named NAME.md.j2" in said.err


@pytest.mark.parametrize("url", ["postgresql://ann:very-secret@127.0.0.1:9/bridge", "postgres://127.0.0.1:9/bridge"])
def test_a_database_that_does_not_answer_is_told_without_its_password_and_fails_nothing(folder: Path, url: str) -> None:
    (folder / "bridge.yaml").write_text(SETTINGS.replace("sqlite:state/bridge.db", url))
    said = command("check")
    assert said.code == 0
    assert "could not be compared with the store" in said.words
    assert "postgresql://127.0.0.1/bridge cannot be reached" in said.words
    assert "very-secret" not in said.out + said.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no database at all" * 1_000, "it is not an SQLite database; give another path, or restore a backup"),
        (b"", "is empty: nothing was ever stored there"),
        (None, "is a folder; name a file in it"),
    ],
)
def test_a_store_that_a_start_would_refuse_is_found(folder: Path, content: bytes | None, sentence: str) -> None:
    store = folder / "state" / "bridge.db"
    store.parent.mkdir()
    if content is None:
        store.mkdir()
    else:
        store.write_bytes(content)
    said = command("check")
    if content == b"":  # a start fills it
        assert said.code == 0
        return
    assert said.code == 78
    assert sentence in said.err


def test_a_sealing_key_that_a_start_would_refuse_is_found(folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "sealing.key").write_text("not hex")
    said = command("check")
    assert said.code == 78
    assert "sealing key:" in said.err
    assert "is not hex" in said.err


@pytest.mark.parametrize(
    "definition", ['{"type": "objekt"}', '{"type": ', "[]", '{"properties": {"a": {"type": "strng"}}}', "\xff"]
)
def test_a_schema_that_a_start_would_refuse_is_found_with_its_file(folder: Path, definition: str) -> None:
    schemas = "topics: {T: {schema: s}}, schemas: {s: {type: json, file: s.json}}"
    (folder / "bridge.yaml").write_text(SETTINGS.replace("topics: {T: {}}", schemas))
    (folder / "s.json").write_text(definition, encoding="latin-1")
    said = command("check")
    assert said.code == 78
    assert "s.json" in said.err


@pytest.mark.parametrize("only", [("--settings-only",), ()])
def test_a_database_url_that_cannot_be_read_is_found(folder: Path, only: tuple[str, ...]) -> None:
    url = "postgresql://me:secret@db/alerts?no_such_word=1"
    write(folder, {"bridge.yaml": SETTINGS.replace("sqlite:state/bridge.db", f'"{url}"')})
    said = command("check", *only)
    assert said.code == 78
    assert "store: this is no URL of PostgreSQL" in said.err
    assert "secret" not in said.err


@pytest.mark.parametrize("only", [("--settings-only",), ()])
@pytest.mark.parametrize("content", ["no PEM at all", None])
def test_certificate_files_that_cannot_be_loaded_are_found(
    folder: Path, only: tuple[str, ...], content: str | None
) -> None:
    if content is not None:
        write(folder, dict.fromkeys(("a.pem", "a.key", "ca.pem"), content))
    tls = "{certificate: a.pem, key: a.key, client_ca: ca.pem}"
    mail = "{type: email, host: mail.example.org, from: a@example.org, to: [b@example.org], ca_file: ca.pem}"
    settings = SETTINGS.replace("tls: off", f"tls: {tls}").replace("  ops:", f"  desk: {mail}\n  ops:")
    write(folder, {"bridge.yaml": settings})
    said = command("check", *only)
    assert said.code == 78
    assert all(place in said.err for place in ("server.tls: ", "server.tls.client_ca: ", "destinations.desk.ca_file: "))


def test_an_avro_schema_of_the_settings_is_known_before_the_first_start(folder: Path) -> None:
    topic = '  P: {schemas: {S: {type: avro, file: s.avsc}}, topics: {T: {decode: "avro:S"}}}'
    settings = SETTINGS.replace("  P: {topics: {T: {}}, subscriptions: {S: {topic: T}}}", topic)
    schema = '{"type": "record", "name": "r", "fields": [{"name": "status", "type": "string"}]}'
    write(folder, {"bridge.yaml": settings, "s.avsc": schema})
    assert command("check").code == 0
    assert command("rules", "test").code == 0
    (folder / "s.avsc").write_text("{")
    said = command("check")
    assert said.code == 78
    assert 'no Avro schema "S"' in said.err
