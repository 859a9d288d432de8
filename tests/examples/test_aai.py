"""AAI: the real deployers take tasks from the example's daemon over TLS, and their results reach the registry."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.fakes.listening import running
from tests.examples.systems import System, a_system, client_program
from tests.fakes.federation_registry import Deployer, FakeFederationRegistry, RegistryAgent
from tests.fakes.identity_providers import FakeMitreid, FakeSimpleSamlPhp
from tests.fakes.keycloak import FakeKeycloak
from tests.house.requirements import require_program

pytestmark = pytest.mark.system("2 AAI federation", "rciam-federation-registry-agent (three deployers), php")

KEYCLOAK = Deployer("egi", "keycloak", "oidc", "demo")
MITREID = Deployer("egi", "mitreid", "oidc", "production")
SSP = Deployer("eosc", "ssp", "saml", "production", name="1")
NO_SERVICES = "<?php\n\nreturn [\n];\n"
SAML = {
    "id": 20,
    "service_name": "sp",
    "protocol": "saml",
    "tenant": "eosc",
    "integration_environment": "production",
    "entity_id": "https://sp.example.org/shibboleth",
    "metadata_url": "https://sp.example.org/metadata.xml",
    "requested_attributes": [{"name": "mail", "required": True}],
    "external_id": None,
    "deployment_type": "create",
}


@pytest.fixture
def registries() -> Iterator[dict[str, FakeFederationRegistry]]:
    """EGI's and EOSC's, each with the header that the example is given for it."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(FakeFederationRegistry(f"the-{name.lower()}-registry-authorization")))
            for name in ("EGI", "EOSC")
        }


@contextmanager
def the_federation(
    state: Path, registries: dict[str, FakeFederationRegistry], **more: str
) -> Iterator[tuple[System, RegistryAgent, RegistryAgent]]:
    """The example with both registries' agents set up: EGI's, then EOSC's."""
    environ = {f"{name}_REGISTRY": f"{one.base_url}/ams/ingest" for name, one in registries.items()} | more
    with a_system("aai-federation", state, environ) as system:
        egi = RegistryAgent(system.http, "EGI", [KEYCLOAK, MITREID])
        egi.set_up(system.environ["EGI_ADMIN_TOKEN"], ["egi-agent", "egi-keycloak", "egi-mitreid"])
        eosc = RegistryAgent(system.http, "EOSC", [SSP])
        eosc.set_up(system.environ["EOSC_ADMIN_TOKEN"], ["eosc-agent", "eosc-ssp"])
        yield system, egi, eosc


@contextmanager
def a_deployer(
    system: System, project: str, deployer: Deployer, token: str, settings: dict[str, Any]
) -> Iterator[subprocess.Popen[bytes]]:
    """One of the agent's deployers, as it is installed, with a configuration as its page shows it."""
    python, program = client_program("python"), client_program(f"deployer_{deployer.type}")
    ams = {
        "host": system.endpoint,
        "project": project,
        "pull_topic": deployer.topic("production"),
        "pull_sub": deployer.subscription("production"),
        "token": system.environ[token],
        "pub_topic": "results",
        "poll_interval": 0.2,
        "deployer_name": deployer.name,
    }
    config = {"log_conf": None, deployer.type: settings | {"ams": ams, "log_conf": None}}
    file = system.folder / f"{deployer.type}.json"
    file.write_text(json.dumps(config))
    around = {
        **os.environ,
        "REQUESTS_CA_BUNDLE": str(system.authority.certificate),
        "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the stand-ins for identity providers speak HTTP
        "NO_PROXY": "*",
    }
    with (system.folder / f"{deployer.type}.log").open("wb") as log:
        process = subprocess.Popen(
            [python, program, "-c", file.name], cwd=system.folder, env=around, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


def reported(system: System, deployer: Deployer, registry: FakeFederationRegistry, count: int) -> list[dict[str, Any]]:
    """What a registry took, once there are so many."""
    try:
        return system.until(lambda: [*registry.results], lambda found: len(found) >= count)
    except AssertionError as error:
        log = (system.folder / f"{deployer.type}.log").read_text()
        raise AssertionError(f"{log}\n{registry.attempts}") from error


def the_task(system: System, **changed: Any) -> dict[str, Any]:
    task: dict[str, Any] = json.loads((system.folder / "task.json").read_text())
    return task | changed


def test_keycloak_gets_tasks_of_its_registry_and_its_results_come_back(
    tmp_path: Path, registries: dict[str, FakeFederationRegistry]
) -> None:
    with running(FakeKeycloak()) as keycloak, the_federation(tmp_path, registries) as (system, egi, _):
        task = the_task(system)
        egi.publish(
            registries["EGI"], system.environ["EGI_AGENT_TOKEN"], task, task | {"id": 13}
        )  # one that exists by then
        realm = {"auth_server": keycloak.base_url, "realm": "egi", "client_id": "agent", "client_secret": "s"}
        with a_deployer(system, "EGI", KEYCLOAK, "EGI_KEYCLOAK_TOKEN", realm | {"service_account": {}}):
            deployed, failed = reported(system, KEYCLOAK, registries["EGI"], 2)
        assert (deployed["id"], deployed["state"], deployed["client_id"]) == (12, "deployed", "cid")
        assert (deployed["status_code"], deployed["external_id"]) == (201, "uuid-1")
        assert (failed["id"], failed["state"]) == (13, "error")
        assert keycloak.clients["cid"]["secret"] == "not-a-real-secret"
        system.settled(3)
        assert len(system.deliveries(destination="federation-team")) == 1
        assert registries["EOSC"].attempts == []
        system.balanced()
        assert "not-a-real-secret" not in system.process.log
        topic = f"EGI/{KEYCLOAK.topic('production')}"
        for path in (f"/api/messages?topic={topic}", f"/api/explain?message={topic}:0"):
            shown = json.dumps(system.ask("GET", path))
            assert ("***" in shown, "not-a-real-secret" in shown) == (True, False)


def test_mitreid_makes_changes_and_deletes_a_client_as_the_registry_asks(
    tmp_path: Path, registries: dict[str, FakeFederationRegistry]
) -> None:
    with running(FakeMitreid("r", "s")) as mitreid, the_federation(tmp_path, registries) as (system, egi, _):
        token = system.environ["EGI_AGENT_TOKEN"]
        issuer = {"issuer": mitreid.base_url, "refresh_token": "r", "client_id": "agent", "client_secret": "s"}
        create = the_task(system, id=30, integration_environment="production")
        edit = create | {"deployment_type": "edit", "external_id": "1", "service_name": "renamed"}
        delete = create | {"deployment_type": "delete", "external_id": "1"}
        with a_deployer(system, "EGI", MITREID, "EGI_MITREID_TOKEN", issuer):
            egi.publish(registries["EGI"], token, create)
            (made,) = reported(system, MITREID, registries["EGI"], 1)
            assert (made["state"], made["status_code"], made["external_id"]) == ("deployed", 200, "1")
            assert mitreid.clients[1]["contacts"] == ["a@b.example"]
            egi.publish(registries["EGI"], token, edit)
            assert reported(system, MITREID, registries["EGI"], 2)[1]["client_id"] == "cid"
            assert mitreid.clients[1]["clientName"] == "renamed"
            egi.publish(registries["EGI"], token, delete)
            assert reported(system, MITREID, registries["EGI"], 3)[2]["state"] == "deployed"
            assert mitreid.clients == {}
            egi.publish(registries["EGI"], token, delete)
            gone = reported(system, MITREID, registries["EGI"], 4)[3]
        assert (gone["state"], gone["status_code"]) == ("error", 404)
        system.settled(5)
        system.balanced()


def test_simplesamlphp_gets_services_of_the_other_registry_in_a_file_that_php_reads(
    tmp_path: Path, registries: dict[str, FakeFederationRegistry]
) -> None:
    php = require_program("php", package="php-cli")
    file = tmp_path / "services.php"
    file.write_text(NO_SERVICES)
    with running(FakeSimpleSamlPhp(php, file, "key")) as ssp, the_federation(tmp_path, registries) as (system, _, eosc):
        settings = {
            "metadata_conf_file": str(file),
            "cron_url": f"{ssp.base_url}/module.php/cron/cron.php",
            "cron_secret": "key",
            "cron_tag": "hourly",
            "request_timeout": 10,
        }
        eosc.publish(registries["EOSC"], system.environ["EOSC_AGENT_TOKEN"], SAML, SAML | {"id": 21})
        with a_deployer(system, "EOSC", SSP, "EOSC_SSP_TOKEN", settings):
            results = reported(system, SSP, registries["EOSC"], 2)
            edit = SAML | {"deployment_type": "edit", "metadata_url": "https://new.example.org/"}
            eosc.publish(registries["EOSC"], system.environ["EOSC_AGENT_TOKEN"], edit)
            reported(system, SSP, registries["EOSC"], 3)
        assert results[0] == {"id": 20, "status_code": 200, "deployer_name": "1", "state": "deployed"}
        assert [(one["registry_service_id"], one["src"]) for one in ssp.services] == [
            (20, "https://new.example.org/"),
            (21, "https://sp.example.org/metadata.xml"),
        ]
        assert registries["EGI"].attempts == []
        system.settled(3)
        system.balanced()


def test_no_deployer_takes_tasks_of_another(tmp_path: Path, registries: dict[str, FakeFederationRegistry]) -> None:
    with the_federation(tmp_path, registries) as (system, _, _):
        for project, deployer, token in (("EGI", KEYCLOAK, "EOSC_SSP_TOKEN"), ("EOSC", SSP, "EGI_KEYCLOAK_TOKEN")):
            path = f"/v1/projects/{project}/subscriptions/{deployer.subscription('production')}:pull"
            answer = system.http.post(path, json={}, headers={"x-api-key": system.environ[token]})
            assert answer.status_code in (401, 403)


def results_of(system: System, *results: str) -> None:
    """Report as a deployer does, one message each."""
    messages = [{"data": base64.b64encode(one.encode()).decode()} for one in results]
    token = system.environ["EGI_KEYCLOAK_TOKEN"]
    system.ask("POST", "/v1/projects/EGI/topics/results:publish", {"messages": messages}, token=token)


def test_results_wait_while_the_registry_does_not_know_us(
    tmp_path: Path, registries: dict[str, FakeFederationRegistry]
) -> None:
    with the_federation(tmp_path, registries, EGI_REGISTRY_AUTHORIZATION="another") as (system, _, _):
        results_of(system, (system.folder / "result.json").read_text())
        (one,) = system.until(system.deliveries, lambda found: bool(found) and found[0]["tries"] > 0)
        assert one["state"] == "waiting"
        assert registries["EGI"].results == []
        assert "401" in json.dumps(system.ask("GET", f"/api/deliveries/{one['id']}"))


def test_bad_results_are_told_and_kept_and_hold_up_no_other(
    tmp_path: Path, registries: dict[str, FakeFederationRegistry]
) -> None:
    with the_federation(tmp_path, registries) as (system, _, _):
        registries["EGI"].pending = {(12, "")}
        results_of(
            system,
            "deployed",
            '{"state": "deployed"}',
            '{"id": -1, "state": "deployed"}',
            '{"id": 12, "state": "deployed"}',
        )
        system.settled(6)
        assert [one["id"] for one in registries["EGI"].results] == [12]
        assert sorted(attempt.status or 0 for attempt in registries["EGI"].attempts) == [200, 422]
        (dead,) = system.deliveries(state="dead")
        assert "positive integer" in json.dumps(system.ask("GET", f"/api/deliveries/{dead['id']}"))
        kept = system.ask("POST", "/v1/projects/FEDERATION/subscriptions/refused:pull", {"maxMessages": "9"})
        assert len(kept["receivedMessages"]) == 2
        assert len(system.deliveries(destination="federation-team")) == 2
        system.balanced()


def test_a_task_that_cannot_be_read_is_told_and_its_deployer_goes_on_behind_it(
    tmp_path: Path, registries: dict[str, FakeFederationRegistry]
) -> None:
    """The real deployer ends at it each time it starts, until its subscription is moved on."""
    with running(FakeKeycloak()) as keycloak, the_federation(tmp_path, registries) as (system, egi, _):
        token = system.environ["EGI_AGENT_TOKEN"]
        egi.publish_text(KEYCLOAK, token, '{"client_secret": "not-a-real-secret"')
        egi.publish(registries["EGI"], token, the_task(system))
        realm = {"auth_server": keycloak.base_url, "realm": "egi", "client_id": "agent", "client_secret": "s"}
        with a_deployer(system, "EGI", KEYCLOAK, "EGI_KEYCLOAK_TOKEN", realm | {"service_account": {}}) as process:
            assert process.wait(30) != 0
        (told,) = system.settled(1)
        assert (told["destination"], "no JSON" in told["summary"]) == ("federation-team", True)
        assert "not-a-real-secret" not in json.dumps(system.deliveries())
        path = f"/v1/projects/EGI/subscriptions/{KEYCLOAK.subscription('production')}:modifyOffset"
        system.ask("POST", path, {"offset": 1}, token=system.environ["EGI_ADMIN_TOKEN"])
        with a_deployer(system, "EGI", KEYCLOAK, "EGI_KEYCLOAK_TOKEN", realm | {"service_account": {}}):
            (deployed,) = reported(system, KEYCLOAK, registries["EGI"], 1)
        assert deployed["state"] == "deployed"
