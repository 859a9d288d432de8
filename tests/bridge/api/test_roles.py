"""Every route against every kind of caller (ams-api.md sections 2 and 3)."""

import re
from pathlib import Path

import msgspec
import pytest

from bridge.api.call import ApiSettings
from bridge.api.route_list import ROUTES
from broker.records import User
from tests.fakes.ams_api import SERVICE, an_api

SHORT = {"SA": "service_admin", "PA": "project_admin", "PUB": "publisher", "CON": "consumer", "PW": "push_worker"}
PAGE = Path(__file__).parents[3] / "docs" / "specification" / "ams-api.md"
DECIDED = {"registrations:delete": ["service_admin"]}
"""Where a decision of the page (D27) adds to its table."""


def rows():
    """The table of section 3: name, method, path and the roles that may, or ``open``."""
    section = PAGE.read_text().split("## 3. Routes and default permissions")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if re.match(r"\| *\d", line)]
    for _, name, method, path, *marks, note, _ in ([cell.strip() for cell in line] for line in lines):
        allowed = [role for role, mark in zip(SHORT.values(), marks, strict=True) if mark == "x"]
        allowed += [role for role in SERVICE_ROLES if role in note]
        yield [name, method, path.strip("`"), *(["open"] if note.startswith("open") else DECIDED.get(name, allowed))]


SERVICE_ROLES = (
    "service_admin",
    "project_admin",
    "publisher",
    "consumer",
    "push_worker",
    "admin_viewer",
    "metrics_viewer",
    "argo_api_authn",
    "register_admin",
)
PROJECT_ROLES = ("project_admin", "publisher", "consumer")
ROWS = list(rows())
NO_ACCESS = (403, "FORBIDDEN", "Access to this resource is forbidden")
UNKNOWN = (401, "UNAUTHORIZED", "Unauthorized")
NO_PROJECT = (404, "NOT_FOUND", "project doesn't exist")


def test_the_table_holds_the_64_routes_in_match_order():
    assert [(route.name, route.method, route.path) for route in ROUTES] == [tuple(row[:3]) for row in ROWS]
    assert len(ROUTES) == 64


async def crowd():
    """Project P and one user for every role, in the project and for the whole service."""
    ams = await an_api(per_resource_auth=False)
    await ams.ok("POST", "/projects/P", {})
    await ams.ok("POST", "/projects/Q", {})
    for role in PROJECT_ROLES:
        await ams.user(f"p-{role}", [role])
    for role in SERVICE_ROLES:
        await ams.user(f"s-{role}", service_roles=[role])
    await ams.user("nothing")
    await ams.user("member", [])
    await ams.user("elsewhere", list(PROJECT_ROLES), project="Q")
    return ams


def concrete(path, project="P"):
    """A path to things that do not exist in a project that does; so nothing happens once a caller is admitted."""
    return path.format(project=project, topic="t", subscription="s", schema="sc", user="u", token="tok", uuid="no")


async def verdict(ams, method, path, token):
    answered = await ams.ask(method, path, token=token, raw=b"[]")
    return "admitted" if "error" not in answered.json or answered.error not in (NO_ACCESS, UNKNOWN) else answered.error


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
async def test_who_is_admitted_to(row):
    _, method, path, *allowed = row
    if allowed == ["open"]:
        return
    ams = await crowd()
    in_project = "{project}" in path
    expected = {SERVICE: "admitted"}
    for role in SERVICE_ROLES:
        expected[f"s-{role}"] = "admitted" if role in allowed else NO_ACCESS
    for role in PROJECT_ROLES:
        expected[f"p-{role}"] = ("admitted" if role in allowed else NO_ACCESS) if in_project else UNKNOWN
    for name in ("nothing", "member", "elsewhere", "unknown-token", None):
        expected[name] = UNKNOWN
    found = {}
    for name in expected:
        found[name] = await verdict(ams, method, concrete(path), name)
        if row[0] == "projects:delete" and found[name] == "admitted":
            ams = await crowd()
    assert found == expected


@pytest.mark.parametrize("row", [row for row in ROWS if "{project}" in row[2]], ids=lambda row: row[0])
async def test_an_unknown_project_comes_before_the_token(row):
    name, method, path, *_ = row
    ams = await crowd()
    for token in ("unknown-token", SERVICE, "s-publisher"):
        answered = await ams.ask(method, concrete(path, "NOPE"), token=token, raw=b"[]")
        if name == "projects:create":
            assert answered.error != NO_PROJECT
        else:
            assert answered.error == NO_PROJECT
    assert await ams.error(method, concrete(path, "NOPE"), token=None, raw=b"[]") == UNKNOWN


@pytest.mark.parametrize("row", [row for row in ROWS if "{" in row[2]], ids=lambda row: row[0])
async def test_names_are_judged_before_anything_else_in_alphabetical_order(row):
    _, method, path, *_ = row
    ams = await an_api()
    variables = sorted(part.split("}")[0] for part in path.split("{")[1:])
    names = dict.fromkeys(("project", "topic", "subscription", "schema", "user", "token", "uuid"), "ok-Name_1")
    for variable in variables:
        for bad in ("a.b", "a%20b", "a%0A", "%C3%A4", "a:b"):
            error = await ams.error(method, path.format(**(names | {variable: bad})), token=None)
            assert error == (400, "INVALID_ARGUMENT", f"Invalid {variable} name")
    error = await ams.error(method, path.format(**dict.fromkeys(names, "a.b")), token=None)
    assert error == (400, "INVALID_ARGUMENT", f"Invalid {variables[0]} name")


def test_every_row_of_the_table_lets_somebody_in():
    assert [row[0] for row in ROWS if not row[3:]] == []


async def test_a_push_worker_finds_itself_by_its_token_and_a_consumer_does_not():
    ams = await crowd()
    worker, consumer = "s-push_worker", "s-consumer"
    found = await ams.ask("GET", f"/users:byToken/{ams.tokens[worker]}", token=worker)
    assert found.status == 200
    assert found.json["name"] == worker
    assert await ams.error("GET", f"/users:byToken/{ams.tokens[consumer]}", token=consumer) == NO_ACCESS


async def test_blanks_around_a_token_are_no_part_of_it():
    ams = await an_api()
    for said in (b" service-token", b"service-token \t", b"\tservice-token  "):
        answered = await ams.ask_exactly("GET", "/v1/projects", [(b"x-api-key", said)])
        assert answered.status == 200
    assert (await ams.ask_exactly("GET", "/v1/projects", [(b"x-api-key", b"  ")])).error == UNKNOWN


async def test_open_routes_judge_tokens_themselves():
    ams = await crowd()
    for token in (None, "unknown-token", SERVICE, "nothing"):
        assert (await ams.ask("GET", "/status", token=token)).status == 200
        assert (await ams.ask("GET", "/version", token=token)).status == 200
    for path in ("/users/profile", "/users/usageReport"):
        for token in (None, "unknown-token", SERVICE):
            assert await ams.error("GET", path, token=token) == UNKNOWN
        assert (await ams.ask("GET", path, token="nothing")).status == 200


async def test_a_role_in_the_project_counts_for_this_project_only():
    ams = await crowd()
    assert (await ams.ask("GET", "/projects/Q/topics", token="elsewhere")).status == 200
    assert await ams.error("GET", "/projects/P/topics", token="elsewhere") == UNKNOWN


async def test_a_service_role_opens_every_project():
    ams = await crowd()
    assert (await ams.ask("GET", "/projects/Q/topics", token="s-publisher")).status == 200


async def test_a_service_role_of_project_admin_opens_the_service_lists():
    ams = await crowd()
    assert (await ams.ask("GET", "/users", token="s-project_admin")).status == 200
    assert await ams.error("GET", "/users", token="p-project_admin") == UNKNOWN


@pytest.mark.parametrize(
    ("token_from", "where", "admitted"),
    [
        ("both", "header", True),
        ("both", "key", True),
        ("header", "header", True),
        ("header", "key", False),
        ("key", "header", False),
        ("key", "key", True),
    ],
)
async def test_the_token_is_looked_for_where_the_setting_says(token_from, where, admitted):
    ams = await an_api(token_from=token_from)
    if where == "header":
        answered = await ams.ask("GET", "/projects", token=SERVICE)
    else:
        answered = await ams.ask("GET", "/projects", token=None, key=SERVICE)
    assert answered.status == (200 if admitted else 401)


def test_header_and_key_are_both_looked_at_unless_told_otherwise():
    assert ApiSettings().token_from == "both"


async def test_the_header_wins_over_the_key():
    ams = await an_api()
    assert (await ams.ask("GET", "/projects", token=SERVICE, key="bad")).status == 200
    assert (await ams.ask("GET", "/projects", token="bad", key=SERVICE)).status == 401
    assert (await ams.ask("GET", "/projects", token="", key=SERVICE)).status == 200


async def test_the_root_role_may_everything():
    ams = await crowd()
    user = ams.broker.cache.find(User, "nothing")
    await ams.broker.cache.change(
        user, lambda changed: changed.name, lambda now: msgspec.structs.replace(now, service_roles=("_admin_",))
    )
    assert (await ams.ask("GET", "/projects", token="nothing")).status == 200
    assert (await ams.ask("GET", "/users", token="nothing")).status == 200
