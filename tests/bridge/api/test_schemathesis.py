"""Whatever the OpenAPI document allows, and more, is answered as it says, and never with a failure of ours."""

from types import SimpleNamespace

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bridge.api.more_routes import ALL_ROUTES
from bridge.api.openapi import openapi_document
from tests.fakes.ams_api import SERVICE
from tests.fakes.ams_server import AmsServer

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

EXAMPLES = 100
HEADERS = {"x-api-key": SERVICE}
REAL = {"project": "P", "topic": "T", "subscription": "S", "schema": "sc", "user": "pub", "snapshot": "N"}
ENDS_THE_STAGE = {"projects:delete", "projects:update"}
OF_AMS = {"no ack pending", "wrong ack"}  # the two failures that AMS clients know and retry


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with AmsServer(tmp_path_factory.mktemp("tls"), per_resource_auth=False) as running:
        running.call(running.ams.stage())
        yield running


@pytest.fixture(scope="module")
def session(server):
    with requests.Session() as made:
        made.verify = str(server.authority.certificate)
        made.trust_env = False
        yield made


@pytest.fixture(scope="module")
def tool():
    """The operations of the document and what is to be checked; loaded here, for it takes seconds."""
    import schemathesis
    from schemathesis.specs.openapi import checks

    schema = schemathesis.openapi.from_dict(openapi_document("1"))
    operations = {found.ok().definition.raw["operationId"]: found.ok() for found in schema.get_all_operations()}
    return SimpleNamespace(
        operations=operations, checks=[checks.content_type_conformance, checks.response_schema_conformance]
    )


async def restore(ams):
    """Make again what an operation may have removed."""
    await ams.ask("PUT", "/projects/P/topics/T")
    await ams.ask("PUT", "/projects/P/subscriptions/S", {"topic": "projects/P/topics/T"})
    await ams.ask("POST", "/projects/P/schemas/sc", {"type": "json", "schema": {}})
    await ams.ask("POST", "/users/pub", {})


def test_every_route_is_asked(tool):
    assert set(tool.operations) == {route.name for route in ALL_ROUTES}


@pytest.mark.parametrize("name", sorted(route.name for route in ALL_ROUTES))
def test_an_operation_holds(server, session, tool, name):
    @given(case=tool.operations[name].as_strategy(), real=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case, real):
        if real and name not in ENDS_THE_STAGE:
            case.path_parameters.update({key: REAL[key] for key in case.path_parameters or {} if key in REAL})
        answer = case.call(
            base_url=f"https://{server.endpoint}", session=session, verify=session.verify, headers=HEADERS
        )
        if answer.status_code >= 500:
            assert answer.json()["error"]["message"] in OF_AMS
        case.validate_response(answer, checks=tool.checks)

    server.call(restore(server.ams))
    ask()
