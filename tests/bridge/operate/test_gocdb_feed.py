"""GOCDB's service endpoints as users, access lists and bindings."""

from __future__ import annotations

import pytest

from bridge.operate.gocdb_feed import BadFeed, check_topic_name, read_feed
from bridge.operate.manifest import CertificateEntry

DN = "/C=GR/O=Test/OU=hosts/CN={}"


def endpoint(host: str = "ce.example.org", **said: str) -> str:
    told = {
        "PRIMARY_KEY": "1G0",
        "HOSTNAME": host,
        "HOSTDN": DN.format(host),
        "SERVICE_TYPE": "gLite-APEL",
        "IN_PRODUCTION": "Y",
        "SITENAME": "SITE-A",
        "ROC_NAME": "NGI",
    } | said
    lines = "".join(f"<{name}>{text}</{name}>" for name, text in told.items() if text)
    more = "<EXTENSIONS><EXTENSION><HOSTNAME>not.this.one</HOSTNAME></EXTENSION></EXTENSIONS>"
    return f'<SERVICE_ENDPOINT PRIMARY_KEY="1G0">{lines}{more}</SERVICE_ENDPOINT>'


def feed(*endpoints: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><results>{"".join(endpoints)}</results>'.encode()


def test_a_host_in_production_becomes_a_user_who_may_publish_and_log_in() -> None:
    found = read_feed(feed(endpoint()), project="ACC", email="a@b.example")
    name = "gLite-APEL---ce-example-org---SITE-A"
    assert list(found.manifest.users) == [name]
    user = found.manifest.users[name]
    assert (user.projects, user.email) == ({"ACC": ["publisher"]}, "a@b.example")
    assert found.manifest.projects["ACC"].topics["gLite-APEL"].acl == [name]
    assert found.manifest.certificates == [CertificateEntry("CN=ce.example.org,OU=hosts,O=Test,C=GR", name, name)]
    assert found.left_out == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"IN_PRODUCTION": "N"}, "not in production"),
        ({"IN_PRODUCTION": ""}, "not in production"),
        ({"HOSTDN": ""}, "has no DN"),
        ({"SITENAME": ""}, "has no site"),
        ({"SERVICE_TYPE": ""}, "has no service type"),
        ({"HOSTNAME": ""}, "has no host"),
        ({"HOSTDN": "CN=x"}, "its DN cannot be read: CN=x"),
    ],
)
def test_what_is_left_out_is_named_with_its_reason(said: dict[str, str], why: str) -> None:
    found = read_feed(feed(endpoint(**said), endpoint("other.example.org")), project="ACC")
    assert len(found.manifest.users) == 1
    (left_out,) = found.left_out
    assert why in left_out


def test_only_the_service_types_that_are_named_are_taken() -> None:
    both = feed(endpoint(), endpoint("b.example.org", SERVICE_TYPE="eu.egi.cloud"))
    found = read_feed(both, project="ACC", service_types=["eu.egi.cloud"])
    assert list(found.manifest.projects["ACC"].topics) == ["eu-egi-cloud"]


def test_a_dn_that_several_endpoints_share_is_one_user_on_all_their_topics() -> None:
    dn = DN.format("shared")
    both = feed(endpoint(HOSTDN=dn), endpoint(HOSTDN=dn, SERVICE_TYPE="eu.egi.cloud"), endpoint(HOSTDN=dn))
    found = read_feed(both, project="ACC")
    (name,) = found.manifest.users
    topics = found.manifest.projects["ACC"].topics
    assert {topic: entry.acl for topic, entry in topics.items()} == {"gLite-APEL": [name], "eu-egi-cloud": [name]}


def test_a_subject_that_is_bound_already_keeps_its_user() -> None:
    found = read_feed(feed(endpoint()), project="ACC", known={"CN=ce.example.org,OU=hosts,O=Test,C=GR": "by-hand"})
    assert list(found.manifest.users) == ["by-hand"]
    assert found.manifest.users["by-hand"].email == ""
    assert found.manifest.projects["ACC"].topics["gLite-APEL"].acl == ["by-hand"]


def test_an_empty_list_is_a_list() -> None:
    assert read_feed(b"<results/>", project="ACC").manifest.users == {}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (feed(endpoint())[:-20], "line 1, column"),
        (b"", "no element found"),
        (b"not xml", "syntax error"),
        (b"<html><body>please log in</body></html>", "no list of results"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><results>&a;</results>', "document type"),
        (b"<results>\xff\xfe</results>", "not well-formed"),
        (b"<results><SERVICE_ENDPOINT></results>", "mismatched tag"),
    ],
)
def test_a_feed_that_is_none_or_cut_short_is_refused_with_its_place(said: bytes, why: str) -> None:
    with pytest.raises(BadFeed) as refused:
        read_feed(said, project="ACC")
    assert why in str(refused.value)


def test_each_endpoint_has_a_topic_of_its_own_and_whoever_consumes_a_subscription_to_it() -> None:
    both = feed(endpoint(SITENAME="SITE.A"), endpoint("b.example.org", PRIMARY_KEY="2 G0"))
    found = read_feed(both, project="FED", topic_name="SITE_{site}_ENDPOINT_{key}", consumer="appdb")
    project = found.manifest.projects["FED"]
    names = ["SITE_SITE-A_ENDPOINT_1G0", "SITE_SITE-A_ENDPOINT_2G0"]
    assert list(project.topics) == list(project.subscriptions) == names
    assert project.topics[names[0]].acl == ["gLite-APEL---ce-example-org---SITE-A"]
    subscription = project.subscriptions[names[0]]
    assert (subscription.topic, subscription.acl, subscription.ack_deadline_s) == (names[0], ["appdb"], 100)
    assert found.manifest.users["appdb"].projects == {"FED": ["consumer"]}


def test_the_key_may_stand_in_the_attribute_alone_and_an_endpoint_without_one_is_left_out() -> None:
    bare = endpoint("b.example.org", PRIMARY_KEY="").replace(' PRIMARY_KEY="1G0"', "")
    found = read_feed(feed(endpoint(PRIMARY_KEY=""), bare), project="FED", topic_name="E_{key}")
    assert list(found.manifest.projects["FED"].topics) == ["E_1G0"]
    assert found.left_out == ["b.example.org (gLite-APEL): has no primary key"]
    assert read_feed(feed(bare), project="FED").left_out == []


@pytest.mark.parametrize("pattern", ["{what}", "{}", "{0}", "{type", "{type.x}", "a b", "", "{type!r}", "{site[0]}"])
def test_a_pattern_that_gives_no_topic_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"is made of|gives no name"):
        check_topic_name(pattern)


def test_a_feed_without_endpoints_asks_for_nothing() -> None:
    found = read_feed(feed(), project="FED", consumer="appdb")
    assert (found.manifest.projects, found.manifest.users) == ({}, {})
