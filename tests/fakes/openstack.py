"""An OpenStack cloud as cloud-info-provider meets it: Keystone, Nova and Glance, one project each for two VOs."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final
from uuid import UUID

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import SystemClock

_TOKEN: Final = "a-keystone-token"
_IMAGE_SCHEMA: Final = {
    name: {"type": "string"} for name in ("id", "name", "status", "file", "os_distro", "os_version", "architecture")
}


class FakeOpenStack(Served):
    """A password opens the projects of ``vos`` (name to project); flavors, images and servers are the same in each."""

    def __init__(self, password: str, vos: dict[str, str], *, images: int = 2) -> None:
        super().__init__(self._respond, SystemClock())
        self._password = password
        self._images = [_image(nth) for nth in range(images)]
        self.vos = vos

    @property
    def auth_url(self) -> str:
        """Where Keystone is: what GOCDB names as the endpoint."""
        return f"{self.base_url}/v3"

    def _respond(self, request: Request) -> Reply:
        path = request.path.rstrip("/")
        if path in ("", "/v3"):
            return self._version("v3.14", "stable", f"{self.base_url}/v3/")
        if path == "/v3/auth/tokens":
            return self._log_in(request)
        if request.header("x-auth-token") != _TOKEN:
            return json_reply({"error": {"code": 401, "title": "Unauthorized", "message": "log in"}}, 401)
        answers = {
            "/compute/v2.1": {
                "version": {"id": "v2.1", "status": "CURRENT", "version": "2.90", "min_version": "2.1", "links": []}
            },
            "/compute/v2.1/flavors/detail": {"flavors": [_flavor(nth) for nth in range(3)]},
            "/compute/v2.1/servers/detail": {"servers": [{"id": str(nth), "status": "ACTIVE"} for nth in range(2)]},
            "/image": {
                "versions": [
                    {
                        "id": "v2.9",
                        "status": "CURRENT",
                        "links": [{"rel": "self", "href": f"{self.base_url}/image/v2/"}],
                    }
                ]
            },
            "/image/v2/schemas/image": {
                "name": "image",
                "properties": _IMAGE_SCHEMA,
                "additionalProperties": {"type": "string"},
            },
            "/image/v2/images": {"images": self._images},
        }
        if request.query.find("marker=") >= 0:
            answers |= {
                "/compute/v2.1/flavors/detail": {"flavors": []},
                "/compute/v2.1/servers/detail": {"servers": []},
            }
        if path in answers:
            return json_reply(answers[path])
        if path.endswith("/os-extra_specs"):
            return json_reply({"extra_specs": {}})
        if path.startswith("/compute/v2.1/os-quota-sets/"):
            return json_reply(
                {"quota_set": {"id": path.rpartition("/")[2], "instances": 10, "cores": 40, "ram": 81_920}}
            )
        return json_reply({"error": {"code": 404, "message": request.path}}, 404)

    def _version(self, name: str, status: str, href: str) -> Reply:
        links = [{"rel": "self", "href": href}]
        return json_reply(
            {"version": {"id": name, "status": status, "links": links, "updated": "2020-01-01T00:00:00Z"}}
        )

    def _log_in(self, request: Request) -> Reply:
        asked: dict[str, Any] = json.loads(request.body)["auth"]
        project = asked.get("scope", {}).get("project", {}).get("id", "")
        if asked["identity"]["password"]["user"]["password"] != self._password or project not in self.vos.values():
            return json_reply({"error": {"code": 401, "title": "Unauthorized", "message": "no such project"}}, 401)
        domain = {"id": "default", "name": "Default"}
        catalog = [
            {"type": kind, "name": kind, "id": kind, "endpoints": [_endpoint(f"{self.base_url}{path}")]}
            for kind, path in (("identity", "/v3"), ("compute", "/compute/v2.1"), ("image", "/image"))
        ]
        token = {
            "methods": ["password"],
            "user": {"id": "u", "name": "info", "domain": domain},
            "project": {"id": project, "name": f"VO {project}", "domain": domain},
            "roles": [{"id": "r", "name": "reader"}],
            "catalog": catalog,
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
        }
        return json_reply({"token": token}, 201, X_Subject_Token=_TOKEN)


def _endpoint(url: str) -> dict[str, str]:
    return {"id": url, "interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": url}


def _flavor(nth: int) -> dict[str, Any]:
    size = 2**nth
    return {
        "id": f"f{nth}",
        "name": f"m1.{size}",
        "vcpus": size,
        "ram": 2048 * size,
        "disk": 20,
        "os-flavor-access:is_public": True,
    }


def _image(nth: int) -> dict[str, Any]:
    name = str(UUID(bytes=Random(nth).randbytes(16)))  # noqa: S311 - the same at each run
    return {
        "id": name,
        "name": f"Ubuntu {nth}",
        "status": "active",
        "file": f"/v2/images/{name}/file",
        "os_distro": "ubuntu",
        "os_version": "22.04",
        "architecture": "x86_64",
    }
