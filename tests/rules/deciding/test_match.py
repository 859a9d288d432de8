import pytest

from rules.deciding.decide import decide
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from tests.fakes.rule_sets import START_US, Line, a_message, a_rule, a_rule_set


def rules_that_matched(rule_set, incoming):
    return [one.rule.name for one in match(rule_set, incoming, START_US).found]


def fate(rule_set, incoming):
    matches = match(rule_set, incoming, START_US)
    return decide(rule_set, matches, {}, DecideContext(START_US)).fate


THREE = """
    rules:
      - {name: first, match: {$.status: CRITICAL}, send: ops}
      - {name: second, match: {$.site: A}, send: ops}
      - {name: third, send: ops}
"""


def test_every_rule_that_matches_acts_in_file_order():
    assert rules_that_matched(a_rule_set(THREE), a_message({"status": "CRITICAL", "site": "A"})) == [
        "first",
        "second",
        "third",
    ]


def test_a_rule_without_match_takes_every_message():
    assert rules_that_matched(a_rule_set(THREE), a_message({"status": "OK"})) == ["third"]


def test_rules_behind_a_stop_do_not_see_the_message():
    rule_set = a_rule_set(THREE.replace("send: ops}", "send: ops, stop: true}", 1))
    assert rules_that_matched(rule_set, a_message({"status": "CRITICAL"})) == ["first"]
    assert rules_that_matched(rule_set, a_message({"status": "OK"})) == ["third"]


def test_a_message_of_another_topic_meets_no_rule():
    assert rules_that_matched(a_rule_set(THREE), a_message(topic="projects/ARGO/topics/metrics")) == []


@pytest.mark.parametrize(
    ("pattern", "topic", "heard"),
    [
        ("projects/ARGO/topics/*", "projects/ARGO/topics/x", True),
        ("projects/*/topics/alarms", "projects/P/topics/alarms", True),
        ("projects/*/topics/alarms", "projects/P/topics/other", False),
        ('"*"', "projects/P/topics/other", True),
    ],
)
def test_a_topic_may_be_a_glob(pattern, topic, heard):
    rule_set = a_rule_set(f"topic: {pattern}\nrules:\n  - {{name: r, send: ops}}\n")
    assert (rules_that_matched(rule_set, a_message(topic=topic)) == ["r"]) is heard


def test_a_rules_own_topic_wins_over_the_files():
    rule_set = a_rule("topic: projects/P/topics/mine")
    assert rules_that_matched(rule_set, a_message()) == []
    assert rules_that_matched(rule_set, a_message(topic="projects/P/topics/mine")) == ["r"]


def test_for_each_makes_an_event_of_each_item_and_parent_is_the_whole():
    rule_set = a_rule("""
        for_each: $.alerts[*]
        match: {$.status: firing, parent.receiver: bridge}
        text: "{{ data.n }} of {{ parent.alerts | length }}"
    """)
    alerts = [{"status": "firing", "n": 1}, {"status": "resolved", "n": 2}, {"status": "firing", "n": 3}]
    sends = Line(rule_set).take({"receiver": "bridge", "alerts": alerts})
    assert [send.post.text for send in sends] == ["1 of 3", "3 of 3"]
    assert [send.origin for send in sends] == ["m/u1/0/0", "m/u1/0/2"]


def test_stop_with_for_each_concerns_that_item_only():
    rule_set = a_rule_set("""
        rules:
          - {name: bad, for_each: "$[*]", match: {$.bad: true}, stop: true, send: ops}
          - {name: rest, for_each: "$[*]", send: ops}
          - {name: whole, send: ops}
    """)
    matches = match(rule_set, a_message([{"bad": True}, {"bad": False}]), START_US)
    assert [(one.rule.name, one.event.item) for one in matches.found] == [("bad", 0), ("rest", 1), ("whole", 0)]


def test_a_stop_on_the_whole_message_hides_its_items_too():
    rule_set = a_rule_set("""
        rules:
          - {name: whole, match: {"$[0].bad": true}, stop: true, send: ops}
          - {name: items, for_each: "$[*]", send: ops}
    """)
    assert rules_that_matched(rule_set, a_message([{"bad": True}, {}])) == ["whole"]


def test_an_undecodable_message_meets_only_rules_that_ask_for_it():
    rule_set = a_rule_set("""
        rules:
          - {name: all, decode: json, send: ops}
          - {name: broken, decode: json, match: {undecodable: true}, send: ops}
    """)
    matches = match(rule_set, a_message("{not json"), START_US)
    assert [one.rule.name for one in matches.found] == ["broken"]
    assert matches.counts == {"undecodable": 1}


def test_rules_may_decode_the_same_message_differently():
    rule_set = a_rule_set("""
        rules:
          - {name: as-json, match: {$.a: 1}, send: ops}
          - {name: as-text, decode: text, match: {text: {contains: '"a"'}}, send: ops}
    """)
    assert rules_that_matched(rule_set, a_message('{"a": 1}')) == ["as-json", "as-text"]


def test_when_is_a_way_out_for_anything_else():
    rule_set = a_rule("when: \"data.count > 3 and data.vo == 'ops'\"")
    assert rules_that_matched(rule_set, a_message({"count": 4, "vo": "ops"})) == ["r"]
    assert rules_that_matched(rule_set, a_message({"count": 3, "vo": "ops"})) == []


def test_a_when_that_fails_on_an_event_does_not_hold_and_counts():
    matches = match(a_rule('when: "data.count > 3"'), a_message({"count": "many"}), START_US)
    assert matches.found == ()
    assert matches.counts == {"when_errors": 1}


def test_match_may_look_at_vars():
    rule_set = a_rule("""
        set: {level: "{{ {'CRITICAL': 'page'}.get(data.status, 'log') }}"}
        match: {vars.level: page}
    """)
    assert rules_that_matched(rule_set, a_message({"status": "CRITICAL"})) == ["r"]
    assert rules_that_matched(rule_set, a_message({"status": "OK"})) == []


def test_later_set_values_see_earlier_ones():
    rule_set = a_rule("""
        set: {a: "{{ data.n }}", b: "{{ vars.a }}{{ vars.a }}"}
        text: "{{ vars.b }}"
    """)
    assert Line(rule_set).take({"n": 4})[0].post.text == "44"


def test_a_message_no_rule_wanted_is_unmatched():
    assert fate(a_rule("match: {$.status: OK}"), a_message()) == "unmatched"


def test_drop_swallows_the_message_and_hides_it_from_later_rules():
    rule_set = a_rule_set("""
        rules:
          - {name: noise, match: {$.status: CRITICAL}, drop: true}
          - {name: all, send: ops}
    """)
    line = Line(rule_set)
    assert line.take() == []
    assert line.outcomes == ["dropped drop:noise"]
    assert line.tally == {"decided": 1, "dropped/noise": 1}
    assert fate(rule_set, a_message()) == "dropped"
    assert [send.rule for send in line.take({"status": "OK"})] == ["all"]


def test_needs_name_each_row_once():
    rule_set = a_rule('key: "{{ data.status }}"\ndedupe: 10m\nthrottle: 5/1m')
    assert match(rule_set, a_message(), START_US).needs == ("k/r/CRITICAL", "t/r")


def test_a_stateless_rule_needs_no_state():
    assert match(a_rule("match: {$.status: CRITICAL}"), a_message(), START_US).needs == ()


def test_of_more_items_than_anybody_can_read_the_first_ten_thousand_are_events_and_the_others_count():
    rule_set = a_rule("for_each: $.alerts[*]")
    matches = match(rule_set, a_message({"alerts": [{}] * 10_003}), START_US)
    assert len(matches.found) == 10_000
    assert matches.counts == {"items_left_out": 3}


def test_exactly_ten_thousand_items_are_all_events():
    matches = match(a_rule("for_each: $.alerts[*]"), a_message({"alerts": [{}] * 10_000}), START_US)
    assert (len(matches.found), matches.counts) == (10_000, {})


LARGE = r"'(\pL{1,100}-){3}z'"


@pytest.mark.parametrize("condition", [f"regex: {LARGE}", f"not: {{regex: {LARGE}}}", f"every: {{regex: {LARGE}}}"])
def test_a_condition_that_is_too_complex_for_a_text_does_not_hold_and_counts(condition: str):
    rule_set = a_rule(f"match: {{$.t: {{{condition}}}}}")
    matches = match(rule_set, a_message({"t": "ab" * 100_000}), START_US)
    assert (matches.found, matches.counts) == ((), {"too_complex": 1})
    assert "too complex" in matches.failures["r"]
    assert match(rule_set, a_message({"t": "ab"}), START_US).counts == {}


def test_an_end_that_is_too_complex_to_be_seen_counts():
    rule_set = a_rule(f"match: {{$.a: 1}}\nresolved: {{$.t: {{regex: {LARGE}}}}}\nkey: k")
    assert match(rule_set, a_message({"t": "ab" * 100_000}), START_US).counts == {"too_complex": 1}


def test_a_long_text_is_no_trouble_for_an_ordinary_pattern():
    rule_set = a_rule("match: {$.t: {regex: '(?i)(error|fail|timeout|refused){1,20}$'}}")
    assert len(match(rule_set, a_message({"t": "ab" * 400_000 + "Error"}), START_US).found) == 1
