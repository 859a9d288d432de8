"""The marketplace's end for what is said of orders: its ordering API, as it reads and answers."""

from __future__ import annotations

import re
from typing import Any

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import SystemClock

STATUSES = ("rejected", "waiting_for_response", "registered", "in_progress", "ready", "closed", "approved")
_ITEM = re.compile(r"/api/v1/oms/(?P<oms>\d+)/projects/(?P<project>[^/]+)/project_items/(?P<item>[^/]+)")


class FakeMarketplace(Served):
    """The order system 1 with the orders that ``items`` names as (project, item); each gets the status it is told.

    Another token is 401; a system, project or item that is not there 404; a body that the API's schema refuses 400.
    """

    def __init__(self, token: str, *items: tuple[int, int]) -> None:
        super().__init__(self._respond, SystemClock())
        self._token = token
        self.statuses: dict[tuple[int, int], dict[str, str]] = {
            item: {"type": "created", "value": ""} for item in items
        }

    def _respond(self, request: Request) -> Reply:
        if request.header("x-user-token") != self._token:
            return json_reply({"error": "You need to sign in or sign up before continuing."}, 401)
        match = _ITEM.fullmatch(request.path)
        if match is None or request.method != "PATCH":
            return json_reply({"status": 404, "error": "Not Found"}, 404)
        if match["oms"] != "1":
            return json_reply({"error": "OMS not found"}, 404)
        if match["project"] not in {str(project) for project, _ in self.statuses}:
            return json_reply({"error": "Project not found"}, 404)
        order = (int(match["project"]), int(match["item"]) if match["item"].isdecimal() else 0)
        if order not in self.statuses:
            return json_reply({"error": "Project item not found"}, 404)
        problem = _problem_of(request)
        if problem:
            return json_reply({"error": problem}, 400)
        self.statuses[order] = request.json()["status"]
        return json_reply({"id": order[1], "project_id": order[0], "status": self.statuses[order]})


def _problem_of(request: Request) -> str:
    """Why the API's schema refuses a body; "" when it does not."""
    try:
        asked: Any = request.json()
    except ValueError as error:
        return str(error)
    if not isinstance(asked, dict) or set(asked) != {"status"}:
        return "The property '#/' did not contain a required property of 'status'"
    status = asked["status"]
    if not isinstance(status, dict) or set(status) != {"type", "value"}:
        return "The property '#/status' did not contain a required property of 'value'"
    if not isinstance(status["value"], str) or status["type"] not in STATUSES:
        return f"The property '#/status/type' value {status['type']!r} did not match one of: {', '.join(STATUSES)}"
    return ""
