"""``PATCH`` with a mask: what the mask names changes, all of it or nothing, and nothing else does."""

import pytest

from bridge.api.audited import is_audited
from bridge.api.more_routes import MORE_ROUTES
from tests.fakes.ams_api import a_staged_api

S = "/projects/P/subscriptions/S"
T = "/projects/P/topics/T"
SCHEMA = "projects/P/schemas/X"
PUSH = {"pushEndpoint": "https://push.example/x", "retryPolicy": {"type": "linear", "period": 500}}


async def test_what_the_mask_does_not_name_stays():
    ams = await a_staged_api()
    before = await ams.ok("GET", S)
    change = {"ackDeadlineSeconds": 99, "pushConfig": PUSH, "topic": "projects/P/topics/other", "filter": "x"}
    changed = await ams.ok("PATCH", S, {"subscription": change, "updateMask": "ackDeadlineSeconds"})
    assert changed == before | {"ackDeadlineSeconds": 99}
    assert await ams.ok("GET", S) == changed


@pytest.mark.parametrize("mask", ["ackDeadlineSeconds,pushConfig", " push_config , ack_deadline_seconds "])
async def test_several_fields_change_at_once_in_either_spelling(mask):
    ams = await a_staged_api()
    body = {"subscription": {"ackDeadlineSeconds": 0, "pushConfig": PUSH}, "updateMask": mask}
    changed = await ams.ok("PATCH", S, body)
    assert changed["ackDeadlineSeconds"] == 0
    assert changed["pushConfig"]["pushEndpoint"] == "https://push.example/x"
    assert changed["pushConfig"]["retryPolicy"] == {"type": "linear", "period": 500}
    pulled = await ams.ok("PATCH", S, {"subscription": {"pushConfig": {}}, "updateMask": "pushConfig"})
    assert pulled["pushConfig"]["pushEndpoint"] == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "names no field"),
        ({"subscription": {"ackDeadlineSeconds": 20}}, "names no field"),
        ({"subscription": {"ackDeadlineSeconds": 20}, "updateMask": " , "}, "names no field"),
        ({"subscription": {"filter": "x"}, "updateMask": "filter"}, "filter cannot be changed"),
        ({"subscription": {"ackDeadlineSeconds": 20}, "updateMask": "ackDeadlineSeconds,topic"}, "topic cannot be"),
        ({"subscription": {"ackDeadlineSeconds": 601}, "updateMask": "ackDeadlineSeconds"}, "between 0 and 600"),
        ({"subscription": {"ackDeadlineSeconds": -1}, "updateMask": "ackDeadlineSeconds"}, "between 0 and 600"),
        (
            {
                "subscription": {"ackDeadlineSeconds": 20, "pushConfig": {"pushEndpoint": "http://x"}},
                "updateMask": "ackDeadlineSeconds,pushConfig",
            },
            "valid https url",
        ),
        (
            {
                "subscription": {"name": "projects/P/subscriptions/another", "ackDeadlineSeconds": 20},
                "updateMask": "ackDeadlineSeconds",
            },
            "not the one in the path",
        ),
        ({"subscription": [], "updateMask": "ackDeadlineSeconds"}, "Invalid Subscription Arguments"),
        ({"subscription": {}, "updateMask": ["ackDeadlineSeconds"]}, "Invalid Subscription Arguments"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(body, why):
    ams = await a_staged_api()
    before = await ams.ok("GET", S)
    code, status, text = await ams.error("PATCH", S, body)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert why in text
    assert await ams.ok("GET", S) == before


async def test_what_is_not_there_is_not_found():
    ams = await a_staged_api()
    body = {"subscription": {"ackDeadlineSeconds": 20}, "updateMask": "ackDeadlineSeconds"}
    assert await ams.error("PATCH", "/projects/P/subscriptions/none", body) == (
        404,
        "NOT_FOUND",
        "Subscription doesn't exist",
    )
    body = {"topic": {"schema": ""}, "updateMask": "schema"}
    assert await ams.error("PATCH", "/projects/P/topics/none", body) == (404, "NOT_FOUND", "Topic doesn't exist")
    body = {"topic": {"schema": "projects/P/schemas/none"}, "updateMask": "schema"}
    assert await ams.error("PATCH", T, body) == (404, "NOT_FOUND", "Schema doesn't exist")


@pytest.mark.parametrize(
    ("topic", "mask"),
    [
        ({"schema": SCHEMA}, "schema"),
        ({"schemaSettings": {"schema": SCHEMA, "encoding": "JSON"}}, "schemaSettings"),
        ({"schemaSettings": {"schema": SCHEMA}}, "schema_settings.schema"),
    ],
)
async def test_a_topic_gets_a_schema_and_loses_it(topic, mask):
    ams = await a_staged_api()
    await ams.ok("POST", "/projects/P/schemas/X", {"type": "json", "schema": {"type": "string"}})
    changed = await ams.ok("PATCH", T, {"topic": topic, "updateMask": mask})
    assert changed["schema"] == SCHEMA
    assert await ams.ok("GET", T) == changed
    assert "schema" not in await ams.ok("PATCH", T, {"topic": {}, "updateMask": mask})


@pytest.mark.parametrize(("who", "status"), [("padm", 200), ("con", 403), ("pub", 403), ("nobody", 401)])
async def test_who_may_patch(who, status):
    ams = await a_staged_api()
    body = {"subscription": {"ackDeadlineSeconds": 20}, "updateMask": "ackDeadlineSeconds"}
    assert (await ams.ask("PATCH", S, body, token=who)).status == status
    body = {"topic": {}, "updateMask": "schema"}
    assert (await ams.ask("PATCH", T, body, token=who)).status == status


@pytest.mark.parametrize("name", ["subscriptions:patch", "topics:patch"])
def test_a_patch_is_on_the_audit_trail(name):
    assert is_audited(next(route for route in MORE_ROUTES if route.name == name))
