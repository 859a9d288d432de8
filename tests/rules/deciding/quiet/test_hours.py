from tests.fakes.rule_sets import Line, a_rule, a_world

INCIDENT = 'match: {$.status: CRITICAL}\nresolved: {$.status: OK}\nkey: "{{ data.k }}"\n'


def test_a_rule_speaks_within_its_hours():
    assert len(Line(a_rule("hours: office")).take()) == 1


def test_outside_its_hours_a_rule_is_quiet():
    line = Line(a_rule("hours: office"))
    line.wait(6 * 3600)
    assert line.take() == []
    assert line.outcomes == ["suppressed hours:office"]
    assert line.tally == {"decided": 1, "suppressed/hours": 1}


def test_of_several_hours_one_is_enough():
    world = a_world(intervals={"office": {"times": ["09:00-17:00"]}, "late": {"times": ["17:00-20:00"]}})
    line = Line(a_rule("hours: [office, late]", world))
    line.wait(6 * 3600)
    assert len(line.take()) == 1
    line.wait(3 * 3600)
    line.take()
    assert line.outcomes[-1] == "suppressed hours:office,late"


def test_not_hours_keep_a_rule_quiet_within():
    line = Line(a_rule("not_hours: office"))
    line.take()
    assert line.outcomes == ["suppressed not_hours:office"]


def test_what_still_fires_when_hours_begin_is_told_then():
    line = Line(a_rule(INCIDENT + "hours: office"))
    line.wait(6 * 3600)
    line.take({"k": "a", "status": "CRITICAL"})
    sends = line.wait(15 * 3600)
    assert [one.phase for one in sends] == ["firing"]
    assert "not told before because it was outside office" in sends[0].post.text


def test_hours_follow_the_clock_change_of_their_zone():
    zone = {"times": ["09:00-17:00"], "timezone": "Europe/Athens"}
    line = Line(a_rule("hours: office", a_world(intervals={"office": zone})))
    winter = [len(line.take(after_s=after)) for after in (0, 3 * 3600 - 1, 1)]
    assert winter == [1, 1, 0]
    line.wait(180 * 86_400 - 3 * 3600)
    summer = [len(line.take(after_s=after)) for after in (0, 2 * 3600 - 1, 1)]
    assert summer == [1, 1, 0]
