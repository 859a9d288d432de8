"""What a post about many events looks like: a headline with the count, what they share once, and what differs."""

from __future__ import annotations

from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.rendering.escape import ZERO_WIDTH
from tests.fakes.mattermost_reader import mentions_in
from tests.fakes.rule_sets import Line, a_rule

ALERTS = """
for_each: $.alerts[*]
match: {$.status: firing}
resolved: {$.status: resolved}
key: "{{ data.labels.instance }}"
group: {wait: 30s}
"""


def alert(n, status="firing", **labels):
    known = {"alertname": "DiskWillFill", "severity": "warning", "job": "node", "instance": f"web{n}:9100"}
    notes = {"summary": f"/srv of web{n} is full in four hours", "runbook_url": "https://wiki.example.org/disk"}
    start = f"2026-01-03T10:{n:02}:00Z"
    return {"status": status, "labels": known | labels, "annotations": notes, "startsAt": start, "fingerprint": f"f{n}"}


def shipped_line():
    rules = "rules:\n  - name: alerts\n    template: alertmanager/alert\n    send: ops\n" + "".join(
        f"    {line}\n" for line in ALERTS.strip().splitlines()
    )
    return Line(read_rules([("r.yaml", rules)], World(destinations={"ops": DestinationFacts("ops", "inbox")})))


def the_text(line, alerts):
    line.take({"alerts": alerts})
    (send,) = line.wait(30)
    return send.post.text


def test_fifteen_alerts_are_a_headline_what_they_share_and_a_table_of_what_differs():
    lines = the_text(shipped_line(), [alert(n) for n in range(15)]).splitlines()
    assert lines[:5] == [
        ":large_orange_circle: **15 x DiskWillFill**, warning",
        "job node · [runbook](https://wiki.example.org/disk)",
        "",
        "| instance | startsAt | summary |",
        "|---|---|---|",
    ]
    assert lines[5] == "| web0:9100 | 2026-01-03 10:00 | /srv of web0 is full in four hours |"
    assert len(lines) == 20


def test_of_more_than_twenty_the_rest_is_counted():
    lines = the_text(shipped_line(), [alert(n) for n in range(30)]).splitlines()
    assert lines[0].startswith(":large_orange_circle: **30 x DiskWillFill**")
    assert lines[-1] == "and 10 more"
    assert len(lines) < 30


def test_ends_in_a_group_stand_behind_what_fires_and_are_counted():
    line = shipped_line()
    line.take({"alerts": [alert(n) for n in range(6)]})
    line.take({"alerts": [alert(n, "resolved") for n in range(2)]}, after_s=10)
    (send,) = line.wait(20)
    lines = send.post.text.splitlines()
    assert lines[0] == ":large_orange_circle: **8 x DiskWillFill**, warning: 6 firing, 2 over"
    assert [row.split(" | ")[0] for row in lines if row.startswith("| :")] == (
        ["| :red_circle:"] * 6 + ["| :large_green_circle:"] * 2
    )
    assert lines[-1].startswith("| :large_green_circle: | web1:9100")


def test_a_group_of_ends_is_green():
    line = shipped_line()
    line.take({"alerts": [alert(n) for n in range(5)]})
    line.wait(30)
    text = the_text(line, [alert(n, "resolved") for n in range(5)])
    assert text.splitlines()[0] == ":large_green_circle: **5 x DiskWillFill**: all over"
    assert line.sends[-1].post.severity == "ok"


def test_two_long_texts_stay_whole_below_a_headline():
    text = the_text(shipped_line(), [alert(n) for n in range(2)])
    assert text.startswith(
        ":large_orange_circle: **2 x DiskWillFill**, warning\n\n:large_orange_circle: **DiskWillFill**"
    )
    assert text.count("is firing") == 2


def test_what_an_author_wrote_is_kept_and_what_texts_share_stands_once():
    line = Line(
        a_rule('group: {wait: 30s}\ntext: "{{ data.host }} is down\\nCall the desk\\nin room {{ data.room }}"\n')
    )
    for n in range(5):
        line.take({"host": f"web{n}", "room": n})
    assert line.wait(30)[0].post.text.splitlines() == [
        "**5 x r**",
        "Call the desk",
        "",
        *(f"- web{n} is down · in room {n}" for n in range(5)),
    ]


def test_many_short_texts_stay_a_list_below_the_headline():
    line = Line(a_rule('group: {wait: 30s}\nseverity: error\ntext: "{{ data.n }}"\n'))
    for n in range(4):
        line.take({"n": n, "title": "Backup"})
    assert line.wait(30)[0].post.text == ":red_circle: **4 x Backup**, error\n0\n1\n2\n3"


def test_events_without_a_template_are_a_table_too():
    line = Line(a_rule("group: {wait: 30s}\n"))
    for n in range(4):
        line.take({"name": "Disk", "host": f"web{n}", "vo": "ops"})
    lines = line.wait(30)[0].post.text.splitlines()
    assert lines[0] == "**4 x Disk**"
    assert "| host |" in lines
    assert "| web3 |" in lines


def test_values_of_events_have_no_power_in_headline_and_table():
    odd = ["@channel", "a|b", "[x](http://e.example)", "`@all`"]
    alerts = [alert(n, alertname="@here **x**", instance=odd[n], job="<!channel>") for n in range(4)]
    text = the_text(shipped_line(), alerts)
    assert mentions_in(text) == set()
    assert f"**4 x @{ZERO_WIDTH}here" in text
    assert "a\\|b" in text


def test_a_group_of_ends_is_ok_whatever_severity_their_events_say():
    line = Line(a_rule(ALERTS + 'severity: "{{ data.labels.severity }}"\ntext: "{{ data.labels.instance }}"\n'))
    line.take({"alerts": [alert(n, severity="critical") for n in range(3)]})
    assert line.wait(30)[0].post.severity == "critical"
    line.take({"alerts": [alert(n, "resolved", severity="critical") for n in range(3)]})
    assert line.wait(30)[0].post.severity == "ok"
