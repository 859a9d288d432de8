"""Microsoft Teams through a workflow: "When a Teams webhook request is received" (destinations.md 2.9).

The workflow answers 202 when it has queued the card; that it was posted nobody tells, so there is no receipt and a
card cannot be changed later. Old Office 365 connectors answered 200 with an error in the body: that is read as well.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import httpx
import msgspec
from pydantic import Field

from bridge.core.quantities import Pacing
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, PartSize, Preview, Refused
from bridge.destinations.config import CHAT_RATE, HttpDestinationConfig, SecretUrl
from bridge.destinations.kit.http_call import HttpAnswer, ask, not_expected, outcome_of
from bridge.destinations.kit.redact import Redactor, shown_url
from bridge.destinations.teams.adaptive_card import DECIDED_TEXT_RUNES, MAX_REQUEST_BYTES, draw, is_cut, wire_bytes
from broker.clock import Clock
from rules.model import DestinationFacts

_HEADERS: Final = {"Content-Type": "application/json"}
_IN_THE_BODY: Final = re.compile(r"HTTP error (\d{3})")
_SWITCHED_OFF_S: Final = 600.0
_FLOW_GONE: Final = frozenset({401, 403, 404, 410})

TeamsForm: TypeAlias = Literal["", "cut"]
"""The full form, and short text without facts."""


class TeamsConfig(HttpDestinationConfig):
    """Settings of a Teams workflow."""

    type: Literal["teams"] = "teams"
    rate: Pacing | None = Field(CHAT_RATE, description="Cards per time at most; null: as fast as it goes")
    url: SecretUrl = Field(description="The workflow's URL; all of it is secret")


class Teams:
    """Posts cards through a workflow."""

    def __init__(self, name: str, config: TeamsConfig, http: httpx.AsyncClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._redact = Redactor([config.url])
        self.facts = DestinationFacts(
            name=name, kind="teams", max_text_runes=DECIDED_TEXT_RUNES, long_text="split", overrides=frozenset()
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        url, content = self._config.url.reveal(), msgspec.json.encode(draw(parcel))
        answer = await ask(self._http, self._redact, "POST", url, content=content, headers=_HEADERS)
        return answer if isinstance(answer, Later) else self._read(answer, parcel)

    async def probe(self) -> Outcome:
        """Ask with OPTIONS, which starts no workflow: Delivered means that the service is there."""
        answer = await ask(self._http, self._redact, "OPTIONS", self._config.url.reveal())
        if isinstance(answer, Later):
            return answer
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        return outcome if isinstance(outcome, Later) else Delivered()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        cut = (f"cut to fit into {MAX_REQUEST_BYTES} bytes",) if is_cut(parcel) else ()
        body = draw(parcel)
        sizes = (PartSize("request", wire_bytes(body), MAX_REQUEST_BYTES, "bytes"),)
        return Preview(shown_url(self._config.url.reveal()), _HEADERS, body, cut, sizes)

    async def close(self) -> None:
        """See Destination."""
        await self._http.aclose()

    def _read(self, answer: HttpAnswer, parcel: Parcel) -> Outcome:
        if answer.status == httpx.codes.OK:
            match = _IN_THE_BODY.search(answer.text)
            if match is not None:
                answer = HttpAnswer(int(match[1]), answer.headers, answer.text)
            elif answer.unread or answer.text.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
                return not_expected(answer, "Teams'", self._redact)
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        if not isinstance(outcome, Refused):
            return outcome
        if _error_code(answer) == "WorkflowTriggerIsNotEnabled":
            return Later(f"the workflow is switched off: {outcome.reason}", after_s=_SWITCHED_OFF_S)
        if answer.status in _FLOW_GONE:
            return Refused(f"the workflow is gone or its URL is wrong: {outcome.reason}", destination_gone=True)
        may_be_size = answer.status in (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE)
        plainer: TeamsForm | None = "cut" if may_be_size and not parcel.form else None
        return Refused(outcome.reason, plainer=plainer)


class _Error(msgspec.Struct, frozen=True):
    """What is wrong, in one word."""

    code: str = ""


class _Told(msgspec.Struct, frozen=True):
    """The JSON body of an error."""

    error: _Error = _Error()


def _error_code(answer: HttpAnswer) -> str:
    try:
        return msgspec.json.decode(answer.text, type=_Told).error.code
    except (msgspec.DecodeError, RecursionError):
        return ""
