from rules.deciding.quiet.repeat import take
from tests.fakes.rule_sets import START_US, Line, a_message, a_rule, a_rule_set, a_silence, us

RULE = """
match: {$.status: [CRITICAL, WARNING]}
resolved: {$.status: OK}
key: "{{ data.k }}"
text: "{{ data.k }} is {{ data.status }}"
"""


def fires(line, key="a", **changed):
    return line.take({"k": key, "status": "CRITICAL"}, **changed)


def resolves(line, key="a", **changed):
    return line.take({"k": key, "status": "OK"}, **changed)


def test_firing_and_resolved_are_told():
    line = Line(a_rule(RULE))
    fires(line)
    resolves(line, after_s=60)
    assert [(one.phase, one.post.text, one.incident) for one in line.sends] == [
        ("firing", "a is CRITICAL", "a"),
        ("resolved", "a is OK", "a"),
    ]
    assert len(line.rehearsal.state) == 0


def test_the_end_of_nothing_is_unmatched():
    line = Line(a_rule(RULE))
    moment = line.rehearsal.take(a_message({"k": "a", "status": "OK"}), START_US)
    assert moment.decision.fate == "unmatched"


def test_an_event_that_says_over_never_opens_an_incident():
    line = Line(a_rule('resolved: {$.status: OK}\nkey: "{{ data.k }}"'))
    assert resolves(line) == []
    assert line.outcomes == []


def test_the_end_is_heard_behind_a_stop():
    line = Line(
        a_rule_set("""
        rules:
          - {name: oks, match: {$.status: OK}, send: mail, stop: true}
          - {name: r, match: {$.status: CRITICAL}, resolved: {$.status: OK}, key: "{{ data.k }}", send: ops}
    """)
    )
    fires(line)
    assert [(one.rule, one.phase) for one in resolves(line)] == [("oks", "message"), ("r", "resolved")]


def test_a_drop_swallows_the_end_too():
    line = Line(
        a_rule_set("""
        rules:
          - {name: oks, match: {$.status: OK}, drop: true}
          - {name: r, match: {$.status: CRITICAL}, resolved: {$.status: OK}, key: "{{ data.k }}", send: ops}
    """)
    )
    fires(line)
    assert resolves(line) == []


def test_a_rule_that_takes_the_end_of_its_incident_may_stop_the_message():
    rule_set = a_rule_set("""
        rules:
          - {name: r, match: {$.status: CRITICAL}, resolved: {$.status: OK}, key: "{{ data.k }}", send: ops, stop: true}
          - {name: rest, match: {$.status: OK}, send: mail}
    """)
    line = Line(rule_set)
    assert [one.rule for one in resolves(line)] == ["rest"]
    fires(line)
    assert [one.rule for one in resolves(line)] == ["r"]


def test_a_silenced_firing_is_told_when_the_silence_ends_and_it_still_fires():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=600))
    assert fires(line) == []
    assert line.wait(599) == []
    (late,) = line.wait(1)
    assert late.phase == "firing"
    assert "Firing since 2026-01-05 12:00 UTC; not told before because it was silenced." in late.post.text
    assert resolves(line)[0].phase == "resolved"
    assert line.balance() == 0


def test_a_silenced_firing_that_is_over_before_the_silence_ends_is_never_told():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=600))
    fires(line)
    assert resolves(line, after_s=60) == []
    assert line.outcomes == ["suppressed silence:s1", "updated told-nobody"]
    assert line.wait(3600) == []
    assert line.balance() == 0


def test_an_end_within_a_silence_is_told_at_once():
    line = Line(a_rule(RULE))
    fires(line)
    line.silence(a_silence({"rule": "r"}, until_s=600))
    (end,) = resolves(line, after_s=60)
    assert end.phase == "resolved"
    assert "late" not in end.post.text
    assert line.outcomes == ["sent", "sent"]
    assert line.wait(3600) == []
    assert line.balance() == 0


def test_no_news_within_a_silence_is_told_as_an_end():
    line = Line(a_rule(RULE + "forget_after: 1h\n"))
    fires(line)
    line.silence(a_silence({"rule": "r"}, until_s=86_400))
    assert [one.phase for one in line.wait(7200)] == ["stale"]


def test_an_end_that_waits_within_a_silence_is_told_late_with_a_word_why():
    line = Line(a_rule(RULE + "silenced_ends: wait\n"))
    fires(line)
    line.silence(a_silence({"rule": "r"}, until_s=600))
    assert resolves(line, after_s=60) == []
    (late,) = line.wait(540)
    assert late.phase == "resolved"
    assert "Over since 2026-01-05 12:01 UTC; told late because it was silenced." in late.post.text
    assert line.balance() == 0


def test_a_silence_that_is_lifted_early_is_noticed():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=86_400))
    fires(line)
    line.silence()
    assert [one.phase for one in line.wait(60)] == ["firing"]


def test_only_the_destination_that_was_told_hears_the_end():
    line = Line(a_rule(RULE + "send: [ops, mail]"))
    line.silence(a_silence({"destination": "mail"}, until_s=86_400))
    fires(line)
    resolves(line)
    assert line.told == [("firing", "ops"), ("resolved", "ops")]
    assert line.outcomes[-2:] == ["sent", "updated told-nobody"]


def test_firing_again_within_a_silence_is_told_after_it_to_whoever_heard_the_end():
    line = Line(a_rule(RULE))
    fires(line)
    line.silence(a_silence({"rule": "r"}, until_s=600))
    resolves(line, after_s=60)
    assert fires(line, after_s=60) == []
    line.wait(480)
    assert line.phases == ["firing", "resolved", "firing"]


def test_firing_again_before_the_end_was_told_is_one_incident_to_its_reader():
    line = Line(a_rule(RULE + "silenced_ends: wait\n"))
    fires(line)
    line.silence(a_silence({"rule": "r"}, until_s=600))
    resolves(line, after_s=60)
    fires(line, after_s=60)
    line.wait(3600)
    assert line.phases == ["firing"]
    resolves(line)
    assert line.phases == ["firing", "resolved"]


def test_no_news_for_long_is_told_and_ends_it():
    line = Line(a_rule(RULE + "forget_after: 2d"))
    fires(line)
    fires(line, after_s=86_400)
    assert line.wait(2 * 86_400 - 1) == []
    (stale,) = line.wait(1)
    assert stale.phase == "stale"
    assert "No news since 2026-01-06 12:00 UTC" in stale.post.text
    assert len(line.rehearsal.state) == 0
    assert resolves(line) == []


def test_reminders_come_while_it_fires():
    line = Line(a_rule(RULE + "repeat: 4h"))
    fires(line)
    reminded = line.wait(9 * 3600)
    assert [one.phase for one in reminded] == ["reminder", "reminder"]
    assert "Reminder: firing since 2026-01-05 12:00 UTC." in reminded[0].post.text
    resolves(line)
    assert line.wait(86_400) == []
    assert line.balance() == 0


def test_an_incident_that_was_taken_is_not_reminded_of():
    line = Line(a_rule(RULE + "repeat: 4h"))
    fires(line)
    (row,) = line.rehearsal.state.rows()
    taken = take(row.value, "ann")
    line.rehearsal.state.commit([type(row)(row.key, taken, row.rule, row.expires_us, START_US + us(3600))])
    assert line.wait(86_400) == []
    assert [one.phase for one in resolves(line)] == ["resolved"]


def test_nothing_can_be_taken_where_nothing_fires():
    line = Line(a_rule('key: "{{ data.k }}"\ndedupe: 1h'))
    line.take({"k": "a"})
    (row,) = line.rehearsal.state.rows()
    assert take(row.value, "ann") is None


def test_a_destination_that_an_edit_took_away_still_hears_the_end():
    line = Line(a_rule(RULE + "send: [{to: mail, thread: x}, ops]"))
    fires(line)
    line.reload(a_rule(RULE + "send: ops"))
    ends = resolves(line)
    assert sorted((one.destination, one.phase) for one in ends) == [("mail", "resolved"), ("ops", "resolved")]
    assert next(one.post.overrides for one in ends if one.destination == "mail") == {"thread": "x"}


def test_what_was_told_live_is_ended_live_though_the_rule_went_into_shadow():
    line = Line(a_rule(RULE))
    fires(line)
    line.reload(a_rule(RULE + "shadow: true"))
    fires(line)
    assert [one.phase for one in resolves(line)] == ["resolved"]


def test_what_was_told_in_shadow_has_no_end_to_tell_when_the_rule_goes_live():
    line = Line(a_rule(RULE + "shadow: true"))
    fires(line)
    line.reload(a_rule(RULE))
    assert resolves(line) == []
    assert line.outcomes[-1] == "updated told-nobody"
    assert line.balance() == 0


def test_a_vanished_rule_goes_on_judging_the_end_of_what_it_told():
    before = a_rule(RULE)
    line = Line(before)
    fires(line)
    after = a_rule_set("rules: [{name: other, match: {$.status: X}, send: ops}]")
    line.reload(after.with_retired(before.rules))
    assert fires(line) == []
    assert [(one.rule, one.phase) for one in resolves(line)] == [("r", "resolved")]


def test_a_rule_that_is_gone_without_a_trace_tells_no_news_in_plain_form():
    line = Line(a_rule(RULE))
    fires(line)
    line.reload(a_rule_set("rules: [{name: other, match: {$.status: X}, send: ops}]"))
    (stale,) = line.wait(7 * 86_400)
    assert (stale.rule, stale.phase, stale.destination) == ("r", "stale", "ops")


def test_a_renamed_rule_keeps_its_incidents():
    line = Line(a_rule(RULE))
    fires(line)
    text = RULE.replace("\n", "\n    ")
    line.reload(a_rule_set(f"rules:\n  - name: new\n    was: [r]\n    send: ops{text}"))
    assert [(one.rule, one.phase) for one in resolves(line)] == [("new", "resolved")]
    assert len(line.rehearsal.state) == 0


def test_timers_of_a_renamed_rule_fire_under_its_new_name():
    line = Line(a_rule(RULE + "repeat: 1h"))
    fires(line)
    text = (RULE + "repeat: 1h").replace("\n", "\n    ")
    line.reload(a_rule_set(f"rules:\n  - name: new\n    was: [r]\n    send: ops{text}"))
    assert [(one.rule, one.phase) for one in line.wait(3600)] == [("new", "reminder")]
    assert {row.key for row in line.rehearsal.state.rows()} == {"k/new/a"}


def test_beyond_max_keys_a_firing_passes_without_an_incident():
    line = Line(a_rule(RULE + "max_keys: 1"))
    fires(line)
    assert [one.phase for one in fires(line, "b")] == ["firing"]
    assert resolves(line, "b") == []
    assert line.counts["max_keys"] == 1


def test_an_end_whose_key_cannot_be_made_is_counted_and_marked_though_nothing_is_posted():
    rule = 'key: "{{ data.k }}"\nmatch: {$.up: false}\nresolved: {$.up: true}\nsend: ops\n'
    line = Line(a_rule(rule))
    line.take({"k": "a", "up": False})
    assert line.take({"up": True}) == []
    assert line.counts["key_errors"] == 1
    assert line.outcomes[-1] == "updated key-failed"
