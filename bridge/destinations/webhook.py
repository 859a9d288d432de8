"""Any HTTP endpoint: the exact payload a rule asks for, or the post as JSON; signed when it is told to.

Conventions it can follow: Standard Webhooks 1.0.0 signatures with rotation, CloudEvents 1.0 (structured and binary),
and the body of an AMS push (ams-api.md 8.5, D6). The delivery's id goes out unchanged on every try, so a receiver
can tell a repeat.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from string import punctuation
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from pydantic import Field, field_validator

from bridge.core.secret import Secret
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, PartSize, Preview, Refused
from bridge.destinations.config import HttpDestinationConfig, SecretUrl
from bridge.destinations.kit.http_call import ask, outcome_of
from bridge.destinations.kit.payload import payload_bytes, payload_of, rfc3339_ms
from bridge.destinations.kit.redact import Redactor, shown_url
from bridge.destinations.kit.signing import signatures, signer_of
from broker.clock import US_PER_S, Clock
from rules.model import DestinationFacts

_OVERRIDES: Final = frozenset({"headers", "path", "type"})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_SAFE: Final = punctuation + " "
_PATH_SAFE: Final = ":@"
_CE_SAFE: Final = punctuation.replace('"', "").replace("%", "")
_OURS: Final = frozenset(
    {
        *(
            "connection",
            "content-length",
            "expect",
            "host",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }
)
"""Headers that neither settings nor rules set, in lower case: what frames the request, and what says who signed it."""


class WebhookConfig(HttpDestinationConfig):
    """Settings of a generic webhook."""

    type: Literal["webhook"] = "webhook"
    url: SecretUrl = Field(description="Where to send")
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="HTTP method")
    headers: dict[str, Secret] = Field(default_factory=dict, description="Headers to send, such as Authorization")
    form: Literal["plain", "cloudevents", "cloudevents-binary", "ams", "ams-batch"] = Field(
        "plain", description="How the body is wrapped: as it is, as a CloudEvent, as an AMS push, or as one of several"
    )
    secrets: tuple[Secret, ...] = Field(
        (),
        description="Standard Webhooks secrets (whsec_...) or private ed25519 keys (whsk_...); each signs, so that "
        "the old one may go after the new one is known",
    )
    idempotency_header: str = Field("Idempotency-Key", description="Header that carries the delivery's id; empty: none")
    source: str = Field("ams-bridge", min_length=1, description="The source of CloudEvents, a URI or a part of one")
    subscription: str = Field(
        "", description="What an AMS push says in subscription; empty: the full name of the message's topic"
    )

    @field_validator("source")
    @classmethod
    def _is_a_reference(cls, source: str) -> str:
        if not source.isascii() or not source.isprintable() or set(source) & set(' "<>\\^`{|}'):
            raise ValueError(f'"{source}" is no URI reference, such as /bridges/1 or https://bridge.example.org')
        return source

    @field_validator("idempotency_header")
    @classmethod
    def _names_a_header(cls, name: str) -> str:
        if name and name.lower() != "webhook-id" and not _may_be_set(name):  # that one is the id, signed or not
            raise ValueError(f'"{name}" is not a header that can be set')
        return name

    @field_validator("headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: dict[str, Secret]) -> dict[str, Secret]:
        for name, value in headers.items():
            if not _may_be_set(name):
                raise ValueError(f'"{name}" is not a header that can be set')
            if not value.reveal().isascii() or not value.reveal().isprintable():
                raise ValueError(f'the value of "{name}" has characters that a header cannot have')
        return headers

    @field_validator("secrets")
    @classmethod
    def _secrets_sign(cls, secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
        for secret in secrets:
            signer_of(secret)
        return secrets


class Webhook:
    """Sends to one HTTP endpoint."""

    def __init__(
        self,
        name: str,
        config: WebhookConfig,
        http: httpx.AsyncClient,
        clock: Clock,
        topic_name: Callable[[str], str] = str,
    ) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._topic_name = topic_name
        self._signers = [signer_of(secret) for secret in config.secrets]
        self._redact = Redactor([config.url, *config.headers.values(), *config.secrets])
        self.facts = DestinationFacts(
            name=name, kind="webhook", overrides=_OVERRIDES, takes_body=True, reserved_headers=_OURS
        )

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        headers, body = self._request_of(parcel)
        try:
            url = self._address_of(parcel)
        except ValueError as error:
            return Refused(str(error))
        answer = await ask(self._http, self._redact, self._config.method, url, content=body, headers=dict(headers))
        if isinstance(answer, Later):
            return answer
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        if answer.status == httpx.codes.UNAUTHORIZED and isinstance(outcome, Refused):
            return Later(f"what says who asks is not accepted: {outcome.reason}", misconfigured=True)
        return outcome

    async def probe(self) -> Outcome:
        """Ask with OPTIONS: an answer of any kind but a server error means that somebody is there."""
        answer = await ask(self._http, self._redact, "OPTIONS", self._config.url.reveal())
        if isinstance(answer, Later):
            return answer
        outcome = outcome_of(answer, self._clock.wall_us(), self._redact)
        return outcome if isinstance(outcome, Later) else Delivered()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        headers, body = self._request_of(parcel)
        hidden = {name.lower() for name in self._config.headers} | {"webhook-signature"}
        remarks: tuple[str, ...] = ()
        try:
            self._address_of(parcel)
        except ValueError as error:
            remarks = (f"it would be refused: {error}",)
        return Preview(
            target=shown_url(self._config.url.reveal()) + _shown_path(parcel),
            headers={name: "***" if name.lower() in hidden else value for name, value in headers.items()},
            body=self._redact(body.decode("utf-8", "replace")),
            remarks=remarks,
            sizes=(PartSize("body", len(body), None, "bytes"),),
        )

    async def close(self) -> None:
        """See Destination."""
        await self._http.aclose()

    def _address_of(self, parcel: Parcel) -> str:
        """Where this one goes. Raises ValueError when the rule's path is none."""
        url, path = self._config.url.reveal(), parcel.post.overrides.get("path")
        return url if path is None else extend_path(url, str(path))

    def _request_of(self, parcel: Parcel) -> tuple[Mapping[str, str], bytes]:
        config = self._config
        if config.form != "plain":
            parcel = replace(parcel, topic=self._topic_name(parcel.topic))
        headers, body = wrap(parcel, config.form, source=config.source, subscription=config.subscription)
        if self._config.idempotency_header:
            headers[self._config.idempotency_header] = parcel.id
        if self._signers:
            at_s = self._clock.wall_us() // US_PER_S
            signature = signatures(self._signers, parcel.id, at_s, body)
            signed = {"webhook-id": parcel.id, "webhook-timestamp": str(at_s), "webhook-signature": signature}
            headers = _with(headers, signed)
        headers = _with(headers, {name: value.reveal() for name, value in self._config.headers.items()})
        asked = parcel.post.overrides.get("headers")
        if isinstance(asked, Mapping):
            named = {str(name): _header_value(value) for name, value in asked.items()}
            headers = _with(headers, {name: value for name, value in named.items() if _may_be_set(name)})
        return headers, body


def extend_path(url: str, path: str) -> str:
    """The URL with a path behind its own and before its query; letters that a path cannot have are percent-encoded.

    Raises ValueError for a part that is empty or made of dots: the request would go to another thing than was meant.
    """
    parts = [part.strip() for part in path.removeprefix("/").split("/")]
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError(f'the path "{path[:200]}" has a part with nothing in it')
    base = urlsplit(url)
    more = "/".join(quote(part, safe=_PATH_SAFE, errors="replace") for part in parts)
    return base._replace(path=f"{base.path.rstrip('/')}/{more}").geturl()


def _shown_path(parcel: Parcel) -> str:
    """What a preview shows of a rule's path: it is the rule's own, and no secret."""
    path = parcel.post.overrides.get("path")
    return "" if path is None else f"/{str(path).removeprefix('/')[:200]}"


def _with(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """The headers with ``more`` in the place of those of the same name, whatever its case."""
    replaced = {name.lower() for name in more}
    return {name: value for name, value in headers.items() if name.lower() not in replaced} | dict(more)


def _may_be_set(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None and name.lower() not in _OURS


def wrap(parcel: Parcel, form: str, *, source: str, subscription: str = "") -> tuple[dict[str, str], bytes]:
    """Headers and body for a form. Pure; the body is compact JSON, or the text itself when the payload is a text."""
    payload = payload_of(parcel)
    if form == "cloudevents":
        kind = "text/plain" if isinstance(payload, str) else "application/json"
        event = _cloudevent(parcel, source) | {"datacontenttype": kind, "data": payload}
        return {"Content-Type": "application/cloudevents+json; charset=utf-8"}, msgspec.json.encode(event)
    if form == "ams":
        return {"Content-Type": "application/json"}, msgspec.json.encode(_ams_push(parcel, subscription))
    if form == "ams-batch":
        pushed = {"messages": [_ams_push(parcel, subscription)]}
        return {"Content-Type": "application/json"}, msgspec.json.encode(pushed)
    headers = {"Content-Type": "application/json"}
    if form == "cloudevents-binary":
        headers |= {f"ce-{name}": _ce_value(value) for name, value in _cloudevent(parcel, source).items()}
    if isinstance(payload, str):
        headers["Content-Type"] = "text/plain; charset=utf-8"
    return headers, payload_bytes(parcel)


def _cloudevent(parcel: Parcel, source: str) -> dict[str, str]:
    attributes = {
        "specversion": "1.0",
        "id": parcel.id,
        "source": source,
        "type": str(parcel.post.overrides.get("type") or f"ams-bridge.{parcel.phase}"),
        "subject": parcel.key or parcel.topic,
        "time": rfc3339_ms(parcel.created_us),
    }
    return {name: value for name, value in attributes.items() if value}


def _ams_push(parcel: Parcel, subscription: str) -> dict[str, Any]:
    return {
        "message": {
            "messageId": parcel.id,
            "data": base64.b64encode(payload_bytes(parcel)).decode(),
            "publishTime": rfc3339_ms(parcel.created_us),
        },
        "subscription": subscription or parcel.topic,
    }


def _header_value(value: object) -> str:
    """A header value: event texts must not start a header of their own, and other letters than ASCII's are escaped."""
    return quote(" ".join(str(value).split()), safe=_HEADER_SAFE)


def _ce_value(value: object) -> str:
    """A CloudEvents attribute as a header, so that it can be read back as it was (HTTP binding 1.0.2, 3.1.3.2)."""
    return quote(str(value), safe=_CE_SAFE)
