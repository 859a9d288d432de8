from tests.fakes.rule_sets import Line, a_rule, a_silence

RULE = """
match: {$.status: CRITICAL}
resolved: {$.status: OK}
key: "{{ data.k }}"
flapping: {changes: 4, within: 30m}
text: "{{ data.k }} is {{ data.status }}"
"""


def change(line, times, start="CRITICAL"):
    states = ["CRITICAL", "OK"] if start == "CRITICAL" else ["OK", "CRITICAL"]
    for n in range(times):
        line.take({"k": "a", "status": states[n % 2]}, after_s=60)


def test_too_many_changes_are_told_in_one_post():
    line = Line(a_rule(RULE))
    change(line, 7)
    assert line.phases == ["firing", "resolved", "firing", "flapping"]
    assert "Flapping: 4 changes within 30m. Nothing more until it is calm." in line.sends[-1].post.text
    assert line.outcomes[-3:] == ["suppressed flapping"] * 3
    assert line.balance() == 0


def test_the_calm_is_told_with_where_it_came_to_rest():
    line = Line(a_rule(RULE))
    change(line, 6)
    (calm,) = line.wait(3600)
    assert calm.phase == "calm"
    assert calm.post.text == "a is OK\n_Calm again after 6 changes: resolved._"
    assert line.balance() == 0
    assert line.wait(86_400) == []


def test_one_that_rests_firing_is_ended_by_its_resolve():
    line = Line(a_rule(RULE))
    change(line, 5)
    assert "firing" in line.wait(3600)[-1].post.text
    line.take({"k": "a", "status": "OK"})
    assert line.phases[-2:] == ["calm", "resolved"]


def test_slow_changes_are_told_one_by_one():
    line = Line(a_rule(RULE))
    for status in ("CRITICAL", "OK") * 4:
        line.take({"k": "a", "status": status}, after_s=900)
    assert line.phases == ["firing", "resolved"] * 4


def test_the_same_state_again_is_no_change():
    line = Line(a_rule(RULE))
    for _ in range(6):
        line.take({"k": "a", "status": "CRITICAL"})
    assert line.phases == ["firing"] * 6


def test_a_calm_within_a_silence_is_told_after_it():
    line = Line(a_rule(RULE))
    change(line, 5)
    line.silence(a_silence({"rule": "r"}, until_s=7200))
    assert line.wait(7200 - 300 - 1) == []
    assert [one.phase for one in line.wait(1)] == ["calm"]


def test_a_calm_that_is_an_end_is_told_within_a_silence():
    line = Line(a_rule(RULE))
    change(line, 4)
    line.silence(a_silence({"rule": "r"}, until_s=7200))
    assert [one.phase for one in line.wait(7200 - 240 - 1)] == ["calm"]


def test_states_of_a_rule_without_resolved_may_flap():
    line = Line(a_rule('key: k\nstate: "{{ data.s }}"\nflapping: {changes: 3, within: 10m}\ntext: "{{ data.s }}"'))
    for state in "abcde":
        line.take({"s": state})
    assert line.phases == ["message", "message", "message", "flapping"]
    assert line.wait(600)[-1].post.text == "e\n_Calm again after 4 changes: e._"
