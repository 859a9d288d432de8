"""bridge.yaml: what a good file says, and every problem of a bad one with its place, never with a secret."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bridge.core.host_and_port import host_and_port
from bridge.core.references import ReferenceSources
from bridge.core.secret import Secret
from bridge.destinations.config import DestinationConfig, RetrySettings
from bridge.destinations.destination_kinds import KINDS as DESTINATION_KINDS
from bridge.destinations.inbox import InboxConfig
from bridge.settings.model import MoveTo, RemovedDestination, Settings, TlsFiles
from bridge.settings.settings_file import read_settings, settings_of
from bridge.sources.github import GithubSourceConfig
from bridge.sources.source_kinds import KINDS as SOURCE_KINDS
from bridge.sources.webhook import WebhookSourceConfig
from rules.source.places import read_file, read_yaml
from rules.source.problems import ProblemsFound
from rules.source.words import Rate

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "data" / "settings"
SECRET = "hunter2-" + "x" * 60
ENVIRON = {"SECRET": SECRET, "SHORT": "a", "EMPTY": "", "URL": "https://chat.example.org/hooks/abc", "N": "3"}


def settings(text: str, environ: Mapping[str, str] = ENVIRON, folder: Path = Path("/etc/ams-bridge")) -> Settings:
    return settings_of(read_yaml(text, "bridge.yaml"), ReferenceSources(environ, None, folder))


def problems(text: str, environ: Mapping[str, str] = ENVIRON) -> str:
    with pytest.raises(ProblemsFound) as found:
        settings(text, environ)
    return str(found.value)


def whatever_is_said(text: str, secret: str) -> str:
    """The problems when ``${env:IT}`` is this; "" when there are none."""
    try:
        settings(text, {"IT": secret})
    except ProblemsFound as error:
        return str(error)
    return ""


# --- Bad files, each named by what is wrong, with the expected text beside it ---------------------------


@pytest.mark.parametrize("path", sorted((FOLDER / "bad").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_file_is_told_with_all_its_problems(path: Path) -> None:
    around = ReferenceSources(ENVIRON, FOLDER / "credentials", path.parent)
    with pytest.raises(ProblemsFound) as found:
        settings_of(read_file(path, "bridge.yaml"), around)
    told = str(found.value).replace(str(FOLDER), "FOLDER")
    told = told.replace(", ".join(DESTINATION_KINDS), "DESTINATIONS").replace(", ".join(SOURCE_KINDS), "SOURCES")
    assert told + "\n" == path.with_suffix(".txt").read_text()


def test_there_are_bad_files_and_each_has_its_text() -> None:
    names = {path.stem for path in (FOLDER / "bad").glob("*.yaml")}
    assert len(names) >= 25
    assert names == {path.stem for path in (FOLDER / "bad").glob("*.txt")}


# --- Good files -------------------------------------------------------------------------------------------


def test_an_empty_file_means_all_defaults() -> None:
    read = settings("")
    assert read == settings("# nothing\n") == settings("{}")
    assert (read.server.listen, read.server.tls, read.server.max_body) == ("0.0.0.0:8443", "self-signed", 10 * 1024**2)
    assert (read.retention.messages, read.retention.deliveries) == (7 * 86_400.0, 30 * 86_400.0)
    assert (read.drain, read.push.give_up_after, read.log.level) == (10.0, "off", "info")
    assert (read.rules, read.templates) == (Path("/etc/ams-bridge/rules.d"), Path("/etc/ams-bridge/templates"))
    assert (read.destinations, read.sources, read.projects, read.removed) == ({}, {}, {}, {})


@pytest.mark.parametrize(
    "section",
    [
        name
        for name in Settings.model_fields
        if name not in ("store", "node", "rules", "templates", "search", "drain", "removed")
    ],
)
def test_a_section_with_nothing_in_it_means_its_defaults(section: str) -> None:
    assert settings(f"{section}:\n") == settings("")


def test_sections_with_nothing_in_them_mean_defaults_at_every_depth() -> None:
    read = settings(
        """
        projects:
          A:
          B:
            topics:
              t:
            users:
        auth: {certificates: }
        destinations:
          ops: {type: inbox, retry: , breaker: }
        """
    )
    assert read.projects["A"].topics == {}
    assert read.projects["B"].topics["t"].decode == "auto"
    assert read.destinations["ops"] == InboxConfig()


def test_the_whole_of_a_file_is_read() -> None:
    read = settings(
        """
        server:
          listen: "[::]:8443"
          tls: {certificate: cert.pem, key: /keys/key.pem, client_ca: ca.pem}
          x509_listen: 0.0.0.0:8444
          public_url: https://bridge.example.org
          max_body: 64KiB
        store: sqlite:state/bridge.db
        retention: {messages: 1h30m, deliveries: 2w, size: 20GiB}
        auth: {service_token: "${env:SECRET}", token_from: header, certificates: {"CN=ann": ann}}
        projects:
          ARGO:
            description: ARGO's own
            topics: {alarms: {schema: metric_data, decode: "avro:metric_data"}}
            schemas: {metric_data: {type: avro, file: metric_data.avsc}}
            subscriptions: {archive: {topic: alarms, ack_deadline_s: 60}}
            users: {pub: {roles: [publisher], topics: [alarms], subscriptions: [archive], token: t, email: a@b}}
        sources:
          anything: {type: webhook, topic: projects/ARGO/topics/alarms, auth: {basic: "user:${env:SECRET}"}}
          forge: {type: github, topic: projects/ARGO/topics/alarms, secret: s}
        destinations:
          ops:
            type: inbox
            rate: 20/1m
            burst: 3
            timeout: 500ms
            retry: {attempts: 3, base: 2s, max: 5m, give_up_after: 1h}
            breaker: {failures: 2, probe_every: 10s}
            concurrency: 7
            when_unclear: dead
          old: {removed: dead}
          older: {removed: {move_to: ops}}
        rules: [a.yaml, /b.yaml]
        templates: mine
        tables: {owners: owners.csv}
        intervals: {office: {days: [mon-fri]}}
        push: {mode: external, give_up_after: 2d, allow_private: true}
        log: {level: debug, format: console}
        drain: 0s
        """
    )
    etc = Path("/etc/ams-bridge")
    assert read.server.tls == TlsFiles(
        certificate=etc / "cert.pem", key=Path("/keys/key.pem"), client_ca=etc / "ca.pem"
    )
    assert (read.server.x509_listen, read.server.max_body) == ("0.0.0.0:8444", 65_536)
    assert read.store == "sqlite:///etc/ams-bridge/state/bridge.db"
    assert (read.retention.messages, read.retention.deliveries) == (5_400.0, 14 * 86_400.0)
    assert (read.auth.service_token, read.auth.certificates) == (Secret(SECRET), {"CN=ann": "ann"})
    argo = read.projects["ARGO"]
    assert argo.topics["alarms"].schema_name == "metric_data"
    assert argo.schemas["metric_data"].file == etc / "metric_data.avsc"
    assert argo.users["pub"].token == Secret("t")
    anything, forge = read.sources["anything"], read.sources["forge"]
    assert isinstance(anything, WebhookSourceConfig)
    assert anything.auth is not None
    assert anything.auth.basic == Secret(f"user:{SECRET}")
    assert isinstance(forge, GithubSourceConfig)
    assert list(read.destinations) == ["ops"]
    assert read.destinations["ops"] == InboxConfig(
        rate=Rate(20, 60.0),
        burst=3,
        timeout=0.5,
        retry=RetrySettings(attempts=3, base=2.0, max=300.0, give_up_after=3600.0),
        breaker={"failures": 2, "probe_every": "10s"},
        concurrency=7,
        when_unclear="dead",
    )
    assert read.removed == {
        "old": RemovedDestination(removed="dead"),
        "older": RemovedDestination(removed=MoveTo(move_to="ops")),
    }
    assert (read.rules, read.templates) == ((etc / "a.yaml", Path("/b.yaml")), etc / "mine")
    assert (read.tables, read.intervals) == ({"owners": etc / "owners.csv"}, {"office": {"days": ["mon-fri"]}})
    assert (read.push.mode, read.push.give_up_after, read.push.allow_private) == ("external", 172_800.0, True)
    assert (read.log.level, read.log.format, read.drain) == ("debug", "console", 0.0)


def test_the_starter_loads(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "templates" / "starter", tmp_path / "starter")
    for name in ("service-token", "prometheus-token"):
        (tmp_path / "starter" / name).write_text(f"{name} itself\n")
    read = read_settings(tmp_path / "starter" / "bridge.yaml", {}, None)
    assert read.auth.service_token == Secret("service-token itself")
    assert list(read.destinations) == ["team"]


def _stand_in(name: str, folder: Path) -> str:
    """A value that fits what an example's variable is called."""
    if "DATABASE" in name:
        return f"sqlite:///{folder}/example.db"
    return "stand-in-of-" + name if "TOKEN" in name else "https://chat.example.org/hooks/standin"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/bridge.yaml")), ids=lambda path: path.parent.name)
def test_the_examples_load(path: Path, tmp_path: Path) -> None:
    names = re.findall(r"\$\{env:([A-Z0-9_]+)\}", path.read_text())
    read = read_settings(path, {name: _stand_in(name, tmp_path) for name in names}, None)
    assert read.destinations
    assert read.store.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("memory", "memory"),
        ("sqlite:bridge.db", "sqlite:///etc/ams-bridge/bridge.db"),
        ("sqlite:///var/lib/bridge.db", "sqlite:///var/lib/bridge.db"),
        ("postgresql://ann@one,two/bridge", "postgresql://ann@one,two/bridge"),
    ],
)
def test_a_store_is_named_by_its_url_or_relative_to_the_file(said: str, url: str) -> None:
    assert settings(f"store: {said}").store == url


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("0.0.0.0:8443", ("0.0.0.0", 8443)),  # noqa: S104
        ("[::]:1", ("::", 1)),
        (":8443", ("0.0.0.0", 8443)),  # noqa: S104
        ("host.example:0", ("host.example", 0)),
    ],
)
def test_an_address_is_a_host_and_a_port(said: str, read: tuple[str, int]) -> None:
    assert host_and_port(said) == read


@pytest.mark.parametrize("said", ["", "host", "host:", "host:x", "host:-1", "host:65536", "host:²", "8443"])
def test_what_is_no_address_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        host_and_port(said)


# --- References and secrets -------------------------------------------------------------------------------


def test_references_stand_for_texts_anywhere() -> None:
    read = settings(
        """
        store: "sqlite:///${env:URL}"
        destinations: {hook: {type: webhook, url: "${env:URL}", concurrency: "${env:N}"}}
        """
    )
    assert read.store == f"sqlite:///{ENVIRON['URL']}"
    assert read.destinations["hook"].concurrency == 3


def test_a_missing_reference_is_told_once() -> None:
    told = problems("drain: ${env:NOPE}\ndestinations: {ops: {type: inbox, timeout: '${env:NOPE}'}}")
    assert told.count("NOPE}: the environment has no variable") == 2
    assert len(told.splitlines()) == 2


SOMEWHERE = [
    "server: {listen: '%s'}",
    "server: {tls: '%s'}",
    "server: {tls: {certificate: c, key: k, client_ca: ['%s']}}",
    "server: {max_body: '%s'}",
    "server: {public_url: '%s'}",
    "store: '%s'",
    "retention: {messages: '%s', size: '%s'}",
    "auth: {token_from: '%s'}",
    "auth: {certificates: '%s'}",
    "projects: {P: {topics: {T: {schema: '%s'}}}}",
    "projects: {P: {subscriptions: {S: {topic: '%s'}}}}",
    "projects: {P: {subscriptions: {S: {topic: T, ack_deadline_s: '%s'}}}}",
    "projects: {P: {users: {ann: {roles: ['%s'], topics: '%s'}}}}",
    "projects: {P: {users: {ann: {topics: ['%s'], subscriptions: ['x', '%s']}}}}",
    "projects: '%s'",
    "sources: {s: {type: '%s'}}",
    "sources: {s: {type: webhook, topic: '%s'}}",
    "sources: {s: {type: webhook, topic: projects/P/topics/T, auth: {basic: '%s'}}}",
    "sources: '%s'",
    "destinations: {d: '%s'}",
    "destinations: {d: {type: '%s'}}",
    "destinations: {d: {type: inbox, timeout: '%s', rate: '%s', burst: '%s'}}",
    "destinations: {d: {type: inbox, retry: '%s', breaker: {failures: '%s', probe_every: '1h%s'}}}",
    "destinations: {d: {type: inbox, when_unclear: '%s'}}",
    "destinations: {d: {removed: '%s'}}",
    "destinations: {d: {removed: {move_to: '%s'}}}",
    "destinations: {d: {type: webhook, url: 'ftp://%s', secrets: ['%s'], method: '%s'}}",
    "rules: ['%s', 5]",
    "push: {give_up_after: '%s', mode: '%s', allow_private: '%s'}",
    "log: {level: '%s'}",
    "drain: '%s'",
    "drain: '10s %s'",
]


@pytest.mark.parametrize("where", SOMEWHERE)
@pytest.mark.parametrize("secret", [SECRET, "hunter2", "s3cr3t\nof two lines", "-1s", "1e9"])
def test_a_secret_is_never_shown_wherever_it_is_put(where: str, secret: str) -> None:
    told = whatever_is_said(where.replace("%s", "${env:IT}"), secret).replace("${env:IT}", "")
    for piece in (secret, secret.split("\n", maxsplit=1)[0], secret[:12]):
        assert piece not in told


@pytest.mark.parametrize("secret", ["a", "is", "duration", "mapping", "wanted", "1"])
def test_a_short_secret_does_not_garble_the_words(secret: str) -> None:
    told = problems("drain: ${env:IT}", {"IT": secret})
    assert told.startswith('bridge.yaml:1:8  drain  "${env:IT}" is not a duration; write a number and a unit, such as')


@pytest.mark.parametrize("where", SOMEWHERE)
@pytest.mark.parametrize("secret", ["\ud800", "x\udcff", "\udcc3("])
def test_a_variable_that_is_not_utf_8_is_named_wherever_it_is_put(where: str, secret: str) -> None:
    told = whatever_is_said(where.replace("%s", "${env:IT}"), secret)
    assert "${env:IT}: variable IT of the environment is not UTF-8 text" in told


NO_ADDRESS = st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"]), max_size=60)
"""What is right is said nothing of, and what is no text at all is said to be none: the test above."""


@given(NO_ADDRESS, NO_ADDRESS, st.sampled_from(SOMEWHERE))
def test_what_is_said_does_not_depend_on_the_secret(one: str, other: str, where: str) -> None:
    text = where.replace("%s", "${env:IT}")
    assert whatever_is_said(text, f"\u2620{one}") == whatever_is_said(text, f"\u2620{other}")


@pytest.mark.parametrize("said", ["''", "'  '", '"\\n"', "${env:EMPTY}", "'${env:EMPTY}'"])
@pytest.mark.parametrize(
    "where",
    [
        "auth: {service_token: %s}",
        "projects: {P: {users: {ann: {token: %s}}}}",
        "sources: {s: {type: webhook, topic: projects/P/topics/T, token: %s}}",
        "sources: {s: {type: alertmanager, topic: projects/P/topics/T, token: %s}}",
        "sources: {s: {type: webhook, topic: projects/P/topics/T, secret: %s}}",
        "sources: {s: {type: webhook, topic: projects/P/topics/T, auth: {basic: %s}}}",
        "sources: {s: {type: github, topic: projects/P/topics/T, secret: %s}}",
        "destinations: {d: {type: webhook, url: %s}}",
        "destinations: {d: {type: webhook, url: 'https://h.example', headers: {Authorization: %s}}}",
        "destinations: {d: {type: mattermost, url: %s}}",
    ],
)
def test_an_empty_secret_is_a_problem_at_its_place(where: str, said: str) -> None:
    text = where.replace("%s", f'"{said}"' if said.startswith("$") else said)
    told = problems(text)
    assert len(told.splitlines()) == 1
    assert "empty" in told
    assert not told.startswith("bridge.yaml:1:1 ")


def test_secrets_show_in_no_dump() -> None:
    read = settings(
        """
        auth: {service_token: "${env:SECRET}"}
        sources: {s: {type: webhook, topic: projects/P/topics/T, token: "${env:SECRET}"}}
        destinations: {d: {type: webhook, url: "https://h.example/${env:SECRET}", headers: {X: "${env:SECRET}"}}}
        """
    )
    for shown in (repr(read), str(read), read.model_dump_json(), str(read.model_dump())):
        assert SECRET not in shown


# --- Records built in code ---------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan")])
def test_code_cannot_build_a_duration_that_makes_no_sense(timeout: float) -> None:
    with pytest.raises(ValidationError):
        DestinationConfig(type="test", timeout=timeout)


def test_code_may_say_plain_values_and_words() -> None:
    config = DestinationConfig(type="test", timeout=2.5, rate=Rate(1, 2.0), retry={"base": "5s"})
    assert (config.timeout, config.rate, config.retry.base) == (2.5, Rate(1, 2.0), 5.0)


def test_a_record_cannot_be_changed_and_takes_no_unknown_key() -> None:
    config = DestinationConfig(type="test")
    with pytest.raises(ValidationError):
        config.timeout = 5.0
    with pytest.raises(ValidationError):
        DestinationConfig(type="test", timout=5.0)  # type: ignore[call-arg]


# --- Bounds ---------------------------------------------------------------------------------------------


def records_under(record: Any, seen: set[type]) -> None:
    """Every settings record that a record may hold."""
    if isinstance(record, type) and issubclass(record, BaseModel) and record not in seen:
        seen.add(record)
        for field in record.model_fields.values():
            records_under(field.annotation, seen)
    for part in get_args(record):
        records_under(part, seen)


def settings_records() -> list[type[BaseModel]]:
    """Those of bridge.yaml, with every kind of destination and of source."""
    seen: set[type] = set()
    for record in (
        Settings,
        *(DESTINATION_KINDS[name].config for name in DESTINATION_KINDS),
        *(SOURCE_KINDS[name].config for name in SOURCE_KINDS),
    ):
        records_under(record, seen)
    return sorted(seen, key=lambda one: one.__name__)


def counts_of(record: type[BaseModel]) -> list[str]:
    """The keys of a record that take a whole number and have no bound."""
    properties = record.model_json_schema(mode="validation")["properties"]
    forms = ((name, form) for name, one in properties.items() for form in (one, *one.get("anyOf", ())))
    return [name for name, form in forms if form.get("type") == "integer" and "maximum" not in form]


@pytest.mark.parametrize("record", settings_records(), ids=lambda record: record.__name__)
def test_every_whole_number_has_an_upper_bound(record: type[BaseModel]) -> None:
    assert counts_of(record) == []
