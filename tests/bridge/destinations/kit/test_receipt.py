"""Which news belong into a post that stands already."""

from __future__ import annotations

import pytest

from bridge.destinations.base import Parcel
from bridge.destinations.kit.receipt import Receipt, course_of, find_open_post, pack_receipt, receipt_of, update_receipt
from tests.bridge.destinations.parcels import a_parcel, of_incident


def after(first: Parcel, then: Parcel) -> Receipt | None:
    """The post of ``first``, if ``then`` belongs into it."""
    earlier = pack_receipt(receipt_of(first, "p1", channel="c1"), first)
    return find_open_post(
        Parcel(**{name: getattr(then, name) for name in Parcel.__dataclass_fields__} | {"earlier": earlier})
    )


@pytest.mark.parametrize("phase", ["resolved", "reminder", "flapping", "calm", "stale", "firing"])
def test_news_of_an_open_incident_belong_into_its_post(phase: str) -> None:
    assert after(of_incident("firing"), of_incident(phase, 5)) is not None


@pytest.mark.parametrize("phase", ["message", "group", "digest"])
def test_what_is_no_news_of_an_incident_has_a_post_of_its_own(phase: str) -> None:
    assert after(of_incident("firing"), of_incident(phase, 5)) is None


@pytest.mark.parametrize("over", ["resolved", "stale"])
@pytest.mark.parametrize("phase", ["firing", "reminder", "resolved", "calm"])
def test_an_incident_that_is_over_has_its_post_for_itself(over: str, phase: str) -> None:
    assert after(of_incident(over), of_incident(phase, 5)) is None


def test_an_alert_that_begins_to_flap_changes_the_post_even_as_it_ends() -> None:
    assert after(of_incident("resolved"), of_incident("flapping", 5)) is not None


def test_the_end_after_the_calm_changes_the_post_and_a_new_firing_does_not() -> None:
    assert after(of_incident("calm"), of_incident("resolved", 5)) is not None
    assert after(of_incident("calm"), of_incident("firing", 5)) is None


def test_a_firing_that_became_worse_has_a_post_of_its_own_because_edits_notify_nobody() -> None:
    warned = of_incident("firing", severity="warning")
    assert after(warned, of_incident("firing", 5, severity="critical")) is None
    assert after(warned, of_incident("firing", 5, severity="warning")) is not None
    assert after(warned, of_incident("firing", 5, severity="info")) is not None


def test_another_rule_or_incident_with_the_same_key_changes_nothing_here() -> None:
    assert after(of_incident("firing", rule="other"), of_incident("resolved", 5)) is None
    assert after(of_incident("firing", incident="web2"), of_incident("resolved", 5)) is None


def test_rules_that_share_a_key_each_keep_their_post() -> None:
    stored = None
    for n, rule in enumerate(["disks", "load", "mail"]):
        news = of_incident("firing", n, rule=rule, earlier=stored)
        stored = pack_receipt(receipt_of(news, f"post of {rule}"), news)
    end = of_incident("resolved", 9, rule="disks", earlier=stored)
    found = find_open_post(end)
    assert found is not None
    assert found.post == "post of disks"
    stored = pack_receipt(update_receipt(found, end), end)
    assert find_open_post(of_incident("resolved", 10, rule="load", earlier=stored)) is not None
    again = of_incident("firing", 11, rule="mail", earlier=stored)
    assert (
        find_open_post(of_incident("firing", 11, rule="disks", earlier=pack_receipt(receipt_of(again, "p"), again)))
        is None
    )


def test_a_receipt_does_not_grow_for_ever() -> None:
    stored = None
    for n in range(50):
        news = of_incident("firing", n, rule=f"rule {n}", earlier=stored)
        stored = pack_receipt(receipt_of(news, f"post {n}"), news)
    assert stored is not None
    assert len(stored) < 2_000


def test_a_message_without_an_incident_never_changes_another() -> None:
    assert after(a_parcel(), a_parcel(phase="firing")) is None


@pytest.mark.parametrize("stored", ["", "d1", "{}", "[]", '{"post": 5}', "\x00"])
def test_a_receipt_of_another_kind_of_destination_is_none_of_ours(stored: str) -> None:
    assert find_open_post(of_incident("resolved", earlier=stored)) is None


def test_the_course_tells_how_long_and_how_often() -> None:
    first = receipt_of(of_incident("firing"), "p1")
    reminder, end = of_incident("reminder", 65), of_incident("resolved", 125)
    assert course_of(reminder, first) == "for 1h5m · update 1"
    assert course_of(end, update_receipt(first, reminder)) == "lasted 2h5m · update 2"


def test_a_post_that_takes_the_place_of_another_keeps_count() -> None:
    first = receipt_of(of_incident("firing"), "p1", channel="c1")
    follower = receipt_of(of_incident("reminder", 5), "p2", channel="c2", root="p1", follows=first)
    assert (follower.post, follower.channel, follower.root) == ("p2", "c2", "p1")
    assert (follower.since_us, follower.updates) == (first.since_us, 1)
