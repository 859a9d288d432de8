from rules.retired import MAX_FORMS, superseded
from tests.fakes.rule_sets import Line, a_rule

RULE = 'match: {$.s: X}\nresolved: {$.s: OK}\nkey: "{{ data.k }}"\n'


def test_a_rule_whose_key_was_edited_goes_on_judging_in_its_old_form():
    before, after = a_rule(RULE), a_rule(RULE.replace("data.k", "data.k }}-{{ data.k"))
    line = Line(before)
    line.take({"s": "X", "k": "a"})
    line.reload(after.with_retired(superseded(after, [before], {"r"})))
    line.take({"s": "X", "k": "b"})
    assert [(one.phase, one.key) for one in line.take({"s": "OK", "k": "a"})] == [("resolved", "a")]
    assert [(one.phase, one.key) for one in line.take({"s": "OK", "k": "b"})] == [("resolved", "b-b")]
    assert line.balance() == 0


def test_a_rule_that_judges_as_before_needs_no_old_form():
    before, after = a_rule(RULE), a_rule(RULE + "text: new\nsend: mail")
    assert superseded(after, [before], {"r"}) == ()


def test_rules_that_hold_nothing_or_never_end_anything_need_no_old_form():
    other = a_rule("match: {$.s: Y}")
    assert superseded(other, [a_rule(RULE)], set()) == ()
    assert superseded(a_rule(RULE), [other], {"r"}) == ()


def test_only_so_many_old_forms_are_kept_the_newest_first():
    older = [a_rule(RULE + f"set: {{n: '{n}'}}") for n in range(9)]
    kept = superseded(a_rule("match: {$.s: Y}"), older, {"r"})
    assert [rule.judging for rule in kept] == [one.rules[0].judging for one in older[: MAX_FORMS - 1]]
