"""docs/api.md names every route, its queries and the fields of its bodies, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from bridge.control.certificates_api import Binding, NewBinding, OldBinding
from bridge.control.control_openapi import BODIES as BODIES_OF
from bridge.control.control_openapi import QUERIES, openapi_of
from bridge.control.control_routes import ROUTES
from bridge.control.deliveries_api import Chosen
from bridge.control.incidents_api import HiddenView, IncidentView, ToldView, ToTake
from bridge.control.sending import Outgoing
from bridge.control.silences_api import NewSilence
from bridge.operate.live_tail import SeenMessage
from bridge.operate.operator_views import AttemptView, DeliveryView, SilenceView
from tests.fakes.control import a_daemon
from tests.house.reading import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text()
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
    assert told == set(QUERIES.get(path, ()))


def test_the_document_has_every_route_with_what_it_takes() -> None:
    document = openapi_of(ROUTES, "1")
    operations = {(method.upper(), path) for path, found in document["paths"].items() for method in found}
    assert operations == {(method, path) for method, path, _ in ROUTES}
    assert BODIES_OF.keys() <= document["paths"].keys()
    assert document["paths"]["/api/silences"]["post"]["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewSilence"
    }
    assert all(one["summary"] for found in document["paths"].values() for one in found.values())


async def test_the_document_is_there_for_administrators(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        document = (await stage.http.get("/api/openapi.json")).json()
        assert document["openapi"] == "3.1.0"
        assert (await stage.http.get("/api/openapi.json", headers={"x-api-key": ""})).status_code == 401
