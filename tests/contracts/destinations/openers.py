"""How a rig of each built-in kind is opened."""

from __future__ import annotations

from bridge.contract.rig import Opener
from tests.contracts.destinations.on_this_machine import ON_THIS_MACHINE
from tests.contracts.destinations.over_http import OVER_HTTP

OPENERS: dict[str, Opener] = {opener.__name__: opener for opener in (*OVER_HTTP, *ON_THIS_MACHINE)}
