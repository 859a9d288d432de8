from tests.fakes.rule_sets import Line, a_rule, a_rule_set, a_silence

RULE = 'key: "{{ data.k }}"\ndedupe: 10m\n'


def test_the_same_key_again_within_the_window_is_a_duplicate():
    line = Line(a_rule(RULE))
    assert len(line.take({"k": "a"})) == 1
    assert line.take({"k": "a"}, after_s=599) == []
    assert line.outcomes[-1] == "suppressed duplicate"
    assert line.balance() == 0


def test_another_key_is_no_duplicate():
    line = Line(a_rule(RULE))
    line.take({"k": "a"})
    assert len(line.take({"k": "b"})) == 1


def test_the_window_counts_from_the_last_sent_one_and_is_not_extended():
    line = Line(a_rule(RULE))
    line.take({"k": "a"})
    line.take({"k": "a"}, after_s=500)
    assert len(line.take({"k": "a"}, after_s=100)) == 1


def test_another_state_is_no_duplicate():
    line = Line(a_rule(RULE + 'state: "{{ data.s }}"'))
    sent = [len(line.take({"k": "a", "s": state})) for state in ("WARNING", "CRITICAL", "CRITICAL", "WARNING")]
    assert sent == [1, 1, 0, 1]


def test_a_post_that_was_silenced_does_not_count():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=60))
    line.take({"k": "a"})
    assert len(line.take({"k": "a"}, after_s=61)) == 1


def test_each_destination_is_remembered_by_itself():
    line = Line(a_rule(RULE + "send: [ops, mail]"))
    line.silence(a_silence({"destination": "mail"}, until_s=60))
    line.take({"k": "a"})
    assert [one.destination for one in line.take({"k": "a"}, after_s=61)] == ["mail"]


def test_what_is_remembered_is_forgotten_with_the_window():
    line = Line(a_rule(RULE))
    line.take({"k": "a"})
    line.take({"k": "b"}, after_s=601)
    assert {row.key for row in line.rehearsal.state.rows()} == {"k/r/b"}


def test_beyond_max_keys_a_message_passes_and_counts():
    line = Line(a_rule(RULE + "max_keys: 1"))
    line.take({"k": "a"})
    sent = [len(line.take({"k": "b"})) for _ in range(2)]
    assert sent == [1, 1]
    assert line.counts["max_keys"] == 2
    assert line.take({"k": "a"}) == []


def test_a_key_that_cannot_be_made_lets_the_message_pass_and_counts():
    line = Line(a_rule(RULE))
    assert len(line.take({"other": 1})) == 1
    assert line.counts["key_errors"] == 1
    assert line.sends[-1].fallback


def test_a_renamed_rule_keeps_its_state():
    line = Line(a_rule(RULE))
    line.take({"k": "a"})
    line.reload(a_rule_set('rules: [{name: new, was: [r], key: "{{ data.k }}", dedupe: 10m, send: ops}]'))
    assert line.take({"k": "a"}, after_s=60) == []
    assert {row.key for row in line.rehearsal.state.rows()} == {"k/new/a"}


def test_a_state_that_cannot_be_made_is_told_and_counts():
    line = Line(a_rule(RULE + 'state: "{{ data.level }}"'))
    (sent,) = line.take({"k": "a"})
    assert line.counts["state_errors"] == 1
    assert "state: " in sent.fallback
    assert "the template failed: state: " in sent.post.text
    assert line.take({"k": "a"}, after_s=1) == []


def test_a_state_that_cannot_be_made_is_told_of_incidents_too():
    rule = 'key: "{{ data.k }}"\nmatch: {$.up: false}\nresolved: {$.up: true}\ndedupe: 10m\nsend: ops\n'
    line = Line(a_rule(rule + 'state: "{{ data.level }}"'))
    sends = [*line.take({"k": "a", "up": False}), *line.take({"k": "a", "up": True})]
    assert line.counts["state_errors"] == 2
    assert ["state: " in one.fallback for one in sends] == [True, True]
