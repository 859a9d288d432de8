"""``rota show``: who is on call, by turns and by calendars."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.command_line import command, write

SETTINGS = """\
store: sqlite:bridge.db
destinations: {ops: {type: inbox}}
rota:
  network: {people: ["@anna", "@ben"], since: 2026-01-05, handover: "09:00", timezone: Europe/Athens}
  database: {calendar: oncall, names: {Anna: "@anna"}}
calendars:
  oncall: {file: oncall.ics}
"""
RULES = "topic: projects/P/topics/T\nrules: [{name: all, text: x, send: ops}]\n"
ICS = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260105\n"
    "RRULE:FREQ=DAILY\nSUMMARY:Anna\nEND:VEVENT\nEND:VCALENDAR\n"
)
WEEK = ("--at", "2026-01-10T00:00:00Z", "--for", "1w")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, {"bridge.yaml": SETTINGS, "rules.d/all.yaml": RULES, "oncall.ics": ICS})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shifts_of_a_rota_are_shown_by_its_own_clock(folder: Path) -> None:
    said = command("rota", "show", "network", *WEEK)
    assert said.code == 0
    assert "network Sat 2026-01-10 02:00 EET Mon 2026-01-12 09:00 EET @anna" in said.words
    assert "network Mon 2026-01-12 09:00 EET Sat 2026-01-17 02:00 EET @ben" in said.words


def test_programs_get_every_rota(folder: Path) -> None:
    shifts = command("rota", "show", "--at", "2026-01-10T00:00:00Z", "--for", "1d", "--json").value["shifts"]
    assert shifts[0] == {
        "rota": "network",
        "from": "2026-01-10T00:00:00Z",
        "until": "2026-01-11T00:00:00Z",
        "on_call": ["@anna"],
    }
    assert {shift["rota"] for shift in shifts} == {"network", "database"}


def test_a_rota_that_is_not_there_is_told(folder: Path) -> None:
    said = command("rota", "show", "netwrk")
    assert (said.code, 'no rota "netwrk"; did you mean "network"?' in said.err) == (1, True)


def test_a_calendar_at_a_url_that_was_never_read_is_told(folder: Path) -> None:
    write(folder, {"bridge.yaml": SETTINGS.replace("{file: oncall.ics}", "{url: 'https://127.0.0.1:1/x'}")})
    said = command("rota", "show", "database", *WEEK)
    assert said.code == 0
    assert "calendars at URLs are not known" in said.err
    assert "nobody" in said.words


def test_a_file_that_is_no_calendar_is_a_problem_of_the_settings(folder: Path) -> None:
    write(folder, {"oncall.ics": "<html>"})
    said = command("check")
    assert (said.code, "calendars.oncall.file" in said.err) == (78, True)
