"""What the product's API stands on: the parts that use cases act upon, and who may ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.core.token_gate import TokenGate
from bridge.operate.operator_context import OperatorContext


def know_no_session(cookies: Mapping[str, str]) -> None:
    """Find no session for any cookies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSource:
    """The parts of the daemon that the API acts upon; ``admit`` says who a token belongs to, None for nobody.

    ``admit_session`` does the same for the pages' cookies, which may look and not change. ``gate`` is asked before
    each token.
    """

    context: OperatorContext
    admit: Callable[[str], str | None]
    admit_session: Callable[[Mapping[str, str]], str | None] = know_no_session
    gate: TokenGate | None = None
