import base64
import gzip

import pytest

from rules.run_cases import run_cases
from tests.fakes.rule_sets import a_rule_set

RULES = """
rules:
  - name: r
    match: {$.status: {not: OK}}
    key: "{{ data.k | default('k') }}"
    dedupe: 10m
    title: "{{ data.status }}"
    fields: {Site: "{{ data.site | default('') }}"}
    send: {to: ops, channel: c}
    text: |
      {{ data.status }}
      on {{ data.site | default('') }}
"""


def results(tests, rules=RULES):
    rule_set = a_rule_set(rules + "tests:\n" + tests)
    return list(run_cases(rule_set, rule_set.cases))


def differences(tests, rules=RULES):
    (result,) = results(tests, rules)
    assert result.passed is not bool(result.differences)
    return result.differences


def one(expect, message="{data: {status: CRITICAL, site: A}}"):
    return f"  - {{name: t, message: {message}, expect: {expect}}}\n"


@pytest.mark.parametrize(
    "expect",
    [
        "[{}]",
        "[{rule: r, to: ops}]",
        '[{text: "CRITICAL\\non A"}]',
        "[{text: {contains: CRITICAL}}]",
        "[{text: {contains: [CRITICAL, A], lacks: B}}]",
        '[{text: {regex: "^CRIT.*\\non"}}]',
        "[{title: CRITICAL, channel: c, fields: {Site: A}, phase: message, key: k}]",
    ],
)
def test_a_send_that_fits_passes(expect):
    assert differences(one(expect)) == ()


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("[]", 'not expected: r to ops: "CRITICAL"'),
        ("[{}, {}]", "expected a send of any rule, but it was not sent"),
        ("[{rule: r, to: mail}]", "expected a send of r to mail, but it was not sent"),
        ("[{text: {contains: WARNING}}]", 'text lacks "WARNING"'),
        ("[{text: {lacks: CRITICAL}}]", 'text contains "CRITICAL"'),
        ("[{text: {regex: ^x}}]", 'text does not match "^x"'),
        ('[{text: "CRITICAL\\non B"}]', "-on B\n    +on A"),
        ("[{channel: d}]", "-d\n    +c"),
        ("[{fields: {Site: B}}]", "-B\n    +A"),
    ],
)
def test_what_differs_is_said(expect, said):
    assert said in "\n".join(differences(one(expect)))


def test_a_difference_names_its_place():
    assert differences(one("[{title: OK}]"))[0].startswith("rules.d/test.yaml:14:")


def test_a_sequence_runs_on_a_virtual_clock():
    assert (
        differences("""
  - name: t
    messages:
      - {at: 0s, data: {status: CRITICAL}}
      - {at: 5m, data: {status: CRITICAL}}
      - {at: 10m, data: {status: CRITICAL}}
    expect:
      - {rule: r, at: 0s}
      - {rule: r, at: 10m}
    quiet:
      - {rule: r, by: duplicate, at: 5m}
""")
        == ()
    )


def test_timers_fire_until_the_end_of_the_case():
    rules = RULES.replace("dedupe: 10m", "group: {wait: 30s}")
    assert differences("  - {name: t, message: {data: {status: X}}, expect: []}\n", rules) == ()
    assert differences("  - {name: t, message: {data: {status: X}}, until: 1m, expect: [{at: 30s}]}\n", rules) == ()


def test_a_case_may_begin_at_any_time():
    rules = RULES.replace("dedupe: 10m", "hours: office")
    late = "  - {name: t, start: 2026-01-03T11:00:00Z, message: {data: {status: X}}, expect: []}\n"
    assert differences(late, rules) == ()
    assert differences(late.replace("-03T", "-05T").replace("[]", "[{}]"), rules) == ()


def test_a_case_may_have_silences():
    assert (
        differences("""
  - name: t
    silences: [{matchers: {rule: r}, until: 5m}]
    message: {data: {status: X}}
    quiet: [{rule: r, by: silence}]
    expect: []
""")
        == ()
    )


def test_what_should_have_been_quiet_and_was_not_is_said():
    (said,) = differences("  - {name: t, message: {data: {status: X}}, quiet: [{rule: r, by: duplicate}]}\n")
    assert said.endswith("expected to be kept quiet: r by duplicate; it was: nothing")


def test_a_payload_goes_through_the_topics_decoding():
    rules = RULES.replace("name: r\n", "name: r\n    decode: gzip+json\n")
    payload = base64.b64encode(gzip.compress(b'{"status": "CRITICAL"}')).decode()
    assert differences(one("[{rule: r}]", f"{{payload: '{payload}'}}"), rules) == ()
    assert differences(one("[{rule: r}]"), rules) == ()


def test_a_text_is_published_as_it_is():
    rules = 'rules: [{name: r, match: {text: {contains: disk}}, text: "{{ text }}", send: ops}]\n'
    assert differences(one("[{text: the disk is full}]", "{text: the disk is full}"), rules) == ()


def test_attributes_and_topic_may_be_said():
    rules = "rules: [{name: r, topic: 'projects/*/topics/x', match: {attributes.vo: ops}, send: ops}]\n"
    message = "{data: {}, attributes: {vo: ops}, topic: projects/P/topics/x}"
    assert differences(one("[{rule: r}]", message), rules) == ()


def test_a_glob_of_the_file_gives_the_cases_a_topic():
    rules = "topic: 'projects/*/topics/alarms'\nrules: [{name: r, send: ops}]\n"
    assert differences(one("[{rule: r}]"), rules) == ()


class TestSnapshots:
    EXPECT = one("[{text: {snapshot: critical.md}}]")

    def run(self, stored):
        rule_set = a_rule_set(RULES + "tests:\n" + self.EXPECT)
        return next(run_cases(rule_set, rule_set.cases, lambda case, name: stored.get(name)))

    def test_a_text_is_compared_with_its_file(self):
        assert self.run({"critical.md": "CRITICAL\non A\n"}).passed
        assert "-CRITICAL" in self.run({"critical.md": "WARNING\non A\n"}).differences[0].replace(
            "-WARNING", "-CRITICAL"
        )

    def test_a_missing_one_fails_and_is_offered(self):
        result = self.run({})
        assert "there is no snapshot critical.md yet" in result.differences[0]
        assert result.snapshots == {"critical.md": "CRITICAL\non A\n"}
