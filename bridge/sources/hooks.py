"""``POST /hooks/NAME``: receive -> append for webhook sources. 200 means that the message is durable."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from bridge.sources.admission import may_enter, may_post
from bridge.sources.config import HookConfig, SourceConfig
from bridge.sources.kinds import KINDS
from bridge.sources.webhook import BadPayload
from broker.broker import Broker
from broker.errors import NotFound, Rejected, StoreError, TooLarge
from broker.records import Topic

RETRY_AFTER_S = 5

log = structlog.get_logger("hooks")


class Hooks:
    """Answers webhook calls for the sources in force (they change on reload)."""

    def __init__(
        self,
        broker: Broker,
        sources: Callable[[], Mapping[str, SourceConfig]],
        max_body_bytes: int,
        told: Callable[[str, int], None] = lambda name, status: None,
    ) -> None:
        self._broker = broker
        self._sources = sources
        self._max_body_bytes = max_body_bytes
        self._told = told

    async def receive(self, request: Request) -> Response:
        """Take one call: 200, or 400, 401, 404, 413, 503 with a JSON error body."""
        name = request.path_params["name"]
        config = self._sources().get(name)
        if not isinstance(config, HookConfig):
            return refusal(404, "NOT_FOUND", f"there is no webhook source {name!r}")
        answer = await self._received(request, name, config)
        self._told(name, answer.status_code)
        return answer

    async def _received(self, request: Request, name: str, config: HookConfig) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        if not may_enter(config, headers, request.query_params):
            return _turned_away(request, name)
        try:
            body = await self._body(request)
        except ClientDisconnect:
            return refusal(400, "INVALID_ARGUMENT", "the body did not arrive")
        if body is None:
            return refusal(
                413, "INVALID_ARGUMENT", f"the body is larger than {self._max_body_bytes} bytes (server.max_body)"
            )
        if not may_post(config, headers, request.query_params, body):
            return _turned_away(request, name)
        read = KINDS[config.type].messages
        if read is None:
            return refusal(404, "NOT_FOUND", f"the source {name!r} takes no calls")
        try:
            messages = read(name, headers, body)
            appended = await self._broker.publish(self._topic(config), messages)
        except TooLarge as error:
            return refusal(413, "INVALID_ARGUMENT", str(error))
        except (BadPayload, Rejected) as error:
            return refusal(400, "INVALID_ARGUMENT", str(error))
        except NotFound as error:
            return refusal(404, "NOT_FOUND", f"{error}; name it under projects: in bridge.yaml")
        except StoreError as error:
            log.warning("a webhook call could not be kept", source=name, error=str(error))
            return refusal(503, "UNAVAILABLE", "the store does not answer; send it again")
        ids = [str(appended.first + n) for n in range(appended.count)]
        return JSONResponse({"messageIds": ids})

    def _topic(self, config: SourceConfig) -> Topic:
        _, project_name, _, topic_name = config.topic.split("/")
        project = self._broker.cache.project(project_name)
        topic = self._broker.cache.topic(project.uid, topic_name) if project is not None else None
        if topic is None:
            raise NotFound("topic", config.topic)
        return topic

    async def _body(self, request: Request) -> bytes | None:
        """The body, or None when it is too large; the rest of one that is too large is not read."""
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdecimal() and int(declared) > self._max_body_bytes:
            return None
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body_bytes:
                return None
        return bytes(body)


def _turned_away(request: Request, name: str) -> Response:
    log.warning("a webhook call was refused", source=name, client=request.client and request.client.host)
    return refusal(401, "UNAUTHORIZED", "token, password or signature is missing or wrong")


def refusal(status: int, word: str, text: str) -> Response:
    """An error in the body every route of the daemon uses."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return JSONResponse({"error": {"code": status, "message": text, "status": word}}, status, headers=headers)
