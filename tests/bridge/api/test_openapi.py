"""The OpenAPI document says what the routes do."""

import json
import re

import pytest

from bridge.api.more_routes import ALL_ROUTES
from bridge.api.openapi import openapi_document
from tests.fakes.ams_api import an_api

DOCUMENT = openapi_document("1.2.3")


def test_every_route_is_in_it_once():
    found = {
        (operation["operationId"], method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    assert found == {(route.name, route.method, f"/v1{route.path}") for route in ALL_ROUTES}


def test_every_reference_leads_somewhere():
    references = set(re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert references <= set(DOCUMENT["components"]["schemas"])
    assert "ErrorBody" in references


@pytest.mark.parametrize("route", ALL_ROUTES, ids=lambda route: route.name)
def test_an_operation_names_its_path_variables_and_roles(route):
    operation = DOCUMENT["paths"][f"/v1{route.path}"][route.method.lower()]
    in_path = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
    assert in_path == re.findall(r"\{(\w+)\}", route.path)
    assert operation.get("x-roles", []) == sorted(route.roles)
    assert ("requestBody" in operation) == (route.body is not None)


def test_wire_names_are_amss():
    schemas = DOCUMENT["components"]["schemas"]
    assert "ackDeadlineSeconds" in schemas["SubscriptionAnswer"]["properties"]
    assert "created_on" in schemas["TopicAnswer"]["required"]


async def test_it_is_served():
    ams = await an_api(release="1.2.3")
    answered = await ams.ask_exactly("GET", "/openapi.json")
    assert (answered.status, answered.json) == (200, DOCUMENT)
