"""What an API route takes and gives, read from its handler's signature: so it is decoded, and so it is described."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bridge.control.control_handlers import NEEDS, REFUSES
from bridge.control.control_source import ControlSource
from bridge.control.http_answers import OperatorRequest, admit, answer_json, answer_or_refuse, requester, require_right
from bridge.operate.operator_errors import InvalidInput, OperateError
from bridge.operate.rights import Right

ApiHandler: TypeAlias = Callable[..., Awaitable[Any]]
"""Answers a request: with a record that goes out as JSON, with a Response, or by raising an error."""
VARIABLE: Final = re.compile(r"\{(\w+)\}")
_WHAT_IT_IS: Final = re.compile(r"^(GET|POST) \S+: ")


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One operation of the product's API. ``query`` and ``body`` are what it is asked and sent, ``gives`` its answer.

    ``variables`` are the names in its path, ``refuses`` the errors it may answer with beside those of every route,
    ``needs`` is the right it takes.
    """

    method: str
    path: str
    handler: ApiHandler
    summary: str
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    gives: Any
    variables: tuple[str, ...]
    refuses: tuple[type[OperateError], ...]
    needs: Right

    async def answer(self, asked: OperatorRequest) -> Response:
        """Decode what was asked, and answer. Raises as the handler does, Refusal, InvalidInput."""
        given: dict[str, Any] = {name: asked.request.path_params[name] for name in self.variables}
        if self.query is not None:
            given["query"] = asked.query(self.query)
        if self.body is not None:
            given["body"] = await asked.body(self.body)
        value = await self.handler(asked, **given)
        return value if isinstance(value, Response) else answer_json(value)


def operation_of(method: str, path: str, handler: ApiHandler) -> ApiOperation:
    """The operation that a handler stands for at a method and path."""
    hints = get_type_hints(handler)
    query, body = hints.get("query"), hints.get("body")
    first = (handler.__doc__ or "").strip().partition("\n")[0]
    of_input = (InvalidInput,) if query is not None or body is not None else ()
    return ApiOperation(
        method=method,
        path=path,
        handler=handler,
        summary=_WHAT_IT_IS.sub("", first).rstrip("."),
        query=query,
        body=body,
        gives=hints["return"],
        variables=tuple(VARIABLE.findall(path)),
        refuses=(*of_input, *getattr(handler, REFUSES, ())),
        needs=getattr(handler, NEEDS, "look" if method == "GET" else "administer"),
    )


def make_endpoint(source: ControlSource, operation: ApiOperation) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint that admits, answers, and turns errors into bodies."""

    async def endpoint(request: Request) -> Response:
        async def answer() -> Response:
            by = requester(request, await admit(source, request, source.admit))
            require_right(by, operation.needs)
            return await operation.answer(OperatorRequest(source.context, by, request))

        return await answer_or_refuse(request, answer)

    return endpoint
