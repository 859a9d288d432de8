"""Users, projects, members and registrations over the API (ams-api.md section 9)."""

import re

import pytest

from tests.fakes.ams_api import SERVICE, a_staged_api, an_api

IA, NF = "INVALID_ARGUMENT", "NOT_FOUND"
USER_MISSING = (404, NF, "User doesn't exist")
REGISTRATION_MISSING = (404, NF, "User registration doesn't exist")
EXISTS = (409, "ALREADY_EXISTS", "User already exists")
NO_MEMBER = (403, "FORBIDDEN", "Access to this resource is forbidden. User is not a member of the project")
BAD = (400, "BAD_REQUEST", "Invalid Request Body")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


# --- Users ----------------------------------------------------------------------------------------


async def test_a_user_made_with_nothing_shows_what_is_always_shown():
    ams = await an_api()
    user = await ams.ok("POST", "/users/u", {})
    assert UUID.fullmatch(user.pop("uuid"))
    assert re.fullmatch(r"[0-9a-f]{64}", user.pop("token"))
    assert user == {
        "name": "u",
        "email": "",
        "service_roles": [],
        "created_on": "2026-01-01T00:00:00Z",
        "modified_on": "2026-01-01T00:00:00Z",
    }


async def test_a_user_shows_profile_roles_and_creator():
    ams = await a_staged_api()
    await ams.user("boss", service_roles=["service_admin"])
    profile = {"first_name": "f", "last_name": "l", "organization": "o", "description": "d", "email": "e"}
    grants = {"service_roles": ["admin_viewer"], "projects": [{"project": "P", "roles": ["publisher"]}]}
    user = await ams.ok("POST", "/users/u", profile | grants, token="boss")
    assert {key: user[key] for key in profile} == profile
    assert (user["service_roles"], user["created_by"]) == (["admin_viewer"], "boss")
    assert user["projects"] == [{"project": "P", "roles": ["publisher"], "topics": [], "subscriptions": []}]


async def test_a_user_shows_the_topics_and_subscriptions_that_name_it():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/subscriptions/S:modifyAcl", {"authorized_users": ["pub"]})
    (project,) = (await ams.ok("GET", "/users/pub"))["projects"]
    assert (project["topics"], project["subscriptions"]) == (["T"], ["S"])


ROLES = [
    ({"projects": [{"project": "P"}, {"project": "P"}]}, "duplicate reference of project P"),
    ({"projects": [{"project": "none", "roles": ["x"]}]}, "invalid project: none"),
    ({"projects": [{"project": "P", "roles": ["publisher", "x"]}]}, "invalid role: x"),
    ({"projects": [{"project": "P", "roles": ["service_admin"]}]}, "invalid role: service_admin"),
    ({"service_roles": ["publisher", "x"]}, "invalid role: x"),
    ({"projects": [{"project": "none"}], "service_roles": ["x"]}, "invalid project: none"),
]


@pytest.mark.parametrize(("body", "text"), ROLES)
async def test_roles_and_projects_that_cannot_be_are_refused(body, text):
    ams = await a_staged_api()
    assert await ams.error("POST", "/users/new", body) == (400, IA, text)
    assert await ams.error("PUT", "/users/pub", body) == (400, IA, text)
    assert await ams.error("PUT", "/users/nobody", body) == (400, IA, text)
    assert await ams.error("POST", "/users/pub", body) == EXISTS


@pytest.mark.parametrize(
    "body", [{"email": 1}, {"projects": {}}, {"projects": [{"roles": "x"}]}, {"service_roles": "x"}, {"name": []}]
)
async def test_a_user_of_another_shape_is_refused(body):
    ams = await a_staged_api()
    for method, path in (
        ("POST", "/users/pub"),
        ("PUT", "/users/nobody"),
        ("POST", "/projects/P/members/pub"),
        ("PUT", "/projects/P/members/nobody"),
    ):
        assert await ams.error(method, path, body) == (400, IA, "Invalid User Arguments")


async def test_topics_and_subscriptions_in_requests_change_no_access_list():
    ams = await a_staged_api()
    entry = {"project": "P", "roles": ["publisher"], "topics": ["T"], "subscriptions": ["S"]}
    user = await ams.ok("POST", "/users/u", {"projects": [entry, {"project": "", "roles": ["x"]}]})
    assert user["projects"] == [{"project": "P", "roles": ["publisher"], "topics": [], "subscriptions": []}]


async def test_an_update_keeps_what_is_empty_and_replaces_lists_that_are_there():
    ams = await a_staged_api()
    await ams.ok("PUT", "/users/pub", {"first_name": "f", "service_roles": ["admin_viewer"]})
    await ams.clock.advance(5)
    user = await ams.ok("PUT", "/users/pub", {"first_name": "", "last_name": "l", "service_roles": None})
    assert (user["first_name"], user["last_name"], user["email"]) == ("f", "l", "pub@example.org")
    assert (user["service_roles"], user["projects"][0]["roles"]) == (["admin_viewer"], ["publisher"])
    assert (user["created_on"], user["modified_on"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z")
    user = await ams.ok("PUT", "/users/pub", {"service_roles": [], "projects": []})
    assert user["service_roles"] == []
    assert "projects" not in user


async def test_a_user_is_renamed_and_keeps_uuid_and_token():
    ams = await a_staged_api()
    before = await ams.ok("GET", "/users/pub")
    after = await ams.ok("PUT", "/users/pub", {"name": "renamed"})
    assert (after["uuid"], after["token"], after["name"]) == (before["uuid"], before["token"], "renamed")
    assert await ams.error("GET", "/users/pub") == USER_MISSING
    assert await ams.ok("GET", "/projects/P/topics/T:acl") == {"authorized_users": ["renamed"]}
    await ams.ok("PUT", "/users/renamed", {"name": "renamed"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("con", "invalid user name change, name already exists"),
        ("a.b", "Invalid user name"),
        ("ä", "Invalid user name"),
    ],
)
async def test_a_new_name_that_is_taken_or_impossible_is_refused(name, text):
    ams = await a_staged_api()
    for path in ("/users/pub", "/users/nobody"):
        assert await ams.error("PUT", path, {"name": name}) == (400, IA, text)


async def test_unknown_users_are_not_found_and_nobody_elses_record_is_shown():
    ams = await a_staged_api()
    assert await ams.error("GET", "/users/nobody") == USER_MISSING
    assert await ams.error("PUT", "/users/nobody", {}) == USER_MISSING
    assert await ams.error("DELETE", "/users/nobody") == USER_MISSING
    assert await ams.error("POST", "/users/nobody:refreshToken") == USER_MISSING
    assert await ams.error("GET", "/users:byToken/nothing") == USER_MISSING
    assert await ams.error("GET", "/users:byUUID/nothing") == USER_MISSING


async def test_an_old_token_dies_with_its_refresh_and_with_its_user():
    ams = await a_staged_api()
    old = ams.tokens["pub"]
    new = (await ams.ok("POST", "/users/pub:refreshToken"))["token"]
    assert new != old
    assert (await ams.ask("GET", "/users/profile", token=old)).status == 401
    assert (await ams.ask("GET", "/users/profile", token=new)).status == 200
    await ams.ok("DELETE", "/users/pub")
    assert (await ams.ask("GET", "/users/profile", token=new)).status == 401


async def test_a_user_is_found_by_token_and_uuid_and_as_oneself():
    ams = await a_staged_api()
    await ams.user("authn", service_roles=["argo_api_authn"])
    user = await ams.ok("GET", "/users/pub")
    assert await ams.ok("GET", f"/users:byToken/{ams.tokens['pub']}") == user
    assert await ams.ok("GET", f"/users:byUUID/{user['uuid']}", token="authn") == user
    assert await ams.ok("GET", "/users/profile", token="pub") == user
    assert user["token"] == ams.tokens["pub"]


async def test_lists_show_secrets_and_projects_to_service_admins_who_ask_for_details():
    ams = await a_staged_api()
    plain = await ams.ok("GET", "/users")
    assert [user["name"] for user in plain["users"]] == ["con", "pub", "padm"]
    assert (plain["totalSize"], plain["nextPageToken"]) == (3, "")
    assert all("token" in user and "projects" not in user for user in plain["users"])
    for details in ("true", "True", "TRUE"):
        detailed = await ams.ok("GET", "/users", details=details)
        assert all(user["projects"][0]["project"] == "P" for user in detailed["users"])
    assert all("projects" not in user for user in (await ams.ok("GET", "/users", details="yes"))["users"])


async def test_lists_show_others_neither_secrets_nor_foreign_projects():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/Q", {})
    await ams.user("viewer", service_roles=["project_admin"])
    await ams.ok("PUT", "/users/pub", {"projects": [{"project": "P"}, {"project": "Q"}], "service_roles": ["consumer"]})
    for query in ({"project": "Q"}, {}):
        listed = await ams.ok("GET", "/users", token="viewer", details="true", **query)
        user = next(one for one in listed["users"] if one["name"] == "pub")
        assert "token" not in user
        assert "created_by" not in user
        assert user["service_roles"] == []
        assert [entry["project"] for entry in user.get("projects", [])] == (["Q"] if query else [])


async def test_users_are_listed_by_project():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/Q", {})
    await ams.user("other", [], project="Q")
    assert [user["name"] for user in (await ams.ok("GET", "/users", project="Q"))["users"]] == ["other"]
    assert await ams.error("GET", "/users", project="none") == (404, NF, "ProjectUUID doesn't exist")


async def test_next_page_token_is_another_name_of_page_token_which_wins():
    ams = await a_staged_api()
    first = await ams.ok("GET", "/users", pageSize="1")
    token = first["nextPageToken"]
    second = await ams.ok("GET", "/users", pageSize="1", nextPageToken=token)
    assert [user["name"] for user in second["users"]] == ["pub"]
    third = await ams.ok("GET", "/users", pageSize="1", pageToken=second["nextPageToken"], nextPageToken=token)
    assert [user["name"] for user in third["users"]] == ["padm"]


# --- Projects -------------------------------------------------------------------------------------


async def test_a_project_shows_its_creator_and_description():
    ams = await an_api()
    await ams.user("boss", service_roles=["service_admin"])
    project = await ams.ok("POST", "/projects/P", {"description": "d"}, token="boss")
    assert project == {
        "name": "P",
        "created_on": "2026-01-01T00:00:00Z",
        "modified_on": "2026-01-01T00:00:00Z",
        "created_by": "boss",
        "description": "d",
    }
    assert await ams.ok("GET", "/projects/P") == project


async def test_projects_are_listed_oldest_first_and_none_is_an_empty_object():
    ams = await an_api()
    assert await ams.ok("GET", "/projects") == {}
    for name in ("B", "A"):
        await ams.ok("POST", f"/projects/{name}", {})
    assert [project["name"] for project in (await ams.ok("GET", "/projects"))["projects"]] == ["B", "A"]


async def test_a_taken_project_name_is_told():
    ams = await a_staged_api()
    assert await ams.error("POST", "/projects/P", {}) == (409, "ALREADY_EXISTS", "Project already exists")
    assert await ams.error("POST", "/projects/P", {"description": 1}) == (400, IA, "Invalid Project Arguments")


async def test_a_project_is_renamed_with_all_its_names():
    ams = await a_staged_api()
    await ams.publish("x")
    project = await ams.ok("PUT", "/projects/P", {"name": "R", "description": ""})
    assert (project["name"], project["description"]) == ("R", "d")
    assert (await ams.ok("GET", "/projects/R/topics/T"))["name"] == "/projects/R/topics/T"
    assert (await ams.ok("GET", "/users/pub"))["projects"][0]["project"] == "R"
    received = (await ams.ok("POST", "/projects/R/subscriptions/S:pull", {}))["receivedMessages"]
    assert received[0]["ackId"] == "projects/R/subscriptions/S:0"


async def test_a_project_cannot_take_a_taken_or_impossible_name():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/Q", {})
    taken = (400, IA, "invalid project name change, name already exists")
    assert await ams.error("PUT", "/projects/P", {"name": "Q"}) == taken
    assert await ams.error("PUT", "/projects/P", {"name": "a.b"}) == (400, IA, "Invalid project name")
    assert await ams.error("PUT", "/projects/P", {"name": 1}) == BAD


async def test_a_deleted_project_leaves_its_members_with_an_empty_name():
    ams = await a_staged_api()
    await ams.ok("DELETE", "/projects/P")
    assert await ams.error("GET", "/projects/P/topics") == (404, NF, "project doesn't exist")
    assert (await ams.ok("GET", "/users/pub"))["projects"] == [
        {"project": "", "roles": ["publisher"], "topics": [], "subscriptions": []}
    ]
    await ams.ok("POST", "/projects/P", {})
    assert (await ams.ok("GET", "/projects/P/topics"))["topics"] == []


async def test_a_deleted_project_goes_with_the_next_change_of_the_users_memberships():
    ams = await a_staged_api()
    for name in ("Q", "R"):
        await ams.ok("POST", f"/projects/{name}", {})
    both = [{"project": name, "roles": ["consumer"]} for name in ("P", "Q", "R")]
    await ams.ok("POST", "/users/u", {"projects": both})
    await ams.ok("DELETE", "/projects/Q")

    async def projects():
        return [one["project"] for one in (await ams.ok("GET", "/users/u"))["projects"]]

    await ams.ok("PUT", "/users/u", {"email": "new@example.org"})
    assert await projects() == ["P", "", "R"]
    await ams.ok("PUT", "/projects/P/members/u", {"projects": [{"project": "P", "roles": ["publisher"]}]})
    assert await projects() == ["P", "R"]
    await ams.ok("DELETE", "/projects/R")
    await ams.ok("POST", "/projects/P/members/u:remove", {})
    assert "projects" not in await ams.ok("GET", "/users/u")


# --- Members --------------------------------------------------------------------------------------


async def test_a_project_admin_makes_a_member_and_sees_its_token():
    ams = await a_staged_api()
    body = {
        "email": "e",
        "first_name": "dropped",
        "service_roles": ["service_admin"],
        "projects": [{"project": "Q", "roles": ["x"]}, {"project": "P", "roles": ["consumer"]}],
    }
    member = await ams.ok("POST", "/projects/P/members/m", body, token="padm")
    assert (member["email"], member["service_roles"], member["created_by"]) == ("e", [], "padm")
    assert "first_name" not in member
    assert member["projects"] == [{"project": "P", "roles": ["consumer"], "topics": [], "subscriptions": []}]
    assert (await ams.ok("GET", "/users/profile", token=member["token"]))["name"] == "m"


async def test_a_member_made_without_an_entry_has_no_roles():
    ams = await a_staged_api()
    member = await ams.ok("POST", "/projects/P/members/m", {}, token="padm")
    assert member["projects"] == [{"project": "P", "roles": [], "topics": [], "subscriptions": []}]


async def test_a_member_cannot_be_made_twice():
    ams = await a_staged_api()
    assert await ams.error("POST", "/projects/P/members/pub", {}, token="padm") == EXISTS


@pytest.mark.parametrize("role", ["service_admin", "push_worker", "admin_viewer", "_admin_", "nonsense"])
async def test_a_project_admin_never_grants_a_service_role(role):
    ams = await a_staged_api()
    await ams.user("free")
    body = {"projects": [{"project": "P", "roles": [role]}]}
    refused = (400, IA, f"invalid role: {role}")
    assert await ams.error("POST", "/projects/P/members/m", body, token="padm") == refused
    assert await ams.error("PUT", "/projects/P/members/pub", body, token="padm") == refused
    assert await ams.error("POST", "/projects/P/members/free:add", {"roles": [role]}, token="padm") == refused
    assert await ams.error("POST", "/users/v", body) == refused


async def test_a_member_is_shown_to_project_admins_without_secrets_and_other_projects():
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/Q", {})
    await ams.ok("PUT", "/users/pub", {"projects": [{"project": "Q"}, {"project": "P", "roles": ["publisher"]}]})
    shown = await ams.ok("GET", "/projects/P/members/pub", token="padm")
    assert "token" not in shown
    assert [entry["project"] for entry in shown["projects"]] == ["P"]
    shown = await ams.ok("GET", "/projects/P/members/pub")
    assert shown["token"] == ams.tokens["pub"]
    assert [entry["project"] for entry in shown["projects"]] == ["Q", "P"]
    listed = await ams.ok("GET", "/projects/P/members", token="padm", details="true")
    assert all("token" not in user for user in listed["users"])
    assert listed["totalSize"] == 3


async def test_whoever_is_no_member_is_not_found():
    ams = await a_staged_api()
    await ams.user("free")
    for name in ("free", "nobody"):
        assert await ams.error("GET", f"/projects/P/members/{name}") == USER_MISSING
    for verb in ("add", "remove"):
        assert await ams.error("POST", f"/projects/P/members/nobody:{verb}", {}) == USER_MISSING
    assert await ams.error("PUT", "/projects/P/members/nobody", {}) == USER_MISSING


async def test_only_a_members_roles_here_are_changed():
    ams = await a_staged_api()
    body = {"email": "ignored", "projects": [{"project": "P", "roles": ["consumer", "publisher"]}]}
    changed = await ams.ok("PUT", "/projects/P/members/pub", body, token="padm")
    assert changed["projects"][0]["roles"] == ["consumer", "publisher"]
    assert changed["email"] == "pub@example.org"


async def test_a_member_is_changed_only_with_an_entry_for_this_project():
    ams = await a_staged_api()
    await ams.user("free")
    entry = {"projects": [{"project": "P", "roles": []}]}
    assert await ams.error("PUT", "/projects/P/members/free", entry) == NO_MEMBER
    for body in ({}, {"projects": []}, {"projects": [{"project": "Q", "roles": []}]}):
        assert await ams.error("PUT", "/projects/P/members/pub", body) == NO_MEMBER


async def test_a_user_is_added_once_and_removed_again():
    ams = await a_staged_api()
    await ams.user("free")
    added = await ams.ok("POST", "/projects/P/members/free:add", {"roles": ["publisher"]}, token="padm")
    assert added["projects"] == [{"project": "P", "roles": ["publisher"], "topics": [], "subscriptions": []}]
    conflict = (409, "CONFLICT", "User is already a member of the project")
    assert await ams.error("POST", "/projects/P/members/free:add", {"roles": ["x"]}) == conflict
    await ams.ok("POST", "/projects/P/topics/T:modifyAcl", {"authorized_users": ["free"]})
    assert await ams.ok("POST", "/projects/P/members/free:remove", token="padm") == {}
    assert await ams.ok("GET", "/projects/P/topics/T:acl") == {"authorized_users": ["free"]}
    assert await ams.error("POST", "/projects/P/members/free:remove") == NO_MEMBER


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"roles":"x"}'])
async def test_adding_needs_a_body(raw):
    ams = await a_staged_api()
    await ams.user("free")
    assert await ams.error("POST", "/projects/P/members/free:add", raw=raw) == BAD


# --- Registrations --------------------------------------------------------------------------------

PERSON = {
    "name": "newcomer",
    "first_name": "f",
    "last_name": "l",
    "organization": "o",
    "description": "d",
    "email": "e",
}


async def test_a_registration_is_pending_with_an_activation_token():
    ams = await an_api()
    await ams.user("desk", service_roles=["register_admin"])
    registration = await ams.ok("POST", "/registrations", PERSON, token="desk")
    assert re.fullmatch(r"[0-9a-f]{64}", registration.pop("activation_token"))
    uuid = registration.pop("uuid")
    assert UUID.fullmatch(uuid)
    assert registration == PERSON | {"status": "pending", "registered_at": "2026-01-01T00:00:00Z"}
    assert (await ams.ok("GET", f"/registrations/{uuid}"))["name"] == "newcomer"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"name": "pub"}, EXISTS),
        ({"name": "a.b"}, (400, IA, "Invalid user name")),
        ({}, (400, IA, "Invalid user name")),
        ({"name": 1}, (400, IA, "Invalid User Arguments")),
    ],
)
async def test_a_registration_that_cannot_be_is_refused(body, error):
    ams = await a_staged_api()
    assert await ams.error("POST", "/registrations", body) == error


async def test_an_accepted_registration_becomes_a_user_without_roles():
    ams = await an_api()
    await ams.user("boss", service_roles=["service_admin"])
    uuid = (await ams.ok("POST", "/registrations", PERSON))["uuid"]
    await ams.clock.advance(3)
    user = await ams.ok("POST", f"/registrations/{uuid}:accept", token="boss")
    assert {key: user[key] for key in PERSON} == PERSON
    assert (user["service_roles"], user["created_by"], len(user["token"])) == ([], "boss", 64)
    assert "projects" not in user
    registration = await ams.ok("GET", f"/registrations/{uuid}")
    assert "activation_token" not in registration
    settled = (registration["status"], registration["modified_by"], registration["modified_at"])
    assert settled == ("accepted", "boss", "2026-01-01T00:00:03Z")
    assert await ams.error("POST", f"/registrations/{uuid}:accept") == REGISTRATION_MISSING
    assert await ams.error("POST", f"/registrations/{uuid}:decline", {}) == REGISTRATION_MISSING


async def test_a_declined_registration_keeps_the_comment():
    ams = await an_api()
    uuid = (await ams.ok("POST", "/registrations", PERSON))["uuid"]
    assert await ams.error("POST", f"/registrations/{uuid}:decline") == BAD
    assert await ams.error("POST", f"/registrations/{uuid}:decline", {"comment": 1}) == BAD
    assert await ams.ok("POST", f"/registrations/{uuid}:decline", raw=b'{"comment":"no"} trailing') == {}
    registration = await ams.ok("GET", f"/registrations/{uuid}")
    assert (registration["status"], registration["decline_comment"]) == ("declined", "no")
    assert "activation_token" not in registration


async def test_two_pending_registrations_may_bear_one_name():
    ams = await an_api()
    uuids = [(await ams.ok("POST", "/registrations", PERSON))["uuid"] for _ in range(2)]
    await ams.ok("POST", f"/registrations/{uuids[0]}:accept")
    assert await ams.error("POST", f"/registrations/{uuids[1]}:accept") == EXISTS


async def test_registrations_are_listed_oldest_first_and_filtered_by_every_field_given():
    ams = await an_api()
    for name in ("b", "a"):
        await ams.ok("POST", "/registrations", PERSON | {"name": name, "email": f"{name}@x"})
    listed = (await ams.ok("GET", "/registrations"))["user_registrations"]
    assert [one["name"] for one in listed] == ["b", "a"]
    token = listed[0]["activation_token"]
    for query in ({"name": "b"}, {"email": "b@x"}, {"activation_token": token}, {"organization": "o", "name": "b"}):
        found = await ams.ok("GET", "/registrations", **query)
        assert [one["name"] for one in found["user_registrations"]] == ["b"]
    for query in ({"status": "accepted"}, {"name": "b", "email": "a@x"}):
        assert await ams.ok("GET", "/registrations", **query) == {"user_registrations": []}


async def test_a_registration_is_forgotten():
    ams = await an_api()
    uuid = (await ams.ok("POST", "/registrations", PERSON))["uuid"]
    assert await ams.ok("DELETE", f"/registrations/{uuid}", token=SERVICE) == {}
    for method, verb in (("DELETE", ""), ("GET", ""), ("POST", ":accept"), ("POST", ":decline")):
        assert await ams.error(method, f"/registrations/{uuid}{verb}", {}) == REGISTRATION_MISSING
