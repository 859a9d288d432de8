"""Recorded answers of the original AMS 1.7.0, and the replay of their requests against ours.

A recording is a sequence of requests with what the original answered, in which everything that cannot be the same twice
is masked. The requests go over TLS to a real server on loopback. Both answers are brought into one form before they
are compared, lists that have no order as sets.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.tokens import digest_of_token
from broker.users import Grants, Profile
from tests.fakes.ams_api import Ams
from tests.fakes.ams_server import AmsServer

FOLDER = Path(__file__).parent.parent / "data" / "ams-recordings"
SERVICE_TOKEN = "S3CR3T"
WORKER = "push_worker_0"
"""The user with which the original's own push server worked: it is in its lists."""
ADDRESS = "127.0.0.1:22006"
_ANOTHER_NAME = {"pt2": "pt"}  # a page's token is what the request for the next page carries
_UNKNOWN = "unknown"  # what no answer gave: a name and a token that nobody has
_PAUSE_S = 0.01
_LATE_S = 30.0
_SAVED = re.compile(r"\{\{([^{}]+)\}\}")
_MASKS = (
    ("<uuid>", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")),
    ("<hex64>", re.compile(r"[0-9a-f]{64}")),
    ("<t>", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d{4}-\d\d-\d\d|<t\.frac>")),
    ("<t>", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")),
)
_UNORDERED = frozenset(
    ("topics", "subscriptions", "projects", "roles", "service_roles", "authorized_users", "metrics", "schemas")
) | {"user_registrations"}
_OF_THE_MACHINE = ("build_time", "golang", "compiler", "os", "architecture", "distro", "hostname", "release")
_LOAD = ("ams_node.cpu_usage", "ams_node.memory_usage")
_RATES = ("topic.publishing_rate", "subscription.consumption_rate")


def sequences() -> list[str]:
    """The names of the recorded sequences."""
    return sorted(path.name.removesuffix(".jsonl.gz") for path in FOLDER.glob("*.jsonl.gz"))


def recorded(name: str) -> list[dict[str, Any]]:
    """The requests of a sequence, without the line that begins it."""
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines][1:]


@dataclass
class Difference:
    """A request that was answered otherwise, and the decision that wants it, "" when there is none."""

    number: int
    request: dict[str, Any]
    wanted: Any
    found: Any

    @property
    def decided_by(self) -> str:
        """The decision of docs/ams-compatibility.md that the recording names."""
        return str(self.request.get("differs_by", ""))

    def __str__(self) -> str:
        asked = {key: self.request.get(key) for key in ("method", "path", "who", "body", "headers", "key")}
        return f"{self.number}: {asked}\n  the original: {self.wanted}\n  ours:         {self.found}"


@dataclass(frozen=True)
class Sent:
    """A request as it goes out: ``target`` is the path with its query, percent-encoded as recorded."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


Exchange = Callable[[Sent], tuple[int, Any]]


@dataclass
class Replay:
    """One sequence against a server of its own over TLS; ``advance`` lets its time pass."""

    exchange: Exchange
    advance: Callable[[float], None]
    saved: dict[str, str] = field(default_factory=dict)

    def differences(self, requests: list[dict[str, Any]]) -> list[Difference]:
        """Ask everything in order and say what came back otherwise than recorded, decided or not."""
        found = []
        for number, request in enumerate(requests, start=1):
            status, answer = self._ask(request)
            wanted = request["status"], _comparable(request["answer"] or {})
            given = status, _comparable(answer)
            if json.dumps(wanted, sort_keys=True) != json.dumps(given, sort_keys=True):  # 8 is not 8.0 there
                found.append(Difference(number, request, wanted, given))
            self._save(request, answer)
        return found

    def _ask(self, request: dict[str, Any]) -> tuple[int, Any]:
        self.advance(_LATE_S if request["status"] == 408 else _PAUSE_S)
        headers = list(request.get("headers", {}).items())
        token = self._token(request)
        if token is not None:
            headers.append(("x-api-key", token))
        path, _, query = self._filled(request["path"]).partition("?")
        if "key" in request:
            query = "&".join(part for part in (query, f"key={self._filled(request['key'])}") if part)
        whole = path if request.get("raw") else f"/v1{path}"
        target = f"{whole}?{query}" if query else whole
        return self.exchange(Sent(request["method"], target, headers, self._body(request)))

    def _token(self, request: dict[str, Any]) -> str | None:
        match request["who"]:
            case None:
                return None
            case "svc":
                return SERVICE_TOKEN
            case str(literal) if literal.startswith("="):
                return literal[1:]
            case who:
                return self.saved.get(who, _UNKNOWN)

    def _body(self, request: dict[str, Any]) -> bytes:
        match request.get("body"):
            case None:
                return b""
            case {"json": value}:
                return self._filled(json.dumps(value)).encode()
            case {"text": text}:
                return self._filled(text).encode()
            case {"base64": text}:
                return base64.b64decode(text)
            case other:
                raise ValueError(f"a body of an unknown kind: {other}")

    def _filled(self, text: str) -> str:
        return _SAVED.sub(lambda match: self.saved.get(match[1], _UNKNOWN), text)

    def _save(self, request: dict[str, Any], answer: Any) -> None:
        for name, key in request.get("save", {}).items():
            place = "activation_token" if key == "?" else key
            self.saved[_ANOTHER_NAME.get(name, name)] = answer.get(place, _UNKNOWN)


def replay(name: str, folder: Path) -> list[Difference]:
    """Replay one sequence against a fresh server over TLS. Returns all differences, decided or not."""
    settings = {"service_token_digest": digest_of_token(SERVICE_TOKEN.encode()), "address": ADDRESS, "release": "1"}
    with AmsServer(folder, **settings) as server:
        server.call(_worker_is_known(server.ams))
        server.ams.outside.status_of_all = "Subscription /projects/P/subscriptions/{} is currently active"
        context = ssl.create_default_context(cafile=str(server.authority.certificate))
        connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=20)
        try:
            return Replay(lambda sent: _exchange(connection, sent), server.advance).differences(recorded(name))
        finally:
            connection.close()


async def _worker_is_known(ams: Ams) -> None:
    await ams.broker.users.create(WORKER, Profile("ops@example.org"), Grants(service_roles=["push_worker"]))


def _exchange(connection: http.client.HTTPSConnection, sent: Sent) -> tuple[int, Any]:
    connection.putrequest(sent.method, sent.target, skip_accept_encoding=True)
    for name, value in sent.headers:
        connection.putheader(name, value)
    if sent.body or sent.method in ("POST", "PUT"):
        connection.putheader("content-length", str(len(sent.body)))
    connection.endheaders(sent.body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def _comparable(value: Any, name: str = "") -> Any:
    """An answer in the form in which two of them are compared."""
    match value:
        case dict():
            return _comparable_object(value)
        case list():
            items = [_comparable(item) for item in value]
            return _as_set(items) if name in _UNORDERED else items
        case str():
            return next((mask for mask, form in _MASKS if form.fullmatch(value)), value)
        case None if name.endswith("roles"):
            return []
        case _:
            return value


def _comparable_object(value: dict[str, Any]) -> dict[str, Any]:
    shown = {}
    for key, below in _without_chance(value).items():
        if key == "nextPageToken" and below:
            shown[key] = "<page>"
        else:
            shown[key] = _comparable(below, key)
    return shown


def _without_chance(value: dict[str, Any]) -> dict[str, Any]:
    """An object without what nobody can foresee: the load and the build of a machine, and free text."""
    left = dict(value)
    if "metric_type" in left:
        left.pop("description", None)
        chance = left["metric"] in (*_LOAD, *_RATES)
        if chance:
            left["timeseries"] = [{"timestamp": "<t>", "value": "<num>"} for _ in left["timeseries"]]
        if left["metric"] in _LOAD:
            left["resource_name"] = "<host>"
    if "golang" in left or "build_time" in left:
        left = {key: "<v>" for key in left if key in _OF_THE_MACHINE}
    return left


def _as_set(items: list[Any]) -> list[Any]:
    return sorted({json.dumps(item, sort_keys=True): item for item in items}.items())
