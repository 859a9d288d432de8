from tests.fakes.rule_sets import Line, a_rule, a_silence

RULE = """
group: {by: [$.site], wait: 30s, every: 5m, max: 3}
text: "{{ data.n }}"
"""


def test_a_group_posts_once_after_its_wait():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    line.take({"site": "A", "n": 2}, after_s=20)
    assert line.outcomes == ["held group", "held group"]
    assert line.tally["held"] == 2
    (send,) = line.wait(10)
    assert (send.phase, send.post.text, send.stands_for) == ("group", "1\n2", 2)
    assert send.origin.startswith("t/g/r/A/")
    assert line.tally["held"] == 0
    assert line.balance() == 0


def test_the_wait_does_not_slide():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    line.take({"site": "A", "n": 2}, after_s=29)
    assert len(line.wait(1)) == 1


def test_other_values_are_another_group():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    line.take({"site": "B", "n": 2})
    assert sorted(one.key for one in line.wait(30)) == ["A", "B"]


def test_a_group_of_one_is_told_as_if_it_were_alone():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    (send,) = line.wait(30)
    assert send.phase == "message"


def test_every_is_the_least_gap_between_posts_of_a_group():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    line.wait(30)
    line.take({"site": "A", "n": 2}, after_s=10)
    assert line.wait(289) == []
    assert len(line.wait(1)) == 1


def test_nothing_new_posts_nothing():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    line.wait(30)
    assert line.wait(86_400) == []
    assert [row.due_us for row in line.rehearsal.state.rows()] == [None]


def test_at_max_a_group_posts_at_once():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    line.take({"site": "A", "n": 2})
    (send,) = line.take({"site": "A", "n": 3})
    assert (send.origin, send.stands_for) == ("m/u1/2/0", 3)
    assert line.wait(3600) == []
    assert line.balance() == 0


def test_a_template_may_list_the_events_itself():
    line = Line(
        a_rule("""
        group: {by: [$.site], wait: 30s}
        text: "{{ events | length }} on {{ key }}: {% for e in events %}{{ e.data.n }}{{ e.phase[0] }} {% endfor %}"
        """)
    )
    line.take({"site": "A", "n": 1})
    line.take({"site": "A", "n": 2})
    assert line.wait(30)[0].post.text.strip() == "2 on A: 1m 2m"


def test_resolves_join_the_group():
    line = Line(
        a_rule("""
        match: {$.status: CRITICAL}
        resolved: {$.status: OK}
        key: "{{ data.k }}"
        group: {by: [$.site], wait: 30s}
        text: "{{ data.k }} {{ phase }}"
        """)
    )
    line.take({"site": "A", "k": "a", "status": "CRITICAL"})
    line.take({"site": "A", "k": "a", "status": "OK"})
    (send,) = line.wait(30)
    assert send.post.text == "a firing\na resolved"
    assert send.order_key == "r:A"


def test_the_severity_of_a_group_is_its_worst():
    line = Line(a_rule(RULE + 'severity: "{{ data.s }}"'))
    for severity in ("info", "critical", "warning"):
        line.take({"site": "A", "n": 1, "s": severity})
    assert line.sends[0].post.severity == "critical"


def test_each_destination_gets_the_events_that_were_not_silenced_for_it():
    line = Line(a_rule(RULE + "send: [ops, mail]"))
    line.silence(a_silence({"destination": "mail"}, until_s=10))
    line.take({"site": "A", "n": 1})
    line.take({"site": "A", "n": 2}, after_s=10)
    assert sorted((one.destination, one.post.text, one.stands_for) for one in line.wait(20)) == [
        ("mail", "2", 1),
        ("ops", "1\n2", 2),
    ]
    assert line.balance() == 0


def test_a_group_survives_the_end_of_its_rules_group():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1})
    line.reload(a_rule('text: "now {{ data.n }}"'))
    assert [one.post.text for one in line.wait(30)] == ["now 1"]
    assert line.balance() == 0


def test_a_group_without_by_collects_all_of_the_rule():
    line = Line(a_rule('group: {wait: 30s}\ntext: "{{ data.n }}"'))
    line.take({"n": 1})
    line.take({"n": 2})
    assert [one.post.text for one in line.wait(30)] == ["1\n2"]


def test_a_group_keeps_its_own_bounded_copy_of_large_events():
    line = Line(a_rule(RULE))
    line.take({"site": "A", "n": 1, "noise": "x" * 200_000})
    assert all(len(row.value) < 20_000 for row in line.rehearsal.state.rows())
    assert [one.post.text for one in line.wait(30)] == ["1"]


def test_a_group_that_grows_too_large_posts_at_once():
    line = Line(a_rule('group: {wait: 1h, max: 1000}\ntext: "{{ data.n }}"'))
    for n in range(60):
        line.take({"n": n, "noise": ["y" * 100] * 150})
    assert line.sends[0].stands_for < 60
    assert line.balance() == 0
