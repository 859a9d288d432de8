import base64
import gzip
import textwrap

import pytest

from rules.source.problems import ProblemsFound
from rules.workbench.run_cases import run_cases
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

    def test_fields_bodies_and_overrides_have_snapshots_too(self):
        expect = one("[{fields: {Site: {snapshot: site.txt}}, channel: {snapshot: channel.txt}}]")
        rule_set = a_rule_set(RULES + "tests:\n" + expect)
        (result,) = run_cases(rule_set, rule_set.cases)
        assert result.snapshots == {"site.txt": "A\n", "channel.txt": "c\n"}


class TestOrder:
    """Which send an expectation takes."""

    RULES = 'rules: [{name: r, text: "{{ data.n }}", send: ops}]\n'

    def test_a_vague_expectation_leaves_the_exact_one_its_send(self):
        text = """
  - name: t
    messages: [{data: {n: 1}}, {data: {n: 2}}, {data: {n: 3}}]
    expect: [{}, {rule: r}, {text: "1"}]
"""
        assert differences(text, self.RULES) == ()

    def test_a_send_serves_one_expectation_only(self):
        text = '  - {name: t, messages: [{data: {n: 1}}, {data: {n: 2}}], expect: [{text: "1"}, {text: "1"}]}\n'
        assert "-1\n    +2" in differences(text, self.RULES)[0]


class TestUntil:
    RULES = RULES.replace("dedupe: 10m", "group: {wait: 30s}")

    def test_a_case_runs_until_the_last_thing_it_expects(self):
        assert differences("  - {name: t, message: {data: {status: X}}, expect: [{at: 30s}]}\n", self.RULES) == ()

    def test_a_case_that_ends_before_what_it_expects_is_refused(self):
        with pytest.raises(ProblemsFound) as found:
            results("  - {name: t, message: {data: {}}, until: 10s, expect: [{at: 30s}]}\n", self.RULES)
        assert "the test ends before something that it expects" in str(found.value)


def test_times_are_kept_to_half_a_second():
    rules = """
        rules:
          - {name: site, match: {$.t: s, $.status: DOWN}, resolved: {$.t: s, $.status: OK}, key: "{{ data.site }}", send: ops}
          - name: hosts
            match: {$.t: h}
            resolved: {$.t: x}
            key: "{{ data.host }}"
            inhibited_by: {rule: site, same: [$.site]}
            group: {wait: 2m}
            send: mail
    """  # noqa: E501
    text = """
  - name: t
    messages:
      - {at: 0s, data: {t: s, site: A, status: DOWN}}
      - {at: 30s, data: {t: h, site: A, host: h1}}
      - {at: 10m, data: {t: s, site: A, status: OK}}
    expect: [{rule: site, at: 0s}, {rule: site, at: 10m}, {rule: hosts, at: 12m}]
    quiet: [{rule: hosts, by: inhibited, at: 30s}, {rule: hosts, by: group, at: 10m}]
"""
    assert differences(textwrap.indent(textwrap.dedent(text), "  "), textwrap.dedent(rules)) == ()


class TestWhyNot:
    """What is said of a send that was expected and not made."""

    def test_the_first_false_condition_is_named(self):
        said = differences(one("[{rule: r}]", "{data: {status: OK}}"))[0]
        assert said.endswith('but it was not sent\n  r, message at 0s: no match: $.status is "OK"')

    def test_what_kept_it_quiet_is_named(self):
        said = differences(
            "  - {name: t, messages: [{data: {status: X}}, {data: {status: X}, at: 1s}], expect: [{}, {}]}\n"
        )
        assert said[0].endswith("but it was not sent\n  r to ops suppressed by duplicate at 1s")

    def test_a_topic_that_the_rule_does_not_hear_is_named(self):
        said = differences(one("[{rule: r}]", "{data: {}, topic: projects/X/topics/other}"))[0]
        assert said.endswith("r does not hear projects/X/topics/other")


def test_shadows_may_be_expected_as_such():
    rules = RULES.replace("dedupe: 10m", "dedupe: 10m\n    shadow: true")
    assert differences(one("[{rule: r, shadow: true}]"), rules) == ()
    assert differences(one("[{rule: r}]"), rules) == ()
    assert "shadow: true" in differences(one("[{rule: r, shadow: false}]"), rules)[0]


def test_the_life_of_an_incident_is_told_as_a_sequence():
    rules = """
        rules:
          - name: r
            match: {$.status: {not: OK}}
            resolved: {$.status: OK}
            key: "{{ data.host }}"
            repeat: 1h
            silenced_ends: wait
            text: "{{ data.host }} is {{ data.status }}"
            send: ops
    """
    text = """
  - name: t
    silences: [{matchers: {key: web1}, from: 90m, until: 2h}]
    messages:
      - {at: 0s, data: {status: DOWN, host: web1}}
      - {at: 100m, data: {status: OK, host: web1}}
    expect:
      - {at: 0s, phase: firing, text: web1 is DOWN}
      - {at: 1h, phase: reminder}
      - {at: 2h, phase: resolved, text: {contains: web1 is OK}}
    quiet:
      - {at: 100m, by: silence, key: web1}
"""
    assert differences(textwrap.indent(textwrap.dedent(text), "  "), textwrap.dedent(rules)) == ()


def test_what_was_told_and_ends_within_a_silence_is_told_to_be_over_at_once():
    rules = """
        rules:
          - name: alerts
            for_each: $.alerts[*]
            match: {$.status: firing}
            resolved: {$.status: resolved}
            key: "{{ data.fingerprint }}"
            dedupe: 4h
            repeat: 4h
            text: "{{ data.labels.alertname }} {{ data.status }}"
            send: ops
    """
    text = """
  - name: t
    silences: [{matchers: {$.labels.alertname: X}, from: 1m, until: 1h}]
    messages:
      - {at: 0s, data: {alerts: [{status: firing, fingerprint: a, labels: {alertname: X}}]}}
      - {at: 10m, data: {alerts: [{status: resolved, fingerprint: a, labels: {alertname: X}}]}}
    until: 2h
    expect: [{at: 0s, phase: firing}, {at: 10m, phase: resolved}]
"""
    assert differences(textwrap.indent(textwrap.dedent(text), "  "), textwrap.dedent(rules)) == ()


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{name: t, message: {data: {}}, expect: [{txet: x}]}", 'unknown key "txet"; did you mean "text"?'),
        ("{name: t, message: {data: {}}, expect: [{to: mail, chanel: x}]}", 'did you mean "channel"?'),
        ("{name: t, message: {data: {}}, expect: [{rule: rr}]}", 'no rule "rr"; did you mean "r"?'),
        ("{name: t, message: {data: {}}, expect: [{to: opps}]}", 'no destination "opps"; did you mean "ops"?'),
        ("{name: t, message: {data: {}}, expect: [{at: soon}]}", '"soon" is not a duration'),
        ("{name: t, message: {data: {}}, expect: [{text: {equal: x}}]}", 'did you mean "equals"?'),
        ("{name: t, message: {data: {}}, expect: [{text: {regex: '('}}]}", "regex"),
        ("{name: t, message: {data: {}}, quiet: [{bye: x}]}", 'did you mean "by"?'),
        ("{name: t, message: {dat: {}}, expect: []}", 'did you mean "data"?'),
        ("{name: t, message: {data: {}, text: x}, expect: []}", "one of data:"),
        ("{name: t, messages: [{data: {}, at: 1 minute}], expect: []}", "not a duration"),
        ("{name: t, message: {data: {}}}", "the test needs expect:"),
        ("{name: t, expect: []}", "the test needs message: or messages:"),
        ("{name: t, start: noon, message: {data: {}}, expect: []}", "is no time"),
        ("{name: t, silences: [{matchers: {$.a: {equalz: 1}}}], message: {data: {}}, expect: []}", "equalz"),
    ],
)  # fmt: skip
def test_misuse_is_an_error_with_its_place(case, said):
    with pytest.raises(ProblemsFound) as found:
        results(f"  - {case}\n", 'rules: [{name: r, text: "x", send: ops}]\n')
    assert said in str(found.value)
    assert "rules.d/test.yaml:4:" in str(found.value)


FAILING = RULES.replace('title: "{{ data.status }}"', 'title: "{{ data.nothing }}"')


def test_a_template_that_fails_is_a_difference_unless_it_is_expected():
    assert "a template failed: title: " in differences(one("[{rule: r}]"), FAILING)[0]
    assert differences(one('[{rule: r, fallback: {contains: there is no "nothing"}}]'), FAILING) == ()
    assert differences(one("[{rule: r, fallback: {contains: something else}}]"), FAILING) != ()


@pytest.mark.parametrize("rest", ["quiet: []", "expect: []"])
def test_a_key_that_fails_is_a_difference_though_no_send_shows_it(rest):
    rules = RULES.replace("data.k | default('k')", "data.k").replace("    dedupe: 10m", "    resolved: {$.status: OK}")
    said = differences(f"  - {{name: t, message: {{data: {{status: OK}}}}, {rest}}}\n", rules)
    assert said[0].endswith('there is no "k"; there is: status') or "key: " in said[0]
