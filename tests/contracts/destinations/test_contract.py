"""The built-in kinds are held to the suite that plugins are held to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.contract.destination_contract import DestinationContract
from bridge.contract.http_trials import GARBAGE, NOBODY, garbage_server
from bridge.contract.rig import PARCEL
from bridge.destinations.base import Delivered
from bridge.destinations.destination_kinds import KINDS
from tests.contracts.destinations.openers import OPENERS
from tests.contracts.destinations.over_http import OVER_HTTP


class TestBuiltIn(DestinationContract):
    """Every kind of this package."""

    openers = OPENERS
    http_kinds = tuple(opener.__name__ for opener in OVER_HTTP if opener.__name__ != "apprise")


def test_every_kind_is_held_to_this() -> None:
    assert sorted(OPENERS) == sorted(KINDS)


@pytest.mark.parametrize("kind", ["mattermost", "slack", "webhook"])
async def test_an_answer_cut_short_after_all_that_matters_is_a_delivery(kind: str, tmp_path: Path) -> None:
    async with OPENERS[kind](tmp_path) as rig:
        with garbage_server(GARBAGE["half of a body"]) as there:
            elsewhere = {name: text.replace(NOBODY, f"http://{there}") for name, text in (rig.nowhere or {}).items()}
            async with rig.at_work(**elsewhere) as destination:
                assert isinstance(await destination.deliver(PARCEL), Delivered)
