import json

import pytest

from rules.read import read_rules
from rules.record import record
from rules.run_cases import run_cases
from rules.scrub import Scrubber
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


class TestScrubber:
    @pytest.mark.parametrize(
        ("said", "scrubbed"),
        [
            (
                "ce01.x.org is down, ce02.x.org too, ce01.x.org",
                "host1.example.org is down, host2.example.org too, host1.example.org",
            ),
            ("from 10.1.2.3 and 10.1.2.3", "from 192.0.2.1 and 192.0.2.1"),
            ("fe80::1 at 10:30:00", "2001:db8::1 at 10:30:00"),
            ("write to ann@x.org", "write to person1@example.org"),
            ("key AKIA1234567890abcdefghij1234", "key random-1"),
            ("https://ui.x.org/path?a=1", "https://host1.example.org/path?a=1"),
            ("version 1.2.3 of 127.0.0.1", "version 1.2.3 of 127.0.0.1"),
            ("CRITICAL - Socket timeout after 10s", "CRITICAL - Socket timeout after 10s"),
            ("org.nagios.Ping", "org.nagios.Ping"),
        ],
    )
    def test_telling_words_are_made_up_consistently(self, said, scrubbed):
        assert Scrubber("org.nagios.Ping").text(said) == scrubbed

    def test_values_of_secret_keys_are_gone_whatever_they_are(self):
        said = {"client_secret": "x", "token": 5, "password": None, "auth": {"api_key": ["a"]}, "status": "OK"}
        assert Scrubber("").value(said) == {
            "client_secret": "scrubbed",
            "token": "scrubbed",
            "password": None,
            "auth": {"api_key": ["scrubbed"]},
            "status": "OK",
        }


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
