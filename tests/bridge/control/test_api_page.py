"""docs/api.md names every route, its queries and the fields of its bodies, and none that does not exist."""

from __future__ import annotations

import re

import msgspec
import pytest

from bridge.control.certificates import Binding, NewBinding, OldBinding
from bridge.control.deliveries import Chosen
from bridge.control.incidents import HiddenView, IncidentView, ToldView, ToTake
from bridge.control.routes import ROUTES
from bridge.control.sending import Outgoing
from bridge.control.silences import NewSilence
from bridge.control.tail import SeenMessage
from bridge.control.views import AttemptView, DeliveryView, SilenceView
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
