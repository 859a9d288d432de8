"""MITREid and SimpleSAMLphp as the federation agent's deployers meet them, each as its published source answers."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import SystemClock

_TOKEN = "a-mitreid-access-token"
_CLIENT = re.compile(r"/api/clients(?:/(?P<id>\d+))?")
_METHODS = ("SECRET_BASIC", "SECRET_POST", "SECRET_JWT")


class FakeMitreid(Served):
    """A token for a refresh token and a secret that it knows; then clients, by a number of its own."""

    def __init__(self, refresh_token: str, secret: str) -> None:
        super().__init__(self._respond, SystemClock())
        self._known = (refresh_token, secret)
        self._made = 0
        self.clients: dict[int, dict[str, Any]] = {}

    def _respond(self, request: Request) -> Reply:
        if request.path == "/token":
            said = {name: values[0] for name, values in parse_qs(request.text).items()}
            if said.get("grant_type") != "refresh_token" or self._known != (
                said.get("refresh_token"),
                said.get("client_secret"),
            ):
                return json_reply({"error": "invalid_client", "error_description": "Bad client credentials"}, 401)
            return json_reply({"access_token": _TOKEN, "token_type": "Bearer", "expires_in": 3599})
        if request.header("authorization") != f"Bearer {_TOKEN}":
            return json_reply({"error": "invalid_token", "error_description": "Invalid access token"}, 401)
        match = _CLIENT.fullmatch(request.path)
        if match is None:
            return Reply(404)
        return self._client(request, int(match["id"]) if match["id"] else None)

    def _client(self, request: Request, number: int | None) -> Reply:
        if number is not None and number not in self.clients:
            verb = "delete" if request.method == "DELETE" else "update"
            return _error(404, f"Could not {verb} client. The requested client with id {number}could not be found.")
        if request.method == "DELETE" and number is not None:
            del self.clients[number]
            return Reply(200)
        asked = json.loads(request.body)
        method = asked.get("tokenEndpointAuthMethod")
        if method == "PRIVATE_KEY" and not asked.get("jwksUri") and not asked.get("jwks"):
            return _error(400, "Can not create a client with private key authentication without registering a key")
        if method not in (None, "NONE", "PRIVATE_KEY", *_METHODS):
            return _error(400, "Unknown auth method requested")
        if number is None:
            if asked["clientId"] in {one["clientId"] for one in self.clients.values()}:
                return _error(409, f"Unable to save client. Duplicate client id entry found: {asked['clientId']}")
            self._made += 1
            number = self._made
        self.clients[number] = asked | {
            "id": number,
            "clientSecret": asked.get("clientSecret") if method in _METHODS else None,
        }
        return json_reply(self.clients[number])


def _error(status: int, text: str) -> Reply:
    return json_reply({"error": text, "error_description": text}, status)


class FakeSimpleSamlPhp(Served):
    """Its cron page, which reads the file of services with the real PHP; ``services`` are what it read last.

    A wrong key, or another tag, is answered 500 and reads nothing, as the page's exception is.
    """

    def __init__(self, php: str, file: Path, key: str, tag: str = "hourly") -> None:
        super().__init__(self._respond, SystemClock())
        self._php = php
        self._file = file
        self._known = {"key": key, "tag": tag}
        self.services: list[dict[str, Any]] = []

    def _respond(self, request: Request) -> Reply:
        if request.path != "/module.php/cron/cron.php":
            return Reply(404)
        if {name: values[0] for name, values in parse_qs(request.query).items()} != self._known:
            return Reply(500, b"Cron: Wrong key provided. Cron will not run.")
        code = f'echo json_encode(include "{self._file}");'
        read = subprocess.run([self._php, "-r", code], capture_output=True, text=True, timeout=20)
        if read.returncode != 0:
            return Reply(500, read.stdout.encode())
        self.services = json.loads(read.stdout)
        return Reply(200, b"<html>Cron report</html>")
