from rules.deciding.retired import MAX_FORMS, find_superseded
from tests.fakes.rule_sets import Line, a_destination, a_rule, a_rule_set, a_silence, a_world

RULE = 'match: {$.s: X}\nresolved: {$.s: OK}\nkey: "{{ data.k }}"\n'


def test_a_rule_whose_key_was_edited_goes_on_judging_in_its_old_form():
    before, after = a_rule(RULE), a_rule(RULE.replace("data.k", "data.k }}-{{ data.k"))
    line = Line(before)
    line.take({"s": "X", "k": "a"})
    line.reload(after.with_retired(find_superseded(after, [before])))
    line.take({"s": "X", "k": "b"})
    assert [(one.phase, one.key) for one in line.take({"s": "OK", "k": "a"})] == [("resolved", "a")]
    assert [(one.phase, one.key) for one in line.take({"s": "OK", "k": "b"})] == [("resolved", "b-b")]
    assert line.balance() == 0


def test_a_rule_that_judges_as_before_needs_no_old_form():
    before, after = a_rule(RULE), a_rule(RULE + "text: new\nsend: mail")
    assert find_superseded(after, [before]) == ()


def test_forms_of_which_nothing_is_open_and_rules_that_never_end_anything_are_not_needed():
    before, other = a_rule(RULE), a_rule("match: {$.s: Y}")
    assert find_superseded(other, [before], set()) == ()
    assert [rule.name for rule in find_superseded(other, [before], {before.rules[0].judging})] == ["r"]
    assert find_superseded(before, [other]) == ()


def test_only_so_many_old_forms_are_kept_the_newest_first():
    older = [a_rule(RULE + f"set: {{n: '{n}'}}") for n in range(MAX_FORMS + 5)]
    kept = find_superseded(a_rule("match: {$.s: Y}"), older)
    assert [rule.judging for rule in kept] == [one.rules[0].judging for one in older[:MAX_FORMS]]


def test_an_old_form_does_not_end_what_opened_under_the_new_one():
    before, after = a_rule(RULE), a_rule(RULE.replace("s: OK", "s: UP"))
    line = Line(before)
    line.take({"s": "X", "k": "old"})
    line.reload(after.with_retired(find_superseded(after, [before])))
    line.take({"s": "X", "k": "new"})
    assert line.take({"s": "OK", "k": "new"}) == []
    assert [one.phase for one in line.take({"s": "OK", "k": "old"})] == ["resolved"]
    assert [one.phase for one in line.take({"s": "UP", "k": "new"})] == ["resolved"]


def test_a_rule_that_was_renamed_and_edited_at_once_still_ends_what_it_told():
    before = a_rule(RULE)
    after = a_rule_set("rules:\n  - {name: n, was: [r], match: {$.s: X}, resolved: {$.s: UP}, key: x, send: ops}\n")
    line = Line(before)
    line.take({"s": "X", "k": "a"})
    line.take({"s": "X", "k": "x"})
    line.reload(after.with_retired(find_superseded(after, [before])))
    line.take({"s": "X", "k": "b"})  # its row, of key x, moves to the new name
    assert [(one.rule, one.key) for one in line.take({"s": "OK", "k": "a"})] == [("n", "a")]
    assert line.take({"s": "OK", "k": "x"}) == []
    assert [(one.phase, one.key) for one in line.take({"s": "UP"})] == [("resolved", "x")]
    assert line.balance() == 0


def test_a_removed_rule_reminds_no_more_and_says_once_that_it_is_over():
    line = Line(a_rule(RULE + "repeat: 1h\n"))
    line.take({"s": "X", "k": "a"})
    after = a_rule_set("rules:\n  - {name: other, match: {$.s: Y}, send: ops}\n")
    line.reload(after.with_retired(find_superseded(after, [a_rule(RULE + "repeat: 1h\n")])))
    line.wait(3 * 3600)
    line.take({"s": "OK", "k": "a"})
    line.take({"s": "OK", "k": "a"})
    assert line.phases == ["firing", "resolved"]


def test_a_removed_rule_tells_no_firing_that_was_hidden_while_it_was_there():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=600))
    line.take({"s": "X", "k": "a"})
    after = a_rule_set("rules:\n  - {name: other, match: {$.s: Y}, send: ops}\n")
    line.reload(after.with_retired(find_superseded(after, [a_rule(RULE)])))
    line.wait(3600)
    assert line.sends == []


GOING = RULE + "send: [ops, mail]\n"


def gone(**to: str):
    world = a_world(a_destination("ops"), gone=to)
    return a_rule(RULE, world)


def test_what_is_owed_to_a_removed_destination_is_told_to_the_one_that_takes_its_posts():
    line = Line(a_rule(GOING))
    line.take({"s": "X", "k": "a"})
    line.reload(gone(mail="ops"))
    ends = line.take({"s": "OK", "k": "a"})
    assert [(one.destination, one.phase) for one in ends] == [("ops", "resolved"), ("ops", "resolved")]
    assert max(line.keys.values()) == 1


def test_what_is_owed_to_a_destination_that_was_given_up_is_entered_as_dropped():
    line = Line(a_rule(GOING + "group: {wait: 1m}"))
    line.take({"s": "X", "k": "a"})
    line.reload(gone(mail=""))
    line.wait(61)
    line.take({"s": "OK", "k": "a"})
    assert {one.destination for one in line.sends} == {"ops"}
    assert line.tally["dropped/removed:mail"] == 2
    assert "dropped removed:mail" in line.outcomes
    assert (line.balance(), line.tally["held"]) == (0, 0)
