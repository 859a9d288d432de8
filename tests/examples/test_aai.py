"""AAI: the real federation agent takes tasks from the example's daemon over TLS, and its results reach the registry."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.fakes.listening import running
from tests.examples.systems import System, a_system, client_program
from tests.fakes.federation_registry import FakeFederationRegistry
from tests.fakes.keycloak import FakeKeycloak

pytestmark = pytest.mark.system("2 AAI federation", "rciam-federation-registry-agent")

AUTHORIZATION = "the-egi-registry-authorization"
TASKS = "/v1/projects/AAI/topics/egi-tasks:publish"


@pytest.fixture
def registry() -> Iterator[FakeFederationRegistry]:
    with running(FakeFederationRegistry(AUTHORIZATION)) as fake:
        yield fake


@pytest.fixture
def keycloak() -> Iterator[FakeKeycloak]:
    with running(FakeKeycloak()) as fake:
        yield fake


@contextmanager
def a_deployer(system: System, keycloak: FakeKeycloak) -> Iterator[subprocess.Popen[bytes]]:
    """The agent's deployer for Keycloak, as it is installed, with a configuration as its page shows it."""
    python, program = client_program("python"), client_program("deployer_keycloak")
    ams = {
        "host": system.endpoint,
        "project": "AAI",
        "pull_topic": "egi-demo-keycloak",
        "pull_sub": "egi-demo-keycloak",
        "token": system.environ["EGI_KEYCLOAK_TOKEN"],
        "pub_topic": "egi-results",
        "poll_interval": 1,
    }
    realm = {"auth_server": keycloak.base_url, "realm": "egi", "client_id": "agent", "client_secret": "s"}
    config = {"log_conf": None, "keycloak": realm | {"ams": ams, "log_conf": None, "service_account": {}}}
    (system.folder / "agent.json").write_text(json.dumps(config))
    around = {
        **os.environ,
        "REQUESTS_CA_BUNDLE": str(system.authority.certificate),
        "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the stand-in for Keycloak speaks HTTP
        "NO_PROXY": "*",
    }
    with (system.folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [python, program, "-c", "agent.json"], cwd=system.folder, env=around, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(30)


def publish(system: System, *tasks: dict[str, object]) -> None:
    messages = [{"data": base64.b64encode(json.dumps(task).encode()).decode()} for task in tasks]
    system.ask("POST", TASKS, {"messages": messages}, token=system.environ["EGI_REGISTRY_TOKEN"])


def test_tasks_are_deployed_by_the_real_agent_and_the_results_come_back(
    tmp_path: Path, keycloak: FakeKeycloak, registry: FakeFederationRegistry
) -> None:
    environ = {"EGI_REGISTRY": f"{registry.base_url}/ams/ingest", "EOSC_REGISTRY": f"{registry.base_url}/eosc"}
    with a_system("aai-federation", tmp_path, environ) as system:
        task = json.loads((system.folder / "task.json").read_text())
        publish(system, task, task | {"id": 13})  # the second asks for a client that exists by then
        with a_deployer(system, keycloak) as agent:
            system.until(
                lambda: (len(registry.results), agent.poll()), lambda seen: seen[0] >= 2 or seen[1] is not None
            )
        log = (system.folder / "agent.log").read_text()
        assert len(registry.results) == 2, log
        deployed, failed = registry.results
        assert (deployed["id"], deployed["state"], deployed["client_id"]) == (12, "deployed", "cid")
        assert (deployed["status_code"], deployed["external_id"]) == (201, "uuid-1")
        assert (failed["id"], failed["state"]) == (13, "error")
        assert keycloak.clients["cid"]["secret"] == "not-a-real-secret"
        system.settled(5)
        assert len(system.deliveries(destination="federation-team")) == 1
        system.balanced()
        assert "not-a-real-secret" not in system.process.log


def test_results_that_the_registry_refuses_wait_and_are_not_lost(
    tmp_path: Path, registry: FakeFederationRegistry
) -> None:
    environ = {
        "EGI_REGISTRY": f"{registry.base_url}/ams/ingest",
        "EOSC_REGISTRY": f"{registry.base_url}/eosc",
        "EGI_REGISTRY_AUTHORIZATION": "another",
    }
    with a_system("aai-federation", tmp_path, environ) as system:
        result = base64.b64encode((system.folder / "result.json").read_bytes()).decode()
        body = {"messages": [{"data": result}]}
        token = system.environ["EGI_KEYCLOAK_TOKEN"]
        system.ask("POST", "/v1/projects/AAI/topics/egi-results:publish", body, token=token)
        (one,) = system.until(system.deliveries, lambda found: bool(found) and found[0]["tries"] > 0)
        assert one["state"] in ("waiting", "dead")
        assert registry.results == []
        assert "401" in json.dumps(system.ask("GET", f"/api/deliveries/{one['id']}"))
