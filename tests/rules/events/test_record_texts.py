"""Texts of records as accounting sends them."""

import json

import pytest

from rules.events.decode import decode, read_spec
from rules.events.record_texts import MAX_RECORDS, read_records

JOBS = """APEL-individual-job-message: v0.3
Site: SITE-A
LocalJobId: 1
WallDuration: 60
%%
Site: SITE-B
LocalJobId: 2
FQAN: /atlas/Role=production: x
%%
"""


def test_records_are_taken_apart_with_the_line_that_names_their_kind():
    assert read_records(JOBS) == {
        "head": "APEL-individual-job-message: v0.3",
        "records": [
            {"Site": "SITE-A", "LocalJobId": "1", "WallDuration": "60"},
            {"Site": "SITE-B", "LocalJobId": "2", "FQAN": "/atlas/Role=production: x"},
        ],
    }


def test_the_last_record_needs_no_separator_and_line_ends_may_be_any():
    assert read_records(JOBS.removesuffix("%%\n").replace("\n", "\r\n")) == read_records(JOBS)


def test_a_record_that_cannot_be_read_stands_at_its_place_and_costs_no_other():
    found = read_records(JOBS.replace("LocalJobId: 1", "nonsense"))
    broken, whole = found["records"]
    assert broken["error"] == 'line 2 of the record is no "Key: value": nonsense'
    assert broken["text"].startswith("Site: SITE-A\nnonsense")
    assert whole["Site"] == "SITE-B"


def test_a_key_that_stands_twice_is_told():
    (record,) = read_records("h\nSite: A\nSite: B\n%%\n")["records"]
    assert record["error"] == "Site stands in the record twice"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"head": "", "records": []}),
        ("%%\n%%\n", {"head": "", "records": []}),
        ("APEL-sync-message: v0.1\n", {"head": "APEL-sync-message: v0.1", "records": []}),
        ("APEL-sync-message: v0.1\n%%\n", {"head": "APEL-sync-message: v0.1", "records": []}),
        ("APEL-sync-message: v0.1\n%%\nA: 1\n", {"head": "APEL-sync-message: v0.1", "records": [{"A": "1"}]}),
        ("A: 1\n%%\nA: 2\n", {"head": "", "records": [{"A": "1"}, {"A": "2"}]}),
        ("A:\n%%\n", {"head": "A:", "records": []}),
    ],
)
def test_odd_texts(text, found):
    assert read_records(text) == found


def test_another_separator_is_named():
    found = decode("a: 1\n--\na: 2\n", read_spec("records:--", {}))
    assert found.value["records"] == [{"a": "1"}, {"a": "2"}]
    with pytest.raises(ValueError, match="names no separator"):
        read_spec("records:", {})


def test_too_many_records_are_refused():
    found = decode("a: 1\n%%\n" * (MAX_RECORDS + 1), read_spec("records", {}))
    assert found.undecodable == "more than 100,000 records"


def test_records_come_as_base64_too():
    import base64

    wire = base64.b64encode(JOBS.encode()).decode()
    assert decode(wire, read_spec("records", {})).value == read_records(JOBS)
    assert decode(JOBS, read_spec("records", {})).value == read_records(JOBS)
    assert json.dumps(decode(wire, read_spec("base64+records", {})).value) == json.dumps(read_records(JOBS))
