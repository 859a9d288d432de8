"""The AMS API in process, with users of every kind and an outside that behaves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from bridge.api.call import ApiPorts, ApiSettings, NodeUsage, Unreachable, VerificationAnswer
from bridge.api.dispatch import AmsApp, ams_app
from broker.broker import Broker
from broker.clock import ManualClock
from broker.tokens import digest_of_token
from tests.fakes.brokers import a_broker

SERVICE = "service-token"


@dataclass
class FakeOutside:
    """Push endpoints by URL, push statuses by subscription name (else one form for all), and one node."""

    endpoints: dict[str, VerificationAnswer | str] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    status_of_all: str = ""

    async def fetch(self, url: str) -> VerificationAnswer:
        """What the endpoint answers; a text is the reason why it cannot be reached."""
        self.fetched.append(url)
        answer = self.endpoints.get(url, "connection refused")
        if isinstance(answer, str):
            raise Unreachable(answer)
        return answer

    def outside(self) -> ApiPorts:
        """What the API is given."""
        return ApiPorts(
            fetch=self.fetch,
            push_status=lambda subscription: self.statuses.get(
                subscription.name, self.status_of_all.format(subscription.name)
            ),
            nodes=lambda: [NodeUsage("node-1", 12.5, 34.25)],
        )


@dataclass
class Answered:
    """An answer: status, JSON, headers."""

    status: int
    json: Any
    headers: httpx.Headers

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, its word and the text of an error; the body agrees with the status."""
        error = self.json["error"]
        assert error["code"] == self.status
        assert set(error) == {"code", "message", "status"}
        return self.status, error["status"], error["message"]


@dataclass
class Ams:
    """The API and what lies behind it. Requests go out as the service token unless another one is given."""

    broker: Broker
    clock: ManualClock
    app: AmsApp
    outside: FakeOutside
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = SERVICE, headers=None, raw=None, **query
    ) -> Answered:
        """One request; ``raw`` are the bytes of a body that is not to be encoded here."""
        sent = dict(headers or {})
        if token is not None:
            sent["x-api-key"] = self.tokens.get(token, token)
        content = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="https://ams") as client:
            answer = await client.request(method, f"/v1{path}", content=content, headers=sent, params=query or None)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return Answered(answer.status_code, answer.json(), answer.headers)

    async def ask_exactly(self, method: str, path: str, headers=()) -> Answered:
        """One request without a body whose path no client has tidied up."""
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(event: Any) -> None:
            sent.append(event)

        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": list(headers)}
        await self.app(scope, receive, send)
        return Answered(sent[0]["status"], json.loads(sent[1]["body"]), httpx.Headers(sent[0]["headers"]))

    async def ok(self, method: str, path: str, body: Any = None, **kwargs) -> Any:
        """The JSON of an answer that must be 200."""
        answered = await self.ask(method, path, body, **kwargs)
        assert answered.status == 200, answered.json
        return answered.json

    async def error(self, method: str, path: str, body: Any = None, **kwargs) -> tuple[int, str, str]:
        """Status, word and text of an answer that must be an error."""
        return (await self.ask(method, path, body, **kwargs)).error

    async def user(self, name: str, project_roles=None, service_roles=(), project: str = "P") -> str:
        """Make a user with these roles; requests may then name it as their token."""
        body: dict[str, Any] = {"email": f"{name}@example.org", "service_roles": list(service_roles)}
        if project_roles is not None:
            body["projects"] = [{"project": project, "roles": list(project_roles)}]
        self.tokens[name] = (await self.ok("POST", f"/users/{name}", body))["token"]
        return self.tokens[name]

    async def stage(self) -> None:
        """Project P with topic T and subscription S, an admin, a publisher and a consumer on the access lists."""
        await self.ok("POST", "/projects/P", {"description": "d"})
        await self.user("padm", ["project_admin"])
        await self.user("pub", ["publisher"])
        await self.user("con", ["consumer"])
        await self.ok("PUT", "/projects/P/topics/T")
        await self.ok("PUT", "/projects/P/subscriptions/S", {"topic": "projects/P/topics/T"})
        await self.ok("POST", "/projects/P/topics/T:modifyAcl", {"authorized_users": ["pub"]})
        await self.ok("POST", "/projects/P/subscriptions/S:modifyAcl", {"authorized_users": ["con"]})

    async def publish(self, *data: str, topic: str = "T") -> list[str]:
        """Publish texts and say their ids."""
        messages = [{"data": text} for text in data]
        return (await self.ok("POST", f"/projects/P/topics/{topic}:publish", {"messages": messages}))["messageIds"]

    async def pull(self, n: int = 1, **kwargs) -> list[dict[str, Any]]:
        """Pull from S."""
        answer = await self.ok("POST", "/projects/P/subscriptions/S:pull", {"maxMessages": str(n)}, **kwargs)
        return answer["receivedMessages"]


async def an_api(clock: ManualClock | None = None, max_staleness_s: float | None = None, **changed: Any) -> Ams:
    """An API with the service token, and settings with these things changed."""
    clock = clock or ManualClock()
    broker = await a_broker(clock, max_staleness_s=max_staleness_s)
    outside = FakeOutside()
    settings = ApiSettings(**({"service_token_digest": digest_of_token(SERVICE.encode())} | changed))
    return Ams(broker, clock, ams_app(broker, settings, outside.outside()), outside)


async def a_staged_api(**changed: Any) -> Ams:
    """An API with project P, topic T, subscription S and its users."""
    ams = await an_api(**changed)
    await ams.stage()
    return ams
