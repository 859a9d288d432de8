from __future__ import annotations

from typing import Any

import pytest

from rules.conditions.conditions import Condition, compile_match
from rules.conditions.operators import OPERATORS, Operator
from rules.model import Event
from rules.source.places import read_yaml, wrap_unplaced
from rules.source.problems import Problem, as_table
from tests.fakes.events import NOW_US, an_event


def compiled(text: str) -> tuple[Condition, list[Problem]]:
    document = read_yaml(text, "a.yaml")
    assert document.problems == ()
    problems: list[Problem] = []
    return compile_match(document.value, document, (), problems), problems


def holds(text: str, event: Event | None = None) -> bool:
    condition, problems = compiled(text)
    assert [problem for problem in problems if problem.kind == "error"] == []
    return condition.holds(event or an_event(), NOW_US)


def the_problems(text: str) -> str:
    return as_table(compiled(text)[1])


@pytest.mark.parametrize(
    "text",
    [
        "$.status: CRITICAL",
        "$.status: {equals: CRITICAL}",
        "$.type: [endpoint, service]",
        "$.type: [{like: 'end*'}, service]",
        "$.status: {not: OK}",
        "$.status: {not: [OK, WARNING]}",
        "$.status: {not: {like: 'O*'}}",
        "$.alerts[*].status: firing",
        "$.alerts[*].status: {every: [firing, resolved]}",
        "$.alerts[*].n: {gt: 5}",
        "$.alerts[*].n: {gt: 5, lt: 10}",
        "$.code: 5",
        "$.code: 5.0",
        "$.ratio: 1",
        "$.repeat: false",
        "$.gone: null",
        "$.gone: {exists: true}",
        "$.nope: {exists: false}",
        "$['url.history']: https://ui",
        "$.tags: {equals: [disk, ops, 1]}",
        "$.tags: {contains: ops}",
        "$.tags: {contains: 1}",
        "$.tags: {contains: [nope, disk]}",
        "$.labels: {contains: job}",
        "$.labels: {equals: {severity: page, job: node}}",
        "$.status: {contains: ITIC}",
        "$.status: {contains: itic, ignore_case: true}",
        "$.status: {equals: critical, ignore_case: true}",
        "$.code: {equals: 5, ignore_case: true}",
        "$.tags: {contains: 1, ignore_case: true}",
        "$.status: {like: 'C*L'}",
        "$.status: {like: ['x*', '?RITICAL']}",
        "$.status: {like: 'crit*', ignore_case: true}",
        "$.status: {regex: '^CRIT'}",
        "$.status: {regex: ['^x', 'AL$']}",
        "$.status: {regex: crit, ignore_case: true}",
        "$.status: {starts_with: CR, ends_with: AL}",
        "$.status: {starts_with: [x, cr], ignore_case: true}",
        "$.count: {gt: 41}",
        "$.count: {gte: 42, lte: 42}",
        "$.code: {lt: 5.5}",
        "$.at: {gt: 2026-01-03}",
        "$.at: {lt: 2026-01-03T12:00:00+01:00}",
        "$.at_s: {gte: 2026-01-03T10:55:00Z}",
        "$.date: {gte: 2026-01-03, lt: 2026-01-04}",
        "$.at: {older_than: 4m}",
        "$.at: {newer_than: 6m}",
        "$.at_s: {older_than: 4m, newer_than: 6m}",
        "$.at_ms: {older_than: 4m, newer_than: 6m}",
        "message.publish_time: {older_than: 4m, newer_than: 6m}",
        "$.ip: {cidr: 10.0.0.0/8}",
        "$.ip: {cidr: ['192.168.0.0/16', '10.1.0.0/16']}",
        "attributes.type: alarm",
        "attributes.a.b: dotted",
        "attributes['a.b']: dotted",
        "message.offset: 7",
        "message.id: '7'",
        "message.topic: alarms",
        "message.project: ARGO",
        "vars.severity: critical",
        "text: {contains: endpoint}",
        "parent.receiver: ops",
        "parent['labels'].job: x",
        "$: {contains: status}",
        "{$.status: CRITICAL, $.type: endpoint}",
        "all: [$.status: CRITICAL, $.type: endpoint]",
        "any: [$.status: OK, $.type: endpoint]",
        "any: {$.status: OK, $.type: endpoint}",
        "not: {$.status: OK}",
        "not: {$.nope: x}",
        "not: [$.status: CRITICAL, $.type: service]",
        "[$.status: CRITICAL, any: [$.type: endpoint, $.type: service]]",
        "{}",
        "undecodable: false",
    ],
)
def test_it_holds(text: str):
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "$.status: critical",
        "$.nope: CRITICAL",
        "$.nope: null",
        "$.nope: {not: OK}",
        "$.alerts[*].status: {not: firing}",
        "$.alerts[*].status: {every: firing}",
        "$.alerts[7].status: {every: firing}",
        "$.alerts[*].n: {gt: 1, lt: 9}",
        "$.alerts[*].status: {like: 'f*', not: resolved}",
        "$.code: '5'",
        "$.count: 42",
        "$.code: true",
        "$.ratio: true",
        "$.repeat: 0",
        "$.gone: ''",
        "$.tags: disk",
        "$.tags: {contains: '1'}",
        "$.tags: {contains: true}",
        "$.labels: {contains: node}",
        "$.code: {contains: 5}",
        "$.code: {like: '5'}",
        "$.code: {regex: '5'}",
        "$.status: {gt: 5}",
        "$.repeat: {lt: 5}",
        "$.gone: {lt: 5}",
        "$.at: {gt: 2026-01-04}",
        "$.at: {older_than: 6m}",
        "$.status: {older_than: 0s}",
        "$.ip: {cidr: 11.0.0.0/8}",
        "$.status: {cidr: 10.0.0.0/8}",
        "$.gone: {exists: false}",
        "attributes.nope: x",
        "parent.nope: x",
        "not: {$.status: CRITICAL}",
        "any: [$.status: OK, $.type: service]",
        "all: [$.status: CRITICAL, $.type: service]",
        "undecodable: true",
    ],
)
def test_it_does_not_hold(text: str):
    assert not holds(text)


def test_a_payload_that_is_no_mapping_can_be_matched_whole():
    assert holds("$: {contains: down}", an_event("the site is down"))
    assert holds("$[*]: down", an_event(["down"]))
    assert not holds("$.status: down", an_event("the site is down"))


def test_an_ip_version_6_address_that_stands_for_version_4_is_in_its_network():
    assert holds("$.ip: {cidr: 10.0.0.0/8}", an_event({"ip": "::ffff:10.1.2.3"}))
    assert holds("$.ip: {cidr: '2001:db8::/32'}", an_event({"ip": "2001:db8::1"}))


def test_an_undecodable_event_satisfies_only_conditions_that_speak_of_it():
    event = an_event("garbage", undecodable="not JSON")
    assert holds("undecodable: true", event)
    assert holds("{undecodable: true, attributes.type: alarm}", event)
    assert holds("any: [undecodable: true, $.status: CRITICAL]", event)
    assert not holds("attributes.type: alarm", event)
    assert not holds("{}", event)
    assert not holds("not: {$.status: OK}", event)
    assert not holds("{undecodable: true, attributes.type: x}", event)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("$.a: {equalz: 1}", ["a.yaml:1:7  ['$.a'].equalz", '"equalz"; did you mean "equals"? operators: equals, not']),
        ("$.a: {in: [1]}", ['unknown operator "in"; write the list itself: [a, b]']),
        ("$.a: {regex: '(?=x)'}", ["a.yaml:1:14", "look-ahead"]),
        ("$.a: {like: 5}", ["5 is not a glob; write a text, such as CDI-*"]),
        ("$.a: {gt: tomorrow}", ['"tomorrow" is neither a number nor a date']),
        ("$.a: {gt: '5'}", ['"5" is a text; write the number without quotes']),
        ("$.a: {gt: 20260103T00}", ["neither a number nor a date"]),
        ("$.a: {gt: 2026-13-01}", ["neither a number nor a date"]),
        ("$.a: {gt: [1]}", ["neither a number nor a date"]),
        ("$.a: {cidr: 10.0.0.1/8}", ["an address within a network; the network is 10.0.0.0/8"]),
        ("$.a: {cidr: ten}", ['"ten" is no network']),
        ("$.a: {older_than: 10}", ["it has no unit; write 10s"]),
        ("$.a: {exists: maybe}", ['exists is true or false, not "maybe"']),
        ("$.a: {like: x, ignore_case: 5}", ["ignore_case is true or false"]),
        ("$.a: {gt: 5, ignore_case: true}", ["ignore_case needs an operator beside it"]),
        ("$.a: {}", ["there is no operator here"]),
        ("$.a[: 1", ["a.yaml:1:5", "ends too early"]),
        ("'$.a b': 1", ["a.yaml:1:6", "needs quotes"]),
        ("status: CRITICAL", ['"status" is no place to look at; for a key of the payload write $.status']),
        ("alert name: x", ["write $['alert name']"]),
        ("data.status: x", ["in conditions the payload is $: write $.status"]),
        ("attribute.vo: x", ['"attribute.vo" is no place to look at; did you mean "attributes"?']),
        ("attributes: x", ['"attributes" needs a name behind it, such as attributes.type']),
        ("message.topc: x", ["a.yaml:1:9", 'a message has no "topc"; did you mean "topic"?']),
        ("parent.a b: x", ["a.yaml:1:10", 'the path "parent.a b"']),
        ("al: [$.a: 1]", ['"al" is no place to look at; did you mean "all"?']),
        ("or: [$.a: 1]", ['"or" cannot stand here; write "any"']),
        ("like: x", ['"like" cannot stand here; write it under a place, such as $.status: {like: "CDI-*"}']),
        ("every: x", ['"every" cannot stand here; write it under a place']),
        ("all: 5", ["5 is not a condition"]),
        ("any: [x]", ['"x" is not a condition; write a mapping of places']),
        ("CRITICAL", ['"CRITICAL" is not a condition']),
        ("undecodable: 1", ["undecodable is true or false, not 1"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, lines: list[str]):
    condition, problems = compiled(text)
    assert all(problem.kind == "error" for problem in problems)
    for line in lines:
        assert line in as_table(problems)
    assert not condition.holds(an_event(), NOW_US)


def test_all_problems_of_a_condition_are_told_at_once():
    text = "$.a: {equalz: 1, regex: '('}\nall:\n  - $.b: {gt: x}\n  - any: [status: 1]\nnot: 7\n"
    assert [problem.place.line for problem in compiled(text)[1]] == [1, 1, 3, 4, 5]


def test_a_variable_that_the_rule_does_not_set_is_a_problem():
    document = read_yaml("vars.sevrity: x", "a.yaml")
    problems: list[Problem] = []
    compile_match(document.value, document, (), problems, variables=("severity",))
    assert (
        str(problems[0])
        == 'a.yaml:1:6  [\'vars.sevrity\']  no variable "sevrity"; did you mean "severity"? known: severity'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$.a: []", "the list is empty"),
        ("$.a: {like: []}", "the list is empty"),
        ("$.a: {gt: 5, lt: 5}", "nothing is both gt 5 and lt 5"),
        ("$.a: {gte: 6, lte: 5}", "nothing is both gte 6 and lte 5"),
        ("$.a: {equals: x, like: 'y*'}", '"x" does not satisfy the operators beside it'),
        ("$.a: {equals: x, every: y}", "nothing equals all these values at once"),
        ("$.a: {exists: false, equals: x}", "nothing else can hold of what does not exist"),
        ("$.a: {not: {exists: true}}", "{not: {exists: true}} needs something"),
        ("any: []", "nothing stands under any:"),
        ("not: {}", "nothing stands under not:"),
        ("all: [$.a: x, $.a: y]", "$.a cannot equal all that is asked of it"),
        ("{$.a: x, any: [$.a: y, $.a: z]}", "$.a cannot equal all that is asked of it"),
    ],
)
def test_a_condition_that_can_never_hold_is_a_warning(text: str, words: str):
    condition, problems = compiled(text)
    assert [problem.kind for problem in problems] == ["warning"]
    assert f"this never holds: {words}" in problems[0].text
    assert not condition.holds(an_event({"a": "x"}), NOW_US)


@pytest.mark.parametrize(
    "text",
    [
        "$.a: {gte: 5, lte: 5}",
        "all: [$.a: [x, y], $.a: [y, z]]",
        "[{$.a.*: x}, {$.a.*: y}]",
        "$.a: {equals: 2020-01-01, older_than: 1d}",
    ],
)
def test_a_condition_that_can_hold_is_no_warning(text: str):
    assert compiled(text)[1] == []


def test_places_and_necessary_equalities_are_known():
    condition, _ = compiled(
        "{$.type: [a, b], $.n: {gt: 5}, any: [{attributes.vo: x, $.q: 1}, attributes.vo: y], not: {$.z: 1}}"
    )
    assert [place.text for place in condition.places] == ["$.type", "$.n", "attributes.vo", "$.q", "$.z"]
    assert [(equality.place.text, set(equality.constants)) for equality in condition.equalities] == [
        ("$.type", {"a", "b"}),
        ("attributes.vo", {"x", "y"}),
    ]


def test_a_condition_from_no_file_is_compiled_too():
    problems: list[Problem] = []
    condition = compile_match({"$.status": "CRITICAL"}, wrap_unplaced({}, "silence s1"), (), problems)
    assert condition.holds(an_event(), NOW_US)
    compile_match({"status": "x"}, wrap_unplaced({}, "silence s1"), (), problems)
    assert str(problems[0]).startswith("silence s1:1:1")


def test_a_condition_nested_without_end_is_a_problem_and_no_crash():
    said: Any = {"$.a": 1}
    for _ in range(3000):
        said = [said]
    problems: list[Problem] = []
    compile_match(said, wrap_unplaced(said, "silence s1"), (), problems)
    assert "nested deeper than 60 levels" in problems[0].text


@pytest.mark.parametrize("operator", list(OPERATORS.values()), ids=lambda entry: entry.name)
def test_the_example_of_every_operator_is_a_condition(operator: Operator):
    condition, problems = compiled(f"$.a: {operator.example}")
    assert problems == []
    assert condition.holds(an_event({"b": 1}), NOW_US) is False
