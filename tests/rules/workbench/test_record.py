import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.language.read import read_rules
from rules.workbench.record import record
from rules.workbench.recorded import try_test
from rules.workbench.run_cases import run_cases
from tests.fakes.rule_sets import START_US, TOPIC, a_message, a_world, us

RULES = f"""
topic: {TOPIC}
rules:
  - name: status
    match: {{$.status: [CRITICAL, WARNING]}}
    resolved: {{$.status: OK}}
    key: "{{{{ data.host }}}}"
    text: "{{{{ data.host }}}} is {{{{ data.status }}}}"
    send: ops
  - name: cdi
    match: {{$.site: cdi.example.net, $.status: CRITICAL}}
    group: {{wait: 30s}}
    send: mail
  - {{name: noise, match: {{$.type: noise}}, drop: true}}
"""


def recorded(*data, rules=RULES, **changed):
    stream = [
        one if hasattr(one, "payload") else a_message(one, offset=n, publish_time_us=START_US + us(60 * n))
        for n, one in enumerate(data)
    ]
    return record(read_rules([("a.yaml", rules)], a_world()), stream, **changed)


def results(found, rules=RULES):
    rule_set = read_rules([("a.yaml", rules), ("a_test.yaml", found.text)], a_world())
    return list(run_cases(rule_set, rule_set.cases))


def host(name, status="CRITICAL", **more):
    return {"host": name, "status": status, **more}


def test_one_test_is_written_for_each_path():
    found = recorded(host("a.x.org"), host("b.x.org"), {"n": 1}, {"n": 2}, {"type": "noise"})
    assert (found.messages, found.tests) == (5, 3)


def test_what_was_recorded_passes():
    found = recorded(host("a.x.org"), {"n": 1}, {"type": "noise"}, host("a.x.org", site="cdi.example.net"), "plain")
    assert [result.differences for result in results(found)] == [()] * found.tests


def test_the_end_of_an_incident_is_recorded_with_its_beginning():
    found = recorded(host("a.x.org"), host("a.x.org", "OK"))
    last = results(found)[-1]
    assert last.passed
    assert [one.send.phase for one in last.told] == ["firing", "resolved"]


def test_names_and_secrets_do_not_appear_but_what_rules_name_does():
    secret = host("ce01.grid.example.com", password="hunter2", mail="ann@uni.example.edu", site="cdi.example.net")
    text = recorded(secret).text
    for word in ("ce01.grid.example.com", "hunter2", "ann@uni.example.edu"):
        assert word not in text
    assert "cdi.example.net" in text
    assert "host1.example.org" in text


def test_a_name_that_a_later_message_gives_away_is_made_up_in_the_earlier_tests():
    found = recorded({"note": "saturn is slow", "raw": '{"at": "http://x.example.net/saturn"}'}, host("saturn"))
    assert found.tests == 2
    assert "saturn" not in found.text
    assert [result.differences for result in results(found)] == [(), ()]


def test_the_posts_of_timers_are_part_of_a_test():
    found = recorded(host("a.x.org", site="cdi.example.net"))
    assert "until: 30s" in found.text
    assert all(result.passed for result in results(found))


def test_recording_stops_at_so_many_tests():
    found = recorded(host("a.x.org"), {"n": 1}, {"type": "noise"}, max_tests=2)
    assert (found.messages, found.tests) == (2, 2)


def test_nothing_recorded_is_a_file_without_tests():
    found = recorded()
    assert found.text == "tests: []\n"
    assert results(found) == []


@pytest.mark.parametrize(
    "odd", ["\u2028", "\ufeff", "0123", "1e5", "2026-01-01", "on", "😀", "a: b # c", "\x9f", "{{ x }}"]
)
def test_odd_values_come_back_as_they_were(odd):
    rules = f"topic: {TOPIC}\nrules: [{{name: r, match: {{$.v: {{exists: true}}}}, send: ops}}]\n"
    rule_set = read_rules([("a.yaml", rules), ("a_test.yaml", recorded({"v": odd}, rules=rules).text)], a_world())
    (message,) = rule_set.cases[0].messages
    assert message.decoded is not None
    assert message.decoded.value == {"v": odd}


def test_an_undecodable_payload_is_recorded_as_it_came():
    rules = f"topic: {TOPIC}\nrules: [{{name: r, decode: json, match: {{undecodable: true}}, send: ops}}]\n"
    found = recorded("{broken", rules=rules)
    assert '"payload": "{broken"' in found.text
    assert results(found, rules)[0].passed


def test_the_shapes_of_real_senders_can_be_recorded():
    rules = f"topic: {TOPIC}\nrules: [{{name: r, template: argo/status, send: ops}}]\n"
    event = {
        "type": "endpoint",
        "status": "CRITICAL",
        "endpoint_group": "SITE-A",
        "hostname": "ce00.grid.net",
        "summary": "s",
    }
    found = recorded(event, rules=rules)
    assert json.dumps(event) not in found.text
    assert results(found, rules)[0].passed


def test_shadows_are_recorded_and_pass():
    rules = f"topic: {TOPIC}\nrules: [{{name: r, shadow: true, text: '{{{{ data.n }}}}', send: ops}}]\n"
    found = recorded({"n": 1}, rules=rules)
    (result,) = results(found, rules)
    assert (result.passed, [one.shadow for one in result.told]) == (True, [True])


def test_times_that_templates_show_are_those_of_the_test():
    rules = RULES.replace('text: "{{ data.host }} is', 'text: "{{ message.publish_time }} {{ data.host }} is')
    found = recorded(host("a.x.org"), host("b.x.org", "WARNING"), host("a.x.org", "OK"), rules=rules)
    assert (found.left_out, [result.passed for result in results(found, rules)]) == (0, [True] * found.tests)


def test_an_end_from_another_topic_is_recorded_with_both_topics():
    other = "projects/ARGO/topics/ends"
    rules = RULES.replace(f"topic: {TOPIC}", f"topic: [{TOPIC}, {other}]")
    end = a_message(host("a.x.org", "OK"), offset=1, topic=other, publish_time_us=START_US + us(60))
    found = recorded(host("a.x.org"), end, rules=rules)
    last = results(found, rules)[-1]
    assert (last.passed, [one.send.phase for one in last.told]) == (True, ["firing", "resolved"])


def test_a_rule_that_looks_at_a_made_up_name_is_told_of():
    rules = f"topic: {TOPIC}\nrules: [{{name: r, match: {{$.host: {{like: 'ce*'}}}}, text: t, send: ops}}]\n"
    found = recorded(host("ce1.x.org"), rules=rules)
    assert (found.tests, found.otherwise) == (1, 1)
    assert results(found, rules)[0].passed


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("{name: t, message: {data: {type: noise}}, expect: []}", ""),
        ("{name: t, message: {data: {type: noise}}, expect: [{rule: cdi}]}", "it was not sent"),
        ("{name: t, message: {data: {type: noise}}, expect: [{rule: none}]}", 'no rule "none"'),
    ],
)
def test_a_test_is_tried_before_it_is_kept(test, why):
    said = try_test(read_rules([("a.yaml", RULES)], a_world()), f"  - {test}\n")
    assert (why in said) if why else (said == "")


AWKWARD = [
    {"ce01.x.org": {"password": "p", "host": "web1", "status": "CRITICAL"}, "host": "web1", "status": "CRITICAL"},
    host("ce01.x.org", inner=json.dumps({"host": "web1", "token": "t"}), url="https://u:p@ce01.x.org:1/hooks/abcdef123456"),
    base64.b64encode(json.dumps(host("ce01.x.org", "WARNING", ip="fe80::1", mail="a@x.org")).encode()).decode(),
    base64.b64encode(b"disk of ce01.x.org is full").decode(),
    "plain text from 8.8.4.4 at ce01.x.org",
    "[1, 2.5, null, true]",
    '"just a string of ce01.x.org"',
    "{broken",
    "",
    "0123",
    "2026-01-01",
]  # fmt: skip


def test_awkward_payloads_are_recorded_so_that_they_pass_and_tell_nothing():
    rules = f"""
topic: {TOPIC}
rules:
  - name: status
    match: {{$.status: {{exists: true}}}}
    key: "{{{{ data.host }}}}"
    dedupe: 1m
    template: plain
    send: [ops, mail]
  - name: texts
    match: {{text: {{regex: "disk|plain|just"}}}}
    title: "{{{{ text }}}}"
    send: {{to: ops, channel: "{{{{ attributes.at | default('x') }}}}"}}
  - {{name: raw, decode: text, match: {{text: {{starts_with: "{{"}}}}, text: "{{{{ text }}}}", send: ops}}
"""
    stream = [a_message(one, offset=n, attributes={"at": "ce01.x.org"}) for n, one in enumerate(AWKWARD)]
    found = recorded(*stream, rules=rules)
    assert found.left_out == 0
    assert [result.differences for result in results(found, rules)] == [()] * found.tests
    assert found.tests >= 4
    for word in ("ce01", "web1", "8.8.4.4", "fe80", "a@x.org", "u:p@"):
        assert word not in found.text  # fmt: skip


def test_a_rule_that_looks_at_the_very_text_gets_it():
    rules = (
        f"topic: {TOPIC}\nrules: [{{name: r, match: {{text: {{regex: u00e4}}}}, text: '{{{{ text }}}}', send: ops}}]\n"
    )
    found = recorded('{"v":  "\\u00e4"}', rules=rules)
    assert found.text.count('"payload"') == 1
    assert results(found, rules)[0].told[0].post.text == '{"v":  "\\u00e4"}'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES.map(json.dumps) | st.text(max_size=40), min_size=1, max_size=3))
def test_whatever_was_published_its_test_passes(payloads):
    rules = f"""
topic: {TOPIC}
rules:
  - {{name: all, template: plain, title: "{{{{ data }}}}", send: [ops, mail]}}
  - {{name: texts, match: {{text: {{regex: "[a-m]"}}}}, text: "{{{{ text }}}} {{{{ message.id }}}}", send: ops}}
  - {{name: lists, for_each: "$[*]", match: {{$: {{exists: true}}}}, key: "{{{{ data }}}}", dedupe: 1m, send: hook}}
"""
    found = recorded(*payloads, rules=rules)
    assert found.left_out == 0
    assert [result.differences for result in results(found, rules)] == [()] * found.tests
