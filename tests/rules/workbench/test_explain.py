from rules.deciding.batch_state import InMemoryState
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.workbench.explain import explain
from tests.fakes.rule_sets import START_US, a_message, a_rule, a_rule_set


def explained(rule_set, data=None, **changed):
    incoming = a_message(data, **changed)
    state = InMemoryState().read(match(rule_set, incoming, START_US).needs, START_US)
    return explain(rule_set, incoming, state, DecideContext(START_US))


def fate(text, data=None, **changed):
    (one,) = explained(a_rule(text), data, **changed).rules
    return one.fate, one.reason


def test_every_condition_is_shown_with_what_it_saw():
    (one,) = explained(a_rule("match: {$.status: CRITICAL, $.site: B}"), {"status": "CRITICAL", "site": "A"}).rules
    assert [(seen.look, seen.saw, seen.held, seen.decisive) for seen in one.seen] == [
        ("$.status", '"CRITICAL"', True, False),
        ("$.site", '"A"', False, True),
    ]
    assert (one.fate, one.reason) == ("no match", '$.site is "A"')


def test_a_rule_that_acts_shows_what_became_of_each_send():
    (one,) = explained(a_rule('key: "{{ data.status }}"\ndedupe: 1m\nsend: [ops, mail]')).rules
    assert (one.fate, one.key) == ("acts", "CRITICAL")
    assert [(judgement.destination, judgement.outcome) for judgement in one.judgements] == [
        ("ops", "sent"),
        ("mail", "sent"),
    ]


def test_a_rule_behind_a_stop_names_it():
    rule_set = a_rule_set("rules: [{name: first, send: ops, stop: true}, {name: second, send: ops}]")
    assert [(one.rule, one.fate, one.reason) for one in explained(rule_set).rules] == [
        ("first", "acts", ""),
        ("second", "stopped", "first comes first and says stop: true"),
    ]


def test_a_when_that_is_false_or_fails_says_so():
    assert fate('when: "data.n > 3"', {"n": 2}) == ("when is false", "when gives False")
    said, reason = fate('when: "data.n > 3"', {"n": "x"})
    assert said == "when is false"
    assert reason.startswith("when failed:")


def test_the_end_of_nothing_says_so():
    text = 'match: {$.s: X}\nresolved: {$.s: OK}\nkey: "{{ data.k }}"'
    assert fate(text, {"s": "OK", "k": "a"}) == ("nothing to end", 'no incident with the key "a" is open')


def test_items_that_are_not_there_say_so():
    assert fate('for_each: "$.alerts[*]"', {}) == ("no items", "for_each: $.alerts[*] finds nothing")


def test_each_item_is_explained_by_itself():
    found = explained(a_rule('for_each: "$[*]"\nmatch: {$.a: 1}'), [{"a": 1}, {"a": 2}])
    assert [(one.item, one.fate) for one in found.rules] == [(0, "acts"), (1, "no match")]


def test_vars_are_shown():
    (one,) = explained(a_rule('set: {level: "{{ data.status | lower }}"}')).rules
    assert one.vars == {"level": "critical"}


def test_rules_that_do_not_hear_the_topic_are_named():
    found = explained(a_rule("topic: projects/P/topics/other"))
    assert (found.rules, found.unheard) == ((), ("r",))


def test_an_undecodable_message_says_why():
    found = explained(a_rule("decode: json"), "{")
    assert found.undecodable
    assert found.rules[0].fate == "no match"


def test_the_final_posts_are_there():
    assert explained(a_rule("text: hello")).decision.sends[0].post.text == "hello"
