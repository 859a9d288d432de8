"""``escalate:``: who else is told of an alert that goes on; docs/specification/escalation.md."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deciding.quiet.incident_rows import give_back_row, take_row
from rules.deciding.quiet.retract_row import TakenBack, retract
from rules.deciding.quiet.rows import row_from_bytes
from rules.model import StateChange
from tests.fakes.rule_sets import START_US, Line, a_rule, a_rule_set, a_silence, us
from tests.rules.deciding.quiet.test_ahead import BACK, STEPS, step

RULE = """
match: {$.status: CRITICAL}
resolved: {$.status: OK}
key: "{{ data.k }}"
dedupe: 7d
escalate:
  - {after: 15m, to: mail, mention: "@lead"}
  - {after: 1h, to: hook, unless: over}
text: "{{ data.k }} is {{ data.status }}"
"""


def fires(line, key="a", **changed):
    return line.take({"k": key, "status": "CRITICAL"}, **changed)


def resolves(line, key="a", **changed):
    return line.take({"k": key, "status": "OK"}, **changed)


def change(line, value_of):
    """Let an operator change the one row that is open, which is looked at then."""
    (row,) = [row for row in line.rehearsal.state.rows() if row.key.startswith("k/")]
    line.rehearsal.state.commit([StateChange(row.key, value_of(row), row.rule, row.expires_us, row.due_us)])


def somebody_takes_it(line):
    change(line, lambda row: take_row(row.key, row.value, "ann").value)


def it_is_given_back(line):
    (row,) = line.rehearsal.state.rows()
    given = give_back_row(row.key, row.value, line.now_us)
    due_us = min(row.due_us, given.remind_us)
    line.rehearsal.state.commit([StateChange(row.key, given.value, row.rule, row.expires_us, due_us)])


def test_each_step_is_told_at_its_time_and_the_end_to_everybody():
    line = Line(a_rule(RULE))
    fires(line)
    assert line.wait(899) == []
    (step_one,) = line.wait(1)
    assert (step_one.phase, step_one.destination, step_one.post.mention) == ("escalation", "mail", "@lead")
    assert step_one.post.text == (
        "a is CRITICAL\n_Escalated: firing since 2026-01-05 12:00 UTC, and nobody has taken it._"
    )
    assert line.wait(2699) == []
    assert [one.destination for one in line.wait(1)] == ["hook"]
    assert [(one.phase, one.destination) for one in resolves(line)] == [
        ("resolved", "ops"),
        ("resolved", "mail"),
        ("resolved", "hook"),
    ]
    assert line.wait(86_400) == []
    assert line.balance() == 0


def test_an_end_before_a_step_is_told_only_to_those_who_were_told():
    line = Line(a_rule(RULE))
    fires(line)
    assert [one.destination for one in resolves(line, after_s=899)] == ["ops"]
    assert line.wait(86_400) == []


def test_one_that_fires_again_begins_anew():
    line = Line(a_rule(RULE))
    fires(line)
    resolves(line, after_s=600)
    fires(line, after_s=1)
    assert line.wait(899) == []
    assert [one.destination for one in line.wait(1)] == ["mail"]


def test_taking_it_stops_the_steps_that_say_so_and_no_others():
    line = Line(a_rule(RULE))
    fires(line)
    line.wait(60)
    somebody_takes_it(line)
    (told,) = line.wait(86_400)
    assert (told.destination, "and ann has it" in told.post.text) == ("hook", True)
    assert [one.destination for one in resolves(line)] == ["ops", "hook"]


def test_who_was_told_before_somebody_took_it_hears_the_end():
    line = Line(a_rule(RULE))
    fires(line)
    line.wait(900)
    somebody_takes_it(line)
    assert [one.destination for one in resolves(line)] == ["ops", "mail"]


def test_one_that_is_given_back_goes_on_where_it_would_stand():
    line = Line(a_rule(RULE))
    fires(line)
    somebody_takes_it(line)
    line.wait(1200)
    it_is_given_back(line)
    assert [one.destination for one in line.wait(1)] == ["mail"]


def test_a_step_counts_from_the_first_post_and_not_from_the_first_event():
    line = Line(a_rule(RULE + "for: 5m\n"))
    fires(line)
    assert [one.phase for one in line.wait(1199)] == ["firing"]
    assert [one.phase for one in line.wait(1)] == ["escalation"]


def test_an_alert_that_nobody_was_told_of_does_not_escalate():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"destination": "ops"}, until_s=7200))
    fires(line)
    assert line.wait(7199) == []
    assert [one.phase for one in line.wait(1)] == ["firing"]
    assert [one.phase for one in line.wait(900)] == ["escalation"]


def test_a_step_within_a_silence_is_told_after_it_with_the_reason():
    line = Line(a_rule(RULE))
    fires(line)
    line.silence(a_silence({"destination": "mail"}, until_s=2000))
    assert line.wait(1999) == []
    (late,) = line.wait(1)
    assert "and nobody has taken it. Not told before because it was silenced." in late.post.text
    assert line.outcomes == ["sent", "suppressed silence:s1", "sent"]
    assert line.balance() == 0


def test_a_silenced_step_is_not_told_when_somebody_takes_it_meanwhile():
    line = Line(a_rule(RULE))
    fires(line)
    line.silence(a_silence({"destination": "mail"}, until_s=2000))
    line.wait(1000)
    somebody_takes_it(line)
    assert [one.destination for one in line.wait(86_400)] == ["hook"]


def test_a_rule_that_speaks_in_office_hours_escalates_in_them():
    line = Line(a_rule(RULE + "hours: office\n"))
    fires(line, after_s=4 * 3600 + 50 * 60)
    assert line.wait(16 * 3600) == []
    told = line.wait(600)
    assert [one.destination for one in told] == ["mail", "hook"]
    assert "it was outside office" in told[0].post.text


def test_a_step_waits_neither_in_the_group_nor_behind_the_throttle():
    line = Line(a_rule(RULE + "group: {wait: 30s, every: 1h}\nthrottle: 1/1d\n"))
    fires(line)
    assert [one.phase for one in line.wait(30)] == ["firing"]
    assert [one.phase for one in line.wait(870)] == ["escalation"]
    assert line.balance() == 0


def test_an_alert_kept_quiet_by_another_is_not_escalated_until_that_is_over():
    line = Line(
        a_rule_set("""
        rules:
          - {name: site, match: {$.s: DOWN}, resolved: {$.s: UP}, key: site, send: mail}
          - name: r
            match: {$.h: DOWN}
            resolved: {$.h: UP}
            key: host
            inhibited_by: {rule: site}
            escalate: [{after: 15m, to: hook}]
            send: ops
    """)
    )
    line.take({"h": "DOWN"})
    line.take({"s": "DOWN"})
    assert line.wait(3600) == []
    line.take({"s": "UP"})
    assert [(one.rule, one.phase) for one in line.wait(1)] == [("r", "escalation")]


def test_whoever_is_told_twice_in_one_place_hears_one_end():
    line = Line(a_rule(RULE.replace("to: mail", "to: ops")))
    fires(line)
    assert [one.post.mention for one in line.wait(900)] == ["@lead"]
    assert [one.destination for one in resolves(line)] == ["ops"]
    assert line.balance() == 0


def test_another_channel_of_the_same_destination_hears_an_end_of_its_own():
    line = Line(a_rule(RULE.replace("to: mail", "to: ops, channel: leads")))
    fires(line)
    line.wait(900)
    assert [one.post.overrides for one in resolves(line)] == [{}, {"channel": "leads"}]


def test_those_told_by_steps_are_reminded_too():
    line = Line(a_rule(RULE + "repeat: 2h\n"))
    fires(line)
    line.wait(7199)
    assert sorted(one.destination for one in line.wait(1) if one.phase == "reminder") == ["hook", "mail", "ops"]


def test_in_shadow_steps_are_shadows():
    line = Line(a_rule(RULE + "shadow: true\n"))
    fires(line)
    assert line.wait(3600) == []
    assert [one.phase for one in line.shadows] == ["firing", "escalation", "escalation"]
    line.reload(a_rule(RULE))
    assert resolves(line) == []
    assert line.balance() == 0


def test_what_only_the_shadow_has_heard_of_does_not_escalate():
    line = Line(a_rule(RULE + "shadow: true\n"))
    fires(line)
    line.reload(a_rule(RULE))
    assert line.wait(86_400) == []


def test_a_step_that_was_edited_away_is_not_told_and_its_reader_hears_the_end():
    line = Line(a_rule(RULE))
    fires(line)
    line.wait(900)
    line.reload(a_rule(RULE[: RULE.index("escalate")] + RULE[RULE.index("text") :]))
    assert line.wait(86_400) == []
    assert [one.destination for one in resolves(line)] == ["ops", "mail"]


def test_a_step_whose_destination_was_renamed_is_another():
    line = Line(a_rule(RULE))
    fires(line)
    line.wait(900)
    line.reload(a_rule(RULE.replace("to: mail", "to: ops, channel: leads")))
    assert [one.destination for one in line.wait(2700)] == ["ops", "hook"]


def test_a_rule_renamed_goes_on_with_its_steps():
    line = Line(a_rule(RULE))
    fires(line)
    body = "\n".join(f"    {text}" for text in RULE.strip().splitlines())
    line.reload(a_rule_set(f"rules:\n  - name: new\n    was: [r]\n    send: ops\n{body}\n"))
    assert [(one.rule, one.destination) for one in line.wait(900)] == [("new", "mail")]


def test_a_key_that_flaps_is_escalated_when_it_fires_on():
    line = Line(a_rule(RULE + "flapping: {changes: 3, within: 20m}\n"))
    fires(line)
    resolves(line, after_s=1)
    fires(line, after_s=1)
    assert line.phases[-1] == "flapping"
    assert [one.phase for one in line.wait(900)] == ["escalation"]
    resolves(line)
    line.wait(86_400)
    assert [(one.phase, one.destination) for one in line.sends[-2:]] in (
        [("calm", "ops"), ("resolved", "mail")],
        [("resolved", "mail"), ("calm", "ops")],
    )
    assert line.balance() == 0


def test_one_of_which_nothing_is_heard_is_over_for_everybody():
    line = Line(a_rule(RULE + "forget_after: 30m\n"))
    fires(line)
    line.wait(86_400)
    assert [(one.phase, one.destination) for one in line.sends[1:]] == [
        ("escalation", "mail"),
        ("stale", "ops"),
        ("stale", "mail"),
    ]


def test_a_step_that_a_silence_took_back_while_it_waited_is_told_after_it():
    line = Line(a_rule(RULE))
    fires(line)
    (told,) = line.wait(900)
    until_us = line.now_us + us(600)
    line.silence(a_silence({"destination": "mail"}, until_s=1500))
    back = TakenBack("r", told.send, "mail", line.now_us, "silence:s1", until_us, heard=False)
    (row,) = line.rehearsal.state.rows()
    retracted = retract(row.key, row.value, back, line.rehearsal.rule_set)
    assert retracted.look_us == until_us
    line.rehearsal.state.commit(
        [StateChange(row.key, retracted.value, row.rule, row.expires_us, min(row.due_us, retracted.look_us))]
    )
    assert line.wait(599) == []
    assert [one.destination for one in line.wait(1)] == ["mail"]


def test_when_the_first_post_is_taken_back_the_steps_count_from_the_next():
    line = Line(a_rule(RULE))
    (told,) = fires(line)
    line.silence(a_silence({"rule": "r"}, until_s=600))
    back = TakenBack("r", told.send, "ops", line.now_us, "silence:s1", START_US + us(600), heard=False)
    (row,) = line.rehearsal.state.rows()
    retracted = retract(row.key, row.value, back, line.rehearsal.rule_set)
    line.rehearsal.state.commit([StateChange(row.key, retracted.value, row.rule, row.expires_us, retracted.look_us)])
    assert row_from_bytes(row.key, retracted.value).incident.told_us == 0
    assert [one.phase for one in line.wait(1499)] == ["firing"]
    assert [one.phase for one in line.wait(1)] == ["escalation"]


@STEPS
def test_a_clock_that_is_set_changes_nothing_of_when_a_step_comes(step_s):
    line = Line(a_rule(RULE))
    fires(line)
    line.wait(60)
    step(line, step_s, is_seen=True)
    assert line.wait(839) == []
    assert [one.destination for one in line.wait(1)] == ["mail"]


@BACK
def test_a_step_of_the_future_comes_after_its_time_at_most(step_s):
    line = Line(a_rule(RULE))
    fires(line)
    step(line, step_s, is_seen=False)
    fires(line)
    assert "mail" in [one.destination for one in line.wait(900)]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("escalate: [{after: 15m, to: mail}]", "add resolved: to say when that is"),
        ("key: a\nresolved: {$.s: 1}\nescalate: {after: 15m, to: mail}", "escalate must be a list of steps"),
        ("key: a\nresolved: {$.s: 1}\nescalate: []", "escalate must be a list of steps"),
        ("key: a\nresolved: {$.s: 1}\nescalate: [mail]", "a step of escalate must be a mapping"),
        ("key: a\nresolved: {$.s: 1}\nescalate: [{to: mail}]", "a step needs after"),
        ("key: a\nresolved: {$.s: 1}\nescalate: [{after: 15m}]", "escalate needs to"),
        ("key: a\nresolved: {$.s: 1}\nescalate: [{after: 15m, to: nobody}]", 'no destination "nobody"'),
        ("key: a\nresolved: {$.s: 1}\nescalate: [{after: 15m, to: mail, unless: acked}]", 'unknown unless "acked"'),
        ("key: a\nresolved: {$.s: 1}\nescalate: [{after: 15m, to: mail, chanel: x}]", 'unknown key "chanel"'),
        ("key: a\nresolved: {$.s: 1}\nescalate: [{after: 2h, to: mail}, {after: 1h, to: ops}]", "order of their times"),
        ("drop: true\nescalate: [{after: 2h, to: mail}]", "escalate has no effect"),
    ],
)
def test_what_cannot_be_meant_is_refused(lines, said):
    with pytest.raises(Exception, match=said):
        a_rule(lines)


EVENTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 500, 899, 900, 901, 3600]), st.sampled_from(["fires", "over", "taken", "given"])),
    max_size=15,
)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_the_lead_hears_of_exactly_those_that_lasted_untaken_and_once(story):
    """One key: the step is told when fifteen minutes have gone by since the first post and nobody has it then."""
    line = Line(a_rule(RULE))
    began_us, taken, told, expected = 0, False, False, 0
    for after_s, what in [*story, (4_000, "over")]:
        now_us = line.now_us + us(after_s)
        if began_us and not taken and not told and now_us - began_us >= us(900):
            told, expected = True, expected + 1
        line.wait(after_s)
        if what == "fires":
            fires(line)
            began_us = began_us or now_us
        elif what == "over":
            resolves(line)
            began_us, taken, told = 0, False, False
        elif what == "taken" and began_us:
            somebody_takes_it(line)
            taken = True
        elif what == "given" and began_us and taken:
            it_is_given_back(line)
            taken = False
            if not told and line.now_us - began_us >= us(900):
                told, expected = True, expected + 1
                line.wait(1)
    mails = [one.phase for one in line.sends if one.destination == "mail"]
    assert mails.count("escalation") == expected
    assert mails == ["escalation", "resolved"] * expected
    assert line.balance() == 0
