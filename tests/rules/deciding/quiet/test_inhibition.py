from tests.fakes.rule_sets import Line, a_rule_set

RULES = """
rules:
  - name: down
    match: {$.type: site, $.status: CRITICAL}
    resolved: {$.type: site, $.status: OK}
    key: "{{ data.site }}"
    send: mail
  - name: r
    match: {$.type: host, $.status: CRITICAL}
    resolved: {$.type: host, $.status: OK}
    key: "{{ data.host }}"
    inhibited_by: {rule: down, same: [$.site]}
    send: ops
    text: "{{ data.host }}"
"""


def site(line, status="CRITICAL", name="A", **changed):
    return line.take({"type": "site", "site": name, "status": status}, **changed)


def host(line, status="CRITICAL", at="A", name="h1", **changed):
    return line.take({"type": "host", "site": at, "host": name, "status": status}, **changed)


def test_while_an_inhibitor_fires_the_rule_is_quiet():
    line = Line(a_rule_set(RULES))
    site(line)
    assert host(line) == []
    assert line.outcomes[-1] == "suppressed inhibited:down"


def test_other_values_are_not_inhibited():
    line = Line(a_rule_set(RULES))
    site(line)
    assert len(host(line, at="B")) == 1


def test_an_event_without_the_place_is_not_inhibited():
    line = Line(a_rule_set(RULES))
    site(line)
    assert len(line.take({"type": "host", "host": "h", "status": "CRITICAL"})) == 1


def test_only_later_arrivals_are_quieted():
    line = Line(a_rule_set(RULES))
    assert len(host(line)) == 1
    site(line)
    assert line.phases == ["firing", "firing"]


def test_when_the_inhibitor_ends_what_still_fires_is_told_at_once():
    line = Line(a_rule_set(RULES))
    site(line)
    host(line)
    host(line, name="h2")
    host(line, "OK", name="h2")
    site(line, "OK", after_s=600)
    (late,) = line.wait(0.00001)
    assert (late.rule, late.phase, late.key) == ("r", "firing", "h1")
    assert "not told before because down was firing" in late.post.text
    assert line.balance() == 0


def test_an_end_under_an_inhibitor_is_told_when_that_ends():
    line = Line(a_rule_set(RULES))
    host(line)
    site(line)
    assert host(line, "OK") == []
    site(line, "OK")
    assert [(one.rule, one.phase) for one in line.wait(0.00001)] == [("r", "resolved")]


def test_the_last_of_several_inhibitors_ends_it():
    rules = RULES.replace('key: "{{ data.site }}"', 'key: "{{ data.site }}/{{ data.n }}"')
    line = Line(a_rule_set(rules))
    for n in (1, 2):
        line.take({"type": "site", "site": "A", "status": "CRITICAL", "n": n})
    host(line)
    line.take({"type": "site", "site": "A", "status": "OK", "n": 1})
    assert line.wait(1) == []
    line.take({"type": "site", "site": "A", "status": "OK", "n": 2})
    assert [one.phase for one in line.wait(1)] == ["firing"]


def test_same_is_read_from_the_opening_event_not_from_the_end():
    line = Line(a_rule_set(RULES.replace("$.type: site, $.status: OK", "$.cleared: true")))
    site(line)
    host(line)
    line.take({"cleared": True, "site": "A"})
    assert [one.phase for one in line.wait(1)] == ["firing"]


def test_an_inhibitor_that_nobody_speaks_of_any_more_ends_too():
    line = Line(a_rule_set(RULES))
    site(line)
    line.wait(6 * 86_400)
    host(line)
    sends = line.wait(86_400 + 1)
    assert [(one.rule, one.phase) for one in sends] == [("down", "stale"), ("r", "firing")]


def test_without_same_any_incident_of_the_rule_inhibits():
    line = Line(a_rule_set(RULES.replace(", same: [$.site]", "")))
    site(line, name="Z")
    assert host(line) == []


def test_many_freed_incidents_are_all_told():
    line = Line(a_rule_set(RULES))
    site(line)
    for n in range(450):
        host(line, name=f"h{n}")
    site(line, "OK")
    line.wait(1)
    assert sum(one.rule == "r" for one in line.sends) == 450
    assert max(line.keys.values()) == 1
