"""The federation registry's end for results: what it takes, and what it makes of it."""

from __future__ import annotations

import base64
import json
from typing import Any

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import SystemClock


class FakeFederationRegistry(Served):
    """Reads results as the registry does: several messages a call, an Authorization header that it knows, or 401.

    A body of another form is 400, as one that its reading cannot take apart. ``results`` are those it took.
    """

    def __init__(self, authorization: str) -> None:
        super().__init__(self._respond, SystemClock())
        self._authorization = authorization
        self.results: list[dict[str, Any]] = []

    def _respond(self, request: Request) -> Reply:
        if request.header("authorization") != self._authorization:
            return json_reply({"error": "Unauthorized"}, 401)
        try:
            messages = [one["message"]["data"] for one in json.loads(request.body)["messages"]]
            results = [json.loads(base64.b64decode(data, validate=True)) for data in messages]
            taken = [one for one in results if isinstance(one["id"], int) and one["state"] in ("deployed", "error")]
        except (ValueError, KeyError, TypeError) as error:
            return json_reply({"error": str(error)}, 400)
        if len(taken) < len(results):
            return json_reply({"error": "a result without an id or a state"}, 400)
        self.results += taken
        return Reply(200)
