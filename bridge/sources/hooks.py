"""``POST /hooks/NAME``: receive -> append for webhook sources. 200 means that the message is durable.

What HTTP says of the body is honoured (call_bodies.py), a list too long for one message becomes several in one append
(cutting.py), and a delivery that its sender repeats stands once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.core.bounded_body import BodyCutOff, BodyOverLimit, read_body
from bridge.core.error_answer import error_answer
from bridge.core.guesses import whence_of
from bridge.core.offload import Offload
from bridge.core.packed_bodies import ENCODINGS
from bridge.core.token_gate import TOO_MANY, TokenGate
from bridge.core.tracing import Tracer, trace_context_in
from bridge.sources.admission import credential_of, may_enter, may_post
from bridge.sources.attributes import event_attributes, sender_delivery_id
from bridge.sources.call_bodies import (
    FORM,
    MULTIPART,
    BadPayload,
    BodyTooLarge,
    Unsupported,
    content_type_of,
    decode_body,
)
from bridge.sources.cutting import Cut, cut_message
from bridge.sources.source_config import HookConfig, SourceConfig
from bridge.sources.source_kinds import KINDS, CallReader
from broker.broker import Broker
from broker.clock import US_PER_S
from broker.errors import NotFound, Rejected, StoreError, TooLarge, trouble_text
from broker.model import Appended, NewMessage
from broker.records import Topic
from broker.tokens import digest_of_token

RETRY_AFTER_S = 5
_LARGE_BYTES: Final = 256 * 1024  # reading more takes long enough to keep others waiting

log = structlog.get_logger("hooks")


class Hooks:
    """Answers webhook calls for the sources in force (they change on reload)."""

    def __init__(
        self,
        broker: Broker,
        sources: Callable[[], Mapping[str, SourceConfig]],
        max_body_bytes: int,
        notify: Callable[[str, int], None] = lambda name, status: None,
        gate: TokenGate | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._broker = broker
        self._sources = sources
        self._max_body_bytes = max_body_bytes
        self._notify = notify
        self._gate = gate
        self._tracer = tracer
        self._offload = Offload(broker.clock, "hooks")

    async def receive(self, request: Request) -> Response:
        """Take one call: 200, or 400, 401, 404, 413, 415, 429, 503 with a JSON error body."""
        name = request.path_params["name"]
        config = self._sources().get(name)
        if not isinstance(config, HookConfig):
            return refuse_call(404, "NOT_FOUND", f"there is no webhook source {name!r}")
        answer = await self._receive(request, name, config)
        self._notify(name, answer.status_code)
        return answer

    async def _receive(self, request: Request, name: str, config: HookConfig) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        enters = may_enter(config, headers, request.query_params)
        wait_s = await self._wait_s(request, credential_of(config, headers, request.query_params), enters=enters)
        if wait_s:
            return refuse_call(429, "RESOURCE_EXHAUSTED", TOO_MANY.format(wait_s), {"Retry-After": str(wait_s)})
        if not enters:
            return _turn_away(request, name)
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        now_s = self._broker.clock.wall_us() / US_PER_S
        if not may_post(config, headers, request.query_params, body, now_s):
            return _turn_away(request, name)
        try:
            return await self._keep(name, config, headers, body)
        except BodyTooLarge:
            return self._too_large("unpacked, ")
        except TooLarge as error:
            return refuse_call(413, "INVALID_ARGUMENT", _too_large_for_a_message(len(body), error))
        except Unsupported as error:
            return refuse_call(415, "INVALID_ARGUMENT", str(error), {"Accept-Encoding": ", ".join(ENCODINGS)})
        except (BadPayload, Rejected) as error:
            return refuse_call(400, "INVALID_ARGUMENT", str(error))
        except NotFound as error:
            return refuse_call(404, "NOT_FOUND", f"{error}; name it under projects: in bridge.yaml")
        except StoreError as error:
            log.warning("a webhook call could not be kept", source=name, error=str(error))
            return refuse_call(503, "UNAVAILABLE", f"the store does not answer{trouble_text(error)}; send it again")

    async def _body(self, request: Request) -> bytes | Response:
        """The body, or the answer to one that is too large or did not arrive; what is too large is not read on."""
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdecimal() and int(declared) > self._max_body_bytes:
            return self._too_large()
        try:
            return await read_body(request.receive, self._max_body_bytes)
        except BodyCutOff as error:
            return refuse_call(400, "INVALID_ARGUMENT", str(error))
        except BodyOverLimit:
            return self._too_large()

    async def _wait_s(self, request: Request, credential: bytes, *, enters: bool) -> int:
        """Count a wrong token or password as the API does; seconds to wait before another is looked at."""
        if self._gate is None or not credential:
            return 0
        whence, place = whence_of(request.scope), request.url.path
        return await self._gate.judge_s(digest_of_token(credential), whence, place, is_right=enters)

    async def _keep(self, name: str, config: HookConfig, headers: Mapping[str, str], body: bytes) -> Response:
        """Append what a call says and answer with the ids of its messages, the old ones when it was sent before."""
        read = KINDS[config.type].messages
        if read is None:
            return refuse_call(404, "NOT_FOUND", f"the source {name!r} takes no calls")
        topic = self._topic(config)
        reading = partial(_messages, name, config, headers, body, self._max_body_bytes)
        is_large = len(body) > _LARGE_BYTES or "content-encoding" in headers  # packed, it says nothing of its size
        cuts = await self._offload.run(partial(reading, read), large=is_large)
        messages = [message for piece in cuts for message in piece.messages]
        if any(piece.parts > 1 or piece.shortened for piece in cuts):
            log.warning(
                "a call was too large for one message",
                source=name,
                body_bytes=len(body),
                messages=len(messages),
                shortened=any(piece.shortened for piece in cuts),
            )
        if not messages:
            return JSONResponse({"messageIds": []})
        appended = await self._append(config.topic, topic, headers, messages, name)
        ids = [str(appended.first + n) for n in range(appended.count)]
        return JSONResponse({"messageIds": ids})

    async def _append(
        self, place: str, topic: Topic, headers: Mapping[str, str], messages: Sequence[NewMessage], name: str
    ) -> Appended:
        """Append once for each delivery of the sender, within the trace that it names where traces are told."""
        text = sender_delivery_id(headers)
        append = partial(self._broker.publish, topic, producer_key=f"hook:{name}:{text}" if text else None)
        if self._tracer is None:
            return await append(messages)
        from bridge.core.traced_receipt import Arrival, append_traced  # only where traces are told

        clock = self._broker.clock
        arrival = Arrival(place, "server", clock.wall_us(), trace_context_in(headers))
        return (await append_traced(self._tracer, clock, arrival, messages, append)).appended

    def _too_large(self, how: str = "") -> Response:
        text = f"the body is {how}larger than {self._max_body_bytes} bytes (server.max_body)"
        return refuse_call(413, "INVALID_ARGUMENT", text)

    def _topic(self, config: SourceConfig) -> Topic:
        _, project_name, _, topic_name = config.topic.split("/")
        project = self._broker.cache.project(project_name)
        topic = self._broker.cache.topic(project.uid, topic_name) if project is not None else None
        if topic is None:
            raise NotFound("topic", config.topic)
        return topic


def _messages(
    name: str, config: HookConfig, headers: Mapping[str, str], body: bytes, longest_bytes: int, read: CallReader
) -> list[Cut]:
    """The messages of a call, each cut to what a topic takes.

    Raises BadPayload, Unsupported, BodyTooLarge, TooLarge.
    """
    is_any = config.type == "webhook"
    content = decode_body(headers, body, longest_bytes, as_form=config.decode == "form", as_json=not is_any)
    if content_type_of(headers) in (FORM, MULTIPART) and content is not body:
        headers = {**headers, "content-type": "application/json"}
    of_event = event_attributes(headers, config.headers, well_known=is_any)
    messages = read(name, headers, content)
    return [cut_message(NewMessage(message.data, {**of_event, **message.attributes})) for message in messages]


def _too_large_for_a_message(body_bytes: int, error: TooLarge) -> str:
    """In the sender's terms: what it sent, and what it may send."""
    most_bytes = error.limit_bytes * 3 // 4
    return (
        f"the body has {body_bytes} bytes and no list that could be cut; "
        f"what is not a list may have about {most_bytes} bytes"
    )


def _turn_away(request: Request, name: str) -> Response:
    log.warning("a webhook call was refused", source=name, client=request.client and request.client.host)
    return refuse_call(401, "UNAUTHORIZED", "token, password or signature is missing or wrong")


def refuse_call(status: int, word: str, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error in the body every route of the daemon uses."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else headers
    return error_answer(status, text, word, headers)
