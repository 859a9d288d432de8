"""Bindings as argo-api-authn serves them: what its scripts for GOCDB and cloud-info ask, in their order."""

import pytest

from broker.records import User
from tests.fakes.ams_api import SERVICE, a_staged_api, an_api
from tests.fakes.ams_server import AmsServer

HOST = "/service-types/ams/hosts/msg.example.org/bindings"
DN = "CN=ce.example.org,OU=hosts,O=Test,C=GR"


def uid_of(ams, name="pub"):
    return ams.broker.cache.find(User, name).uid


def body(ams, **changed):
    return {
        "service_uuid": "b61030d9-bef3-4768-9a03-7b1ff36e8af4",
        "host": "msg.example.org",
        "auth_identifier": DN,
        "unique_key": uid_of(ams),
        "auth_type": "x509",
    } | changed


async def test_a_binding_is_made_found_by_its_subject_and_shown():
    ams = await a_staged_api()
    assert await ams.error("GET", HOST, authID=DN) == (404, "NOT FOUND", "Binding was not found")
    answered = await ams.ask("POST", "/bindings/ce", body(ams))
    assert answered.status == 201
    made = answered.json
    assert made == body(ams) | {"name": "ce", "uuid": made["uuid"], "created_on": made["created_on"]}
    (listed,) = (await ams.ok("GET", HOST, authID=DN))["bindings"]
    assert (listed["name"], listed["host"], listed["unique_key"]) == ("ce", "msg.example.org", uid_of(ams))
    assert (await ams.ok("GET", "/bindings/ce"))["auth_identifier"] == DN
    assert len((await ams.ok("GET", "/bindings"))["bindings"]) == 1
    assert len((await ams.ok("GET", HOST))["bindings"]) == 1


async def test_a_taken_name_or_subject_is_409():
    ams = await a_staged_api()
    await ams.ask("POST", "/bindings/ce", body(ams))
    taken = (409, "CONFLICT", f"binding object with auth_identifier: {DN} already exists")
    assert await ams.error("POST", "/bindings/other", body(ams)) == taken
    taken = (409, "CONFLICT", "binding object with name: ce already exists")
    assert await ams.error("POST", "/bindings/ce", body(ams, auth_identifier="CN=new")) == taken


async def test_a_binding_gets_another_subject():
    ams = await a_staged_api()
    await ams.ask("POST", "/bindings/ce", body(ams))
    changed = await ams.ok("PUT", "/bindings/ce", {"auth_identifier": "CN=new,C=GR"})
    assert (changed["auth_identifier"], changed["unique_key"]) == ("CN=new,C=GR", uid_of(ams))
    assert ams.broker.certificates.user_of(DN) is None
    assert ams.broker.certificates.user_of("CN=new,C=GR").name == "pub"
    assert (await ams.ok("PUT", "/bindings/ce", {"unique_key": uid_of(ams, "con")}))["unique_key"] == uid_of(ams, "con")
    assert (await ams.ok("PUT", "/bindings/ce", {"name": "ce2"}))["name"] == "ce2"
    assert (await ams.error("GET", "/bindings/ce"))[0] == 404


async def test_a_binding_that_was_made_without_a_name_has_its_users():
    ams = await a_staged_api()
    await ams.broker.certificates.bind(DN, ams.broker.cache.find(User, "pub"))
    assert (await ams.ok("GET", "/bindings/pub"))["auth_identifier"] == DN
    await ams.ok("PUT", "/bindings/pub", {"auth_identifier": "CN=new"})
    assert ams.broker.certificates.user_of("CN=new").name == "pub"


@pytest.mark.parametrize("missing", ["service_uuid", "host", "auth_identifier", "unique_key", "auth_type"])
async def test_an_empty_field_is_422(missing):
    ams = await a_staged_api()
    text = f"binding object contains empty fields. empty value for field: {missing}"
    assert await ams.error("POST", "/bindings/ce", body(ams, **{missing: ""})) == (422, "UNPROCESSABLE ENTITY", text)


async def test_what_cannot_be_is_refused_and_changes_nothing():
    ams = await a_staged_api()
    assert (await ams.error("POST", "/bindings/ce", body(ams, auth_type="oidc")))[0] == 422
    assert (await ams.error("POST", "/bindings/ce", body(ams, unique_key="nobody")))[2] == "User was not found"
    assert (await ams.error("POST", "/bindings/ce", raw=b"{"))[:2] == (400, "BAD REQUEST")
    assert (await ams.error("POST", "/bindings/c.e", body(ams)))[2] == "Invalid binding name"
    assert (await ams.error("PUT", "/bindings/none", {}))[2] == "Binding was not found"
    assert (await ams.error("GET", "/service-types/web-api/hosts/h/bindings"))[2] == "Service-type was not found"
    assert (await ams.ok("GET", "/bindings"))["bindings"] == []


async def test_only_hosts_that_are_known_are_answered_for():
    ams = await an_api(x509_hosts=frozenset({"msg.example.org"}))
    assert (await ams.ok("GET", HOST))["bindings"] == []
    assert (await ams.error("GET", "/service-types/ams/hosts/other/bindings"))[2] == "Host was not found"


@pytest.mark.parametrize(("role", "status"), [("argo_api_authn", 404), ("service_admin", 404), ("metrics_viewer", 403)])
async def test_who_may_see_bindings(role, status):
    ams = await a_staged_api()
    await ams.user("asker", service_roles=[role])
    assert (await ams.ask("GET", "/bindings/none", token="asker")).status == status


def test_the_script_of_argo_api_authn_finds_what_it_asks_over_tls(tmp_path, monkeypatch):
    """Its calls, restated with the client and the HTTP library that it uses."""
    import json

    import requests
    from argo_ams_library import ArgoMessagingService

    with AmsServer(tmp_path) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.certificate))
        monkeypatch.setenv("NO_PROXY", "localhost")
        server.call(server.ams.ok("POST", "/projects/ACC", {}))
        server.call(server.ams.ok("PUT", "/projects/ACC/topics/gLite-APEL"))
        ams = ArgoMessagingService(server.endpoint, SERVICE, project="ACC")
        name, at = "gLite-APEL---ce-example-org---SITE-A", f"https://{server.endpoint}/v1"
        listing = f"{at}/service-types/ams/hosts/{server.endpoint}/bindings?key={SERVICE}"
        assert requests.get(listing, params={"authID": DN}, timeout=20).status_code == 404
        user = ams.create_project_member(username=name, project="ACC", roles=["publisher"], email="a@b.example")
        data = {
            "service_uuid": "s",
            "host": server.endpoint,
            "auth_identifier": DN,
            "unique_key": user.uuid,
            "auth_type": "x509",
        }
        url = f"{at}/bindings/{name}?key={SERVICE}"
        assert requests.post(url, data=json.dumps(data), timeout=20).status_code == 201
        assert requests.post(url, data=json.dumps(data), timeout=20).status_code == 409
        assert requests.get(url, timeout=20).json()["auth_identifier"] == DN
        changed = requests.put(url, data=json.dumps({"auth_identifier": "CN=new,C=GR"}), timeout=20)
        assert changed.status_code == 200
        found = requests.get(listing, params={"authID": "CN=new,C=GR"}, timeout=20).json()
        assert found["bindings"][0]["name"] == name
        assert ams.modifyacl_topic(topic="gLite-APEL", users=[name]) is True
