"""What the product's API stands on: the parts that use cases act upon, and who may ask for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from bridge.core.token_gate import TokenGate
from bridge.operate.operator_context import OperatorContext, Requester


def know_no_session(request: Request) -> None:
    """Find no session for any request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSource:
    """The parts of the daemon that the API acts upon; ``admit`` says who holds a token, None for nobody.

    ``admit_session`` says it of a request with the pages' cookie, which may look and not change. ``gate`` is asked
    before each token.
    """

    context: OperatorContext
    admit: Callable[[str], Requester | None]
    admit_session: Callable[[Request], Requester | None] = know_no_session
    gate: TokenGate | None = None
