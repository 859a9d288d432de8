"""docs/api.md names every route, its queries and the fields of its bodies, and none that does not exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from bridge.control.api_bodies import Chosen, NewBinding, NewSilence, OldBinding, ToTake
from bridge.control.api_operations import ApiOperation
from bridge.control.api_reference import api_reference
from bridge.control.control_openapi import openapi_of
from bridge.control.control_routes import ROUTES, operations
from bridge.operate.certificate_bindings import Binding
from bridge.operate.open_incidents import HiddenView, IncidentView, ToldView
from bridge.operate.operator_views import AttemptView, DeliveryView, SeenMessage, SilenceView
from bridge.operate.send_post import Outgoing
from tests.fakes.control import a_daemon
from tests.house.reading import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text()
DOCUMENT = openapi_of(operations(), "1")
TOLD = re.findall(r"^### (GET|POST) (/api/\S+)$", PAGE, re.MULTILINE)


def test_every_route_has_its_section_and_every_section_its_route() -> None:
    assert sorted(TOLD) == sorted((method, path) for method, path, _ in ROUTES)


ANSWERS = [DeliveryView, AttemptView, SilenceView, SeenMessage, Binding, IncidentView, ToldView, HiddenView]
BODIES = [Chosen, NewSilence, Outgoing, NewBinding, OldBinding, ToTake]


@pytest.mark.parametrize("shape", [*ANSWERS, *BODIES])
def test_every_field_is_named(shape: type[msgspec.Struct]) -> None:
    words = set(re.findall(r"[a-z_]+", PAGE))
    assert [name for name in shape.__struct_fields__ if name not in words] == []


@pytest.mark.parametrize("path", [path for method, path, _ in ROUTES if method == "GET"])
def test_the_document_names_the_queries_that_the_page_names(path: str) -> None:
    section = PAGE.partition(f"### GET {path}\n")[2].partition("\n#")[0]
    table = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    told = {name for row in table for name in re.findall(r"`(\w+)`", row)} | set(re.findall(r"`\?(\w+)=", section))
    assert told == {one["name"] for one in DOCUMENT["paths"][path]["get"]["parameters"] if one["in"] == "query"}


def test_the_document_has_every_route_and_every_route_is_in_it() -> None:
    described = {(method.upper(), path) for path, found in DOCUMENT["paths"].items() for method in found}
    assert described == {(method, path) for method, path, _ in ROUTES}


@pytest.mark.parametrize("operation", operations(), ids=lambda one: f"{one.method} {one.path}")
def test_an_operation_says_what_it_takes_and_gives_and_how_it_fails(operation: ApiOperation) -> None:
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert described["summary"]
    assert ("requestBody" in described) == (operation.body is not None)
    responses = described["responses"]
    assert {"200", "401", "429", "500", "503"} <= responses.keys()
    for code, response in responses.items():
        ((kind, content),) = response["content"].items()
        if code != "200":
            assert (kind, content["schema"]) == ("application/json", {"$ref": "#/components/schemas/ErrorBody"})
    answers = responses["200"]["content"]
    if operation.path not in ("/api/tail", "/api/openapi.json"):
        assert answers["application/json"]["schema"]["$ref"].rpartition("/")[2] == operation.gives.__name__


@pytest.mark.parametrize("operation", operations(), ids=lambda one: f"{one.method} {one.path}")
def test_what_a_route_gives_is_a_frozen_record(operation: ApiOperation) -> None:
    if operation.path not in ("/api/tail", "/api/openapi.json"):
        assert issubclass(operation.gives, msgspec.Struct)
        assert operation.gives.__struct_config__.frozen


def test_every_reference_in_the_document_is_to_something_in_it() -> None:
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DOCUMENT)))
    assert named == DOCUMENT["components"]["schemas"].keys()


def test_the_reference_page_is_what_the_types_say() -> None:
    written = (ROOT / "docs" / "api-reference.md").read_text("utf-8")
    assert written == api_reference(openapi_of(operations(), "")), "write it anew: python docs/generate_reference.py"


async def test_the_document_is_there_for_administrators(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        document = (await stage.http.get("/api/openapi.json")).json()
        assert document["openapi"] == "3.1.0"
        assert (await stage.http.get("/api/openapi.json", headers={"x-api-key": ""})).status_code == 401
