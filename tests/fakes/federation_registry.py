"""The federation registry: its end for results, and what its agent asks of AMS, as both are published.

The registry's own agent is a program for Node that is on no registry of packages; the calls it makes are made here, one
by one and in its order.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply, text_reply
from broker.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Deployer:
    """A row of the registry's table of deployers: what it deploys, and its name where a topic has several."""

    tenant: str
    type: str
    protocol: str
    environment: str
    name: str = ""

    def topic(self, instance: str) -> str:
        """The topic of its tasks, as the registry's agent names it."""
        return f"{instance}_{self.tenant}_service_{self.type}_{self.environment}"

    def subscription(self, instance: str) -> str:
        """Its subscription, as the registry's agent names it."""
        return f"{self.topic(instance)}_deployer" + (f"_{self.name}" if self.name else "")


class FakeFederationRegistry(Served):
    """Reads results as the registry does: several messages a call, and an Authorization header that it knows, or 401.

    What cannot be taken apart, or has a field of a wrong kind, is 422 with the reason, all of the call. A result of no
    task that is waited for is answered 200 and thrown away. ``results`` are those that it took, ``pending`` the tasks
    (service, name of the deployer) that it waits for.
    """

    def __init__(self, authorization: str) -> None:
        super().__init__(self._respond, SystemClock())
        self._authorization = authorization
        self.results: list[dict[str, Any]] = []
        self.pending: set[tuple[int, str]] = set()

    def _respond(self, request: Request) -> Reply:
        if request.header("authorization") != self._authorization:
            return text_reply("Authentication Failed", 401)
        try:
            datas = [one["message"]["data"] for one in json.loads(request.body)["messages"]]
            results = [json.loads(base64.b64decode(data)) for data in datas]
        except (ValueError, KeyError, TypeError):
            return json_reply({}, 422)
        problems = [problem for nth, one in enumerate(results) for problem in _problems_of(one, nth)]
        if problems or not results:
            return json_reply(problems or [{"decoded_messages": "No agents found"}], 422)
        for result in results:
            task = (int(result["id"]), result.get("deployer_name") or "")
            if task not in self.pending:
                return text_reply("Invalid Message")
            if result.get("state") != "error":
                self.pending.discard(task)
            self.results.append(result)
        return Reply(200)


def _problems_of(result: Any, nth: int) -> Iterator[dict[str, str]]:
    """What the registry's validation says of a result."""
    where = f"decoded_messages[{nth}]"
    given = result if isinstance(result, dict) else {}
    if "id" not in given:
        yield {f"{where}.id": "Required Field"}
    elif not str(given["id"]).isdecimal() or int(str(given["id"])) < 1:
        yield {f"{where}.id": "Id must be a positive integer"}
    if given.get("deployer_name") and not isinstance(given["deployer_name"], str):
        yield {f"{where}.deployer_name": "Deployer Name must be a String"}
    if given.get("external_id") and not 1 <= len(str(given["external_id"])) <= 36:
        yield {f"{where}.external_id": "Invalid value"}
    if given.get("client_id") and not (isinstance(given["client_id"], str) and 2 <= len(given["client_id"]) <= 128):
        yield {f"{where}.client_id": "Invalid value"}


class RegistryAgent:
    """What one registry's agent asks of AMS: topics, subscriptions and access lists at its start, then tasks."""

    def __init__(
        self, http: httpx.Client, project: str, deployers: Sequence[Deployer], *, instance: str = "production"
    ) -> None:
        self._http = http
        self._base = f"/v1/projects/{project}"
        self._project = project
        self._instance = instance
        self._deployers = deployers

    def set_up(self, admin_token: str, authorized_users: Sequence[str]) -> None:
        """Make what is missing, and let the users in, both on topics and on subscriptions."""
        admin = {"x-api-key": admin_token}
        for deployer in self._deployers:
            topic, sub = deployer.topic(self._instance), deployer.subscription(self._instance)
            there = self._http.get(f"{self._base}/topics/{topic}", headers=admin)
            if there.status_code == httpx.codes.NOT_FOUND:
                self._http.put(f"{self._base}/topics/{topic}", json={}, headers=admin).raise_for_status()
            self._admit(f"topics/{topic}", admin, authorized_users)
            listed = self._http.get(f"{self._base}/topics/{topic}/subscriptions", headers=admin).json()
            if f"/projects/{self._project}/subscriptions/{sub}" not in listed["subscriptions"]:
                asked = {"topic": f"projects/{self._project}/topics/{topic}", "ackDeadlineSeconds": 10}
                self._http.put(f"{self._base}/subscriptions/{sub}", json=asked, headers=admin).raise_for_status()
            self._admit(f"subscriptions/{sub}", admin, authorized_users)

    def _admit(self, path: str, admin: dict[str, str], users: Sequence[str]) -> None:
        acl = self._http.get(f"{self._base}/{path}:acl", headers=admin).json()["authorized_users"]
        if not set(users) <= set(acl):
            asked = {"authorized_users": [*users]}
            self._http.post(f"{self._base}/{path}:modifyAcl", json=asked, headers=admin).raise_for_status()

    def publish(self, registry: FakeFederationRegistry, token: str, *tasks: dict[str, Any]) -> None:
        """Publish each task to the topic of its deployers, and let the registry wait for what they report."""
        for task in tasks:
            kind = (task["tenant"], task["protocol"], task["integration_environment"])
            meant = [one for one in self._deployers if (one.tenant, one.protocol, one.environment) == kind]
            registry.pending |= {(task["id"], one.name) for one in meant}
            self.publish_text(
                meant[0], token, json.dumps({name: said for name, said in task.items() if said is not None})
            )

    def publish_text(self, deployer: Deployer, token: str, text: str) -> None:
        """Publish what is given, whatever it is, to the topic of a deployer."""
        messages = [{"attributes": {}, "data": base64.b64encode(text.encode()).decode()}]
        url = f"{self._base}/topics/{deployer.topic(self._instance)}:publish"
        self._http.post(url, json={"messages": messages}, headers={"x-api-key": token}).raise_for_status()
