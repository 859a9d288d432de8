"""What those outside the rules read from stored rows, and what they make of them."""

import pytest

from rules.deciding.quiet.incident_rows import KeyIncident, firing_incident, incident_of, take_row
from rules.deciding.quiet.retract_row import TakenBack, retract
from rules.deciding.quiet.row_obligations import RowObligations, obligations_of
from rules.deciding.quiet.rows import (
    FiringRow,
    Flaps,
    GroupRow,
    HeldEvent,
    Incident,
    KeyRow,
    LastSent,
    Notified,
    ThrottledPost,
    ThrottleRow,
    WaitingPost,
    row_from_bytes,
    row_to_bytes,
)
from rules.ruleset import RuleSet

NAME = "k/down/web1"
NO_RULES = RuleSet((), "v", b"")


def an_incident(**changed):
    given = {"since_us": 1, "seen_us": 2, "event": b"", "version": "v1", "judging": "j1"} | changed
    return Incident(**given)


def a_row(incident=None, **changed):
    return row_to_bytes(KeyRow(key="web1", incident=incident, **changed))


def a_post(**changed):
    given = {
        "rule": "down",
        "send": 0,
        "destination": "chat",
        "created_us": 50,
        "by": "silence:s1",
        "until_us": 900,
        "heard": False,
    }
    return TakenBack(**(given | changed))


def test_an_incident_is_read_with_its_key():
    incident = an_incident()
    assert incident_of(NAME, a_row(incident)) == KeyIncident("web1", incident)
    assert firing_incident(NAME, a_row(incident)) == incident


def test_an_incident_that_is_over_is_there_and_does_not_fire():
    value = a_row(an_incident(ended="resolved"))
    assert incident_of(NAME, value) is not None
    assert firing_incident(NAME, value) is None
    assert take_row(NAME, value, "ann") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [(NAME, None), (NAME, a_row()), ("f/down/x", row_to_bytes(FiringRow())), ("t/down", row_to_bytes(ThrottleRow()))],
)
def test_rows_without_an_incident_hold_none(name, value):
    assert incident_of(name, value) is None
    assert take_row(name, value, "ann") is None


def test_a_taken_row_says_who_had_it_and_who_has_it_now():
    taken = take_row(NAME, a_row(an_incident(taken_by="bob")), "ann")
    assert taken.before == "bob"
    assert firing_incident(NAME, taken.value).taken_by == "ann"


def test_a_post_taken_back_counts_no_more_and_its_incident_is_hidden_until_what_hid_it_ends():
    told = {"0:chat": Notified(50, "chat", 0)}
    value = a_row(an_incident(told=told), sent={"0:chat": LastSent("s", 50)})
    retracted = retract(NAME, value, a_post(), NO_RULES)
    row = row_from_bytes(NAME, retracted.value)
    assert (row.sent, row.incident.told, row.incident.hidden) == ({}, {}, {"0:chat": "silence:s1"})
    assert (retracted.look_us, retracted.waits_for) == (900, ("silence:s1",))


def test_of_a_post_that_somebody_heard_only_the_memory_for_repeats_goes():
    told = {"0:chat": Notified(50, "chat", 0)}
    value = a_row(an_incident(told=told), sent={"0:chat": LastSent("s", 60)})
    retracted = retract(NAME, value, a_post(heard=True, behind_us=10), NO_RULES)
    row = row_from_bytes(NAME, retracted.value)
    assert (row.sent, set(row.incident.told), retracted.look_us) == ({}, {"0:chat"}, None)


@pytest.mark.parametrize("post", [a_post(destination="mail"), a_post(send=1)])
def test_a_post_of_another_slot_changes_nothing(post):
    assert retract(NAME, a_row(an_incident(told={"0:chat": Notified(50, "chat", 0)})), post, NO_RULES) is None


def test_a_firing_incident_owes_its_end_to_those_who_were_told_in_fact():
    told = {"0:chat": Notified(1, "chat", 0), "1:mail": Notified(1, "mail", 1, shadow=True)}
    owed = obligations_of(NAME, a_row(an_incident(told=told)))
    assert (owed.form, owed.version, owed.told, owed.speaks) == ("j1", "v1", {"chat"}, True)


def test_an_incident_that_is_over_needs_no_rules_and_still_owes_its_end():
    owed = obligations_of(NAME, a_row(an_incident(ended="stale", told={"0:chat": Notified(1, "chat", 0)})))
    assert (owed.form, owed.version, owed.told) == (None, None, {"chat"})


def test_a_flapping_key_owes_its_calm():
    owed = obligations_of(NAME, a_row(flaps=Flaps(told={"0:chat": Notified(1, "chat", 0)})))
    assert (owed.form, owed.told, owed.speaks) == (None, {"chat"}, True)


@pytest.mark.parametrize("shadow", [False, True])
def test_what_waits_in_a_group_or_behind_a_throttle_is_counted_by_destination_unless_in_shadow(shadow):
    held = HeldEvent(b"", "firing", "k", {}, {"0:chat": ("chat", 0), "1:mail": ("mail", 1)})
    group = obligations_of("g/down/x", row_to_bytes(GroupRow("x", held=[held, held], shadow=shadow)))
    assert (dict(group.held), group.speaks) == ({} if shadow else {"chat": 2, "mail": 2}, True)
    waiting = ThrottledPost("k", "firing", "o", "", {}, {"0:chat": WaitingPost("chat", 0, b"", 1)})
    throttle = ThrottleRow(queue=[waiting], stands_for={"1:mail": 3}, shadow=shadow)
    behind = obligations_of("t/down", row_to_bytes(throttle))
    assert (dict(behind.held), behind.speaks) == ({} if shadow else {"chat": 1, "mail": 3}, True)


def test_a_row_that_is_remembered_for_others_owes_nothing():
    assert obligations_of("f/down/x", row_to_bytes(FiringRow())) == RowObligations()
