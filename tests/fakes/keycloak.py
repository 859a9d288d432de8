"""A Keycloak as its client registration and its administration look to whoever keeps clients there."""

from __future__ import annotations

import json
import re
from typing import Any

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import SystemClock

TOKEN = "an-access-token"
_CLIENT = re.compile(r"/realms/egi/clients-registrations/default(?:/(?P<id>[^/]+))?")
_SCOPES = ({"id": "s1", "name": "profile", "protocol": "openid-connect"}, {"id": "s2", "name": "email"})


class FakeKeycloak(Served):
    """The realm ``egi``: a token for whoever asks for one, clients by their id, two scopes. ``clients`` are kept."""

    def __init__(self) -> None:
        super().__init__(self._respond, SystemClock())
        self.clients: dict[str, dict[str, Any]] = {}

    def _respond(self, request: Request) -> Reply:
        if request.path == "/realms/egi/protocol/openid-connect/token":
            return json_reply({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300})
        if request.header("authorization") != f"Bearer {TOKEN}":
            return json_reply({"error": "HTTP 401 Unauthorized"}, 401)
        if request.path == "/admin/realms/egi/default-default-client-scopes":
            return json_reply([_SCOPES[0]])
        if request.path == "/admin/realms/egi/client-scopes":
            return json_reply(list(_SCOPES))
        match = _CLIENT.fullmatch(request.path)
        if match is None:
            return json_reply({"error": "Unable to find matching target resource method"}, 404)
        return self._client(request, match["id"] or "")

    def _client(self, request: Request, client_id: str) -> Reply:
        if request.method == "POST":
            said = json.loads(request.body)
            if said["clientId"] in self.clients:
                text = f"Client ID {said['clientId']} already in use"
                return json_reply({"error": "invalid_client_metadata", "error_description": text}, 400)
            made = said | {"id": f"uuid-{len(self.clients) + 1}", "serviceAccountsEnabled": False}
            self.clients[said["clientId"]] = made
            return json_reply(made, 201)
        if client_id not in self.clients:
            return json_reply({"error": "invalid_token", "error_description": "Not authorized to view client"}, 401)
        if request.method == "DELETE":
            del self.clients[client_id]
            return Reply(204)
        if request.method == "PUT":
            self.clients[client_id] |= json.loads(request.body)
        return json_reply(self.clients[client_id])
