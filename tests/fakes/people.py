"""People of a daemon in a test: added with a role, logged in by name, and what they send."""

from __future__ import annotations

import httpx

from tests.line.stage import TOKEN, Stage

PASSWORD = "correct horse battery"
ROLES = ("viewer", "responder", "admin")


async def add_person(stage: Stage, name: str, role: str, password: str = PASSWORD) -> str:
    """Add a person with a password and a token, which this gives."""
    body = {"name": name, "role": role, "password": password, "with_token": True}
    answer = await stage.http.post("/api/people", json=body, headers={"x-api-key": TOKEN})
    answer.raise_for_status()
    return str(answer.json()["token"])


async def a_project_admin(stage: Stage, name: str, project: str = "P") -> str:
    """The token of a user who administers one project of AMS."""
    body = {"service_roles": [], "projects": [{"project": project, "roles": ["project_admin"]}]}
    answer = await stage.http.post(f"/v1/users/{name}", json=body, headers={"x-api-key": TOKEN})
    answer.raise_for_status()
    return str(answer.json()["token"])


async def log_in_by_name(stage: Stage, name: str, password: str = PASSWORD) -> httpx.Response:
    """Give name and password to the login page, and keep the session."""
    stage.http.headers.pop("cookie", None)
    answer = await stage.http.post("/login", data={"name": name, "token": password, "next": "/account"})
    for cookie in answer.headers.get_list("set-cookie"):
        stage.http.headers["cookie"] = cookie.partition(";")[0]
    return answer
