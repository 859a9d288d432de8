import pytest

from rules.deciding.decision_builder import DecideContext
from rules.deciding.quiet.silences import compile_silences
from rules.workbench.replay import decide_alone
from tests.fakes.rule_sets import START_US, a_message, a_rule, a_rule_set, a_silence

NOW = DecideContext(START_US)
ALERTS = {"alerts": [{"s": "X", "k": n % 2} for n in range(6)]}


def alone(rule, data, context=NOW):
    return decide_alone(rule, a_message(data, origin="r/1"), context)


@pytest.mark.parametrize(
    "quiet",
    ["key: '{{ data.k }}'\ndedupe: 1h", "throttle: 1/1h", "group: {wait: 1h}", "throttle: 1/1h\noverflow: drop"],
)
def test_a_message_is_decided_as_if_nothing_had_been_before_it(quiet):
    rule = a_rule(quiet + "\ntext: x")
    for _ in range(3):
        decision = alone(rule, {"k": 1})
        assert [(send.origin, send.post.text) for send in decision.sends] == [("r/1/0", "x")]
        assert (decision.changes, decision.reads) == ((), {})


def test_nothing_of_a_message_is_held_back():
    rule = a_rule("for_each: $.alerts[*]\ngroup: {wait: 1h, max: 50}\nthrottle: 2/1h\ntext: '{{ events | length }}'")
    decision = alone(rule, ALERTS)
    assert [send.post.text for send in decision.sends] == ["1"] * 6
    assert decision.tally["decided"] == sum(send.stands_for for send in decision.sends) == 6


def test_its_posts_belong_to_no_incident_and_to_no_order_but_their_own():
    (send,) = alone(a_rule("match: {$.s: X}\nresolved: {$.s: OK}\nkey: '{{ data.k }}'"), {"s": "X", "k": "a"}).sends
    assert (send.phase, send.key, send.incident, send.order_key) == ("firing", "a", "", "r/1")


def test_an_event_that_says_over_finds_nothing_open():
    decision = alone(a_rule("match: {$.s: X}\nresolved: {$.s: OK}\nkey: '{{ data.k }}'"), {"s": "OK", "k": "a"})
    assert (decision.fate, decision.sends) == ("unmatched", ())


def test_silences_hours_and_shadow_hold():
    silences = compile_silences([a_silence({"rule": "r"})])
    assert alone(a_rule("text: x"), {}, DecideContext(START_US, silences)).tally == {
        "decided": 1,
        "suppressed/silence": 1,
    }
    assert alone(a_rule("text: x\nnot_hours: office"), {}).sends == ()
    shadowed = alone(a_rule("text: x\nshadow: true"), {})
    assert (len(shadowed.sends), len(shadowed.shadows)) == (0, 1)


def test_stop_and_drop_hold():
    rules = a_rule_set("rules:\n  - {name: a, match: {$.s: X}, drop: true}\n  - {name: b, match: {}, send: ops}\n")
    assert alone(rules, {"s": "X"}).fate == "dropped"
    assert len(alone(rules, {"s": "Y"}).sends) == 1
