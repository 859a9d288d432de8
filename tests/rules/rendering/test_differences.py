"""What many events share stands once, and what differs is a table; what is over is a line."""

from __future__ import annotations

from typing import Any

from rules.rendering.differences import differences, read_items, subjects, tally
from rules.rendering.escape import ZERO_WIDTH
from tests.fakes.mattermost_reader import mentions_in


def alert(n: int, status: str = "firing", **labels: Any) -> dict[str, Any]:
    return {"status": status, "labels": {"alertname": "Disk", "job": "node", "instance": f"web{n}"} | labels}


def text_of(*items: Any) -> str:
    return differences(read_items(items))


def test_shared_places_stand_once_and_the_others_are_columns() -> None:
    assert text_of(alert(1), alert(2)) == "job node\n\n| instance |\n|---|\n| web1 |\n| web2 |"


def test_a_severity_that_differs_is_a_column_and_one_that_does_not_is_left_to_the_headline() -> None:
    assert "severity" not in text_of(alert(1, severity="warning"), alert(2, severity="warning"))
    assert "| severity |" in text_of(alert(1, severity="warning"), alert(2, severity="critical"))


def test_what_fires_stands_before_what_is_over_each_with_its_sign() -> None:
    rows = text_of(alert(1, "resolved"), alert(2)).splitlines()[-2:]
    assert rows == ["| :red_circle: | web2 |", "| :large_green_circle: | web1 |"]


def test_ends_are_a_line_that_names_them() -> None:
    ends = [alert(n, "resolved", zone=f"z{n % 2}") for n in range(25)]
    said = text_of(*ends)
    assert said.startswith("job node\ninstance: web0, web1, web2")
    assert said.endswith("web19 and 5 more")
    assert "|" not in said


def test_nothing_differs_nothing_is_said() -> None:
    assert text_of(alert(1), alert(1)) == ""
    assert text_of() == ""
    assert text_of(alert(1), "no mapping") == ""
    assert text_of(None, None) == ""


def test_values_do_nothing_in_a_table() -> None:
    said = text_of(alert(1, zone="a|b\n@channel"), alert(2, zone="`x` <!here>"))
    assert "a\\|b @" + ZERO_WIDTH + "channel" in said
    assert mentions_in(said) == set()


def test_odd_shapes_are_passed_over() -> None:
    items = [alert(1, nested={"a": [1]}), {"status": 7, "labels": None}, {"status": {"state": "active"}, "labels": []}]
    assert "web1" in text_of(*items)
    assert "0001" not in text_of({"a": "1", "startsAt": "0001-01-01T00:00:00Z"}, {"a": "2"})


def test_subjects_are_counted_the_most_frequent_first() -> None:
    events = [{"labels": {"alertname": name}} for name in "BAABCCDE"]
    assert subjects([*events, {}, None], "event") == "2 x B, 2 x A, 2 x C, 4 more"
    assert subjects([{}, 7], "event") == "2 x event"
    assert subjects([{"name": "disk\n full"}], "event") == "1 x disk full"
    assert subjects([{"name": f"disk {n}"} for n in range(5)], "event") == "5 x event"


def test_a_list_is_counted_with_the_worst_of_what_fires() -> None:
    worst = alert(3, "RESOLVED", severity="critical")
    said = tally([worst, alert(1, severity="warning"), alert(2, severity="page"), None, {"labels": []}])
    assert (said["firing"], said["over"], said["severity"]) == (4, 1, "page")
    assert said["first"][-1] is worst
    assert tally([]) == {"firing": 0, "over": 0, "severity": "", "first": []}
