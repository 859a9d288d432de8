"""The front of every fake: one ASGI application that records each request, plays the script, and asks for a reply.

The service behind it is a plain function from request to reply, so it can be read and tested without HTTP.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any, TypeAlias, assert_never

from bridge.fakes.exchange import Attempt, AttemptLog, Reply, Request
from bridge.fakes.listening import CONNECTION
from bridge.fakes.trouble import Answer, Close, Hang, Moment, Normal, Receive, Script, Trouble
from broker.clock import Clock

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Service: TypeAlias = Callable[[Request], Reply]


class Front:
    """Answers HTTP for one service. ``script`` holds the trouble to come, ``attempts`` what has been.

    ``packs_from_bytes``: bodies of this length and more go out as gzip to who accepts it; None packs none.
    """

    def __init__(self, service: Service, clock: Clock, *, keep_last: int, packs_from_bytes: int | None = None) -> None:
        self.packs_from_bytes = packs_from_bytes
        self.script = Script()
        self.attempts = AttemptLog(keep_last)
        self._service = service
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks for it."""
        request = self._request(scope)
        trouble = self.script.take()
        if _moment(trouble) != "before_body":
            request = replace(request, body=await _read(receive))
            trouble = trouble or self.script.judge(request)
        self.attempts.keep(Attempt(request, trouble=trouble))
        try:
            end = await self._play(request, trouble, receive)
        except BaseException:
            self.attempts.end(request.number, "failed", trouble=trouble)
            raise
        # Written down before the sender can see it, so that who got an answer finds it in the log.
        match end:
            case Reply():
                self.attempts.end(request.number, "answered", end, trouble)
                await _answer(self._pack(request, end), send)
            case Close():
                self.attempts.end(request.number, "closed", trouble=trouble)
                await _cut(scope, receive, reset=end.reset)
            case None:
                self.attempts.end(request.number, "client gone", trouble=trouble)

    def _request(self, scope: Scope) -> Request:
        client = scope["client"]
        return Request(
            number=self.attempts.begin(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            raw_headers=tuple(scope["headers"]),
            body=b"",
            client=client[0] if client else "",
            at_us=self._clock.wall_us(),
        )

    def _pack(self, request: Request, reply: Reply) -> Reply:
        """The reply as it goes over the wire to this client."""
        least = self.packs_from_bytes
        is_packed = any(name == b"content-encoding" for name, _ in reply.headers)
        if least is None or not reply.body or len(reply.body) < least or is_packed or not accepts_gzip(request):
            return reply
        said = (*reply.headers, (b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))
        return Reply(reply.status, gzip.compress(reply.body, mtime=0), said)

    async def _play(self, request: Request, trouble: Trouble | None, receive: Receive) -> Reply | Close | None:
        """The reply, or the cut to make, or None when the sender went away while the request was held."""
        match trouble:
            case None | Normal():
                return self._service(request)
            case Answer() | Close():
                if trouble.at == "after_accepting":
                    self._service(request)
                return trouble.reply() if isinstance(trouble, Answer) else trouble
            case Hang(at="after_accepting"):
                reply = self._service(request)
                return reply if await trouble.hold(receive) else None
            case Hang():
                return self._service(request) if await trouble.hold(receive) else None
            case _:
                assert_never(trouble)


def accepts_gzip(request: Request) -> bool:
    """Whether the client said that it takes gzip, by its name or as whatever there is."""
    accepted = {}
    for part in (request.header("accept-encoding") or "").lower().split(","):
        coding, _, quality = part.partition(";")
        accepted[coding.strip()] = quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return accepted.get("gzip", accepted.get("*", False))


def _moment(trouble: Trouble | None) -> Moment | None:
    return trouble.at if isinstance(trouble, Answer | Close) else None


async def _read(receive: Receive) -> bytes:
    message = await receive()
    if not message.get("more_body"):
        return bytes(message.get("body", b""))
    chunks = [message["body"]]
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
    return b"".join(chunks)


async def _answer(reply: Reply, send: Send) -> None:
    length = (b"content-length", str(len(reply.body)).encode())
    await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, length]})
    await send({"type": "http.response.body", "body": reply.body})


async def _cut(scope: Scope, receive: Receive, *, reset: bool) -> None:
    scope["extensions"][CONNECTION]["cut"](reset=reset)
    while (await receive())["type"] != "http.disconnect":
        pass
