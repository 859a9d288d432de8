"""Every route against every kind of caller (ams-api.md sections 2 and 3)."""

import msgspec
import pytest

from bridge.api.call import ApiSettings
from bridge.api.routes import ROUTES
from broker.records import User
from tests.fakes.ams_api import SERVICE, an_api

MATRIX = """
ams:metrics                      GET    /metrics                                                    SA PA metrics_viewer
ams:healthStatus                 GET    /status                                                     open
ams:vaMetrics                    GET    /metrics/va_metrics                                         SA PA metrics_viewer
users:byToken                    GET    /users:byToken/{token}                                      SA CON
users:byUUID                     GET    /users:byUUID/{uuid}                                        SA argo_api_authn
users:list                       GET    /users                                                      SA PA
users:profile                    GET    /users/profile                                              open
users:usageReport                GET    /users/usageReport                                          open
users:show                       GET    /users/{user}                                               SA
users:refreshToken               POST   /users/{user}:refreshToken                                  SA
users:create                     POST   /users/{user}                                               SA
users:update                     PUT    /users/{user}                                               SA
users:delete                     DELETE /users/{user}                                               SA
registrations:newUser            POST   /registrations                                              SA register_admin
registrations:acceptNewUser      POST   /registrations/{uuid}:accept                                SA
registrations:declineNewUser     POST   /registrations/{uuid}:decline                               SA
registrations:delete             DELETE /registrations/{uuid}                                       SA
registrations:show               GET    /registrations/{uuid}                                       SA
registrations:list               GET    /registrations                                              SA
projects:list                    GET    /projects                                                   SA
projects:metrics                 GET    /projects/{project}:metrics                                 SA PA
projects:addUser                 POST   /projects/{project}/members/{user}:add                      SA PA
projects:removeUser              POST   /projects/{project}/members/{user}:remove                   SA PA
projects:showUser                GET    /projects/{project}/members/{user}                          SA PA
projects:createUser              POST   /projects/{project}/members/{user}                          SA PA
projects:updateUser              PUT    /projects/{project}/members/{user}                          SA PA
projects:listUsers               GET    /projects/{project}/members                                 SA PA
projects:show                    GET    /projects/{project}                                         SA PA
projects:create                  POST   /projects/{project}                                         SA
projects:update                  PUT    /projects/{project}                                         SA PA
projects:delete                  DELETE /projects/{project}                                         SA PA
subscriptions:list               GET    /projects/{project}/subscriptions                           SA PA CON
subscriptions:listByTopic        GET    /projects/{project}/topics/{topic}/subscriptions            SA PA
subscriptions:offsets            GET    /projects/{project}/subscriptions/{subscription}:offsets    SA PA CON
subscriptions:timeToOffset       GET    /projects/{project}/subscriptions/{subscription}:timeToOffset SA PA CON
subscriptions:acl                GET    /projects/{project}/subscriptions/{subscription}:acl        SA PA
subscriptions:metrics            GET    /projects/{project}/subscriptions/{subscription}:metrics    SA PA CON
subscriptions:show               GET    /projects/{project}/subscriptions/{subscription}            SA PA CON PW
subscriptions:create             PUT    /projects/{project}/subscriptions/{subscription}            SA PA
subscriptions:delete             DELETE /projects/{project}/subscriptions/{subscription}            SA PA
subscriptions:pull               POST   /projects/{project}/subscriptions/{subscription}:pull       SA PA CON PW
subscriptions:acknowledge        POST   /projects/{project}/subscriptions/{subscription}:acknowledge SA PA CON PW
subscriptions:verifyPushEndpoint POST   /projects/{project}/subscriptions/{subscription}:verifyPushEndpoint SA PA
subscriptions:modifyAckDeadline  POST   /projects/{project}/subscriptions/{subscription}:modifyAckDeadline SA PA CON
subscriptions:modifyPushConfig   POST   /projects/{project}/subscriptions/{subscription}:modifyPushConfig SA PA
subscriptions:modifyOffset       POST   /projects/{project}/subscriptions/{subscription}:modifyOffset SA PA CON
subscriptions:modifyAcl          POST   /projects/{project}/subscriptions/{subscription}:modifyAcl  SA PA
topics:list                      GET    /projects/{project}/topics                                  SA PA PUB
topics:acl                       GET    /projects/{project}/topics/{topic}:acl                      SA PA
topics:metrics                   GET    /projects/{project}/topics/{topic}:metrics                  SA PA PUB
topics:show                      GET    /projects/{project}/topics/{topic}                          SA PA PUB
topics:create                    PUT    /projects/{project}/topics/{topic}                          SA PA
topics:delete                    DELETE /projects/{project}/topics/{topic}                          SA PA
topics:publish                   POST   /projects/{project}/topics/{topic}:publish                  SA PA PUB
topics:modifyAcl                 POST   /projects/{project}/topics/{topic}:modifyAcl                SA PA
topics:attachSchema              POST   /projects/{project}/topics/{topic}:attachSchema             SA PA
topics:detachSchema              POST   /projects/{project}/topics/{topic}:detachSchema             SA PA
schemas:validateMessage          POST   /projects/{project}/schemas/{schema}:validate               SA PA
schemas:create                   POST   /projects/{project}/schemas/{schema}                        SA PA
schemas:show                     GET    /projects/{project}/schemas/{schema}                        SA PA
schemas:list                     GET    /projects/{project}/schemas                                 SA PA
schemas:update                   PUT    /projects/{project}/schemas/{schema}                        SA PA
schemas:delete                   DELETE /projects/{project}/schemas/{schema}                        SA PA
version:list                     GET    /version                                                    open
"""
SHORT = {"SA": "service_admin", "PA": "project_admin", "PUB": "publisher", "CON": "consumer", "PW": "push_worker"}
ROWS = [line.split() for line in MATRIX.strip().splitlines()]
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
    _, method, path, *allowed_short = row
    if allowed_short == ["open"]:
        return
    ams = await crowd()
    allowed = {SHORT.get(name, name) for name in allowed_short}
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
