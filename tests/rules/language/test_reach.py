import pytest

from tests.fakes.rule_sets import a_rule_set

FIRST = "{name: first, send: ops, stop: true, "
LATER = "{name: later, send: ops, "


def warnings(first, later):
    rule_set = a_rule_set(f"rules:\n  - {FIRST}{first}}}\n  - {LATER}{later}}}\n")
    return [str(problem) for problem in rule_set.warnings]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("match: {}", "match: {$.a: 1}"),
        ("about: takes all", "about: nothing left"),
        ("match: {$.a: 1}", "match: {$.a: 1}"),
        ("match: {$.a: 1}", "match: {$.a: 1, $.b: 2}"),
        ("match: {$.a: [1, 2]}", "match: {$.a: 2}"),
        ("match: {any: [{$.a: 1}, {$.b: 1}]}", "match: {$.b: 1}"),
        ("match: {$.a: [1, 2]}", "match: {any: [{$.a: 1, $.b: 1}, {$.a: 2}]}"),
        ("match: {not: {$.a: 1}}", "match: [{not: {$.a: 1}}, {$.b: 1}]"),
        ("match: {$.a: {gt: 5}}", "match: {$.a: {gt: 5}, $.b: 1}"),
        ("topic: 'projects/*/topics/*'", "topic: projects/P/topics/x"),
        ('for_each: "$[*]", match: {$.a: 1}', 'for_each: "$[*]", match: {$.a: 1}'),
        ("match: {}", 'for_each: "$[*]"'),
    ],
)
def test_a_rule_behind_one_that_takes_all_it_wants_is_named(first, later):
    (warning,) = warnings(first, later)
    assert 'warning: is never reached: "first" at' in warning


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("match: {$.a: 1, $.b: 2}", "match: {$.a: 1}"),
        ("match: {$.a: 2}", "match: {$.a: [1, 2]}"),
        ("match: {$.a: 1}", "match: {$.b: 1}"),
        ("match: {$.a: {gt: 5}}", "match: {$.a: {gt: 4}}"),
        ("match: {}, when: 'data.a'", "match: {$.a: 1}"),
        ("match: {}", "match: {undecodable: true}"),
        ("match: {}, decode: text", "match: {$.a: 1}"),
        ("topic: projects/P/topics/x", "topic: 'projects/P/topics/*'"),
        ('for_each: "$[*]"', "match: {$.a: 1}"),
        ('match: {"$[0]": 1}', 'for_each: "$[*]", match: {"$[0]": 1}'),
        ("match: {$.a: 1}, key: k, resolved: {$.b: 1}", "match: {$.a: 1}"),
    ],
)
def test_what_cannot_be_proved_is_not_said(first, later):
    assert warnings(first, later) == []
