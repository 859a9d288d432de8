"""What templates see, what they may not touch, and what they may spend."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from dataclasses import dataclass

import pytest

from rules.rendering.budget import MESSAGE_STEPS, Limits, message_account
from rules.rendering.environment import RenderFailed
from rules.rendering.template_names import names_of
from tests.fakes.templating import NOW_US, a_template, an_environment, an_event, evaluated, rendered


def failure_of(source: str, data: object = None, limits: Limits | None = None) -> RenderFailed:
    template = a_template(source, limits=limits or Limits())
    with pytest.raises(RenderFailed) as caught:
        template.render(names_of(an_event(data), now_us=NOW_US))
    return caught.value


# --- what they see -------------------------------------------------------------------------------------


def test_a_key_comes_before_a_method_of_the_mapping():
    assert (
        rendered("{{ data.items }} {{ data.keys }} {{ data.get }}", {"items": "i", "keys": 1, "get": True})
        == "i 1 true"
    )


def test_methods_of_a_mapping_work_where_no_key_hides_them():
    source = "{{ {'CRITICAL': 'critical'}.get(data.status, 'info') }}{% for k, v in data.items() %} {{ k }}{% endfor %}"
    assert rendered(source, {"status": "CRITICAL"}) == "critical status"


def test_keys_with_dots_are_ordinary_keys():
    assert rendered("{{ data['url.history'] }}", {"url.history": "https://ui.example/x"}) == "https://ui.example/x"


def test_all_of_an_event_is_there():
    source = "{{ attributes.type }} {{ message.topic }} {{ message.offset }} {{ message.publish_time }} {{ parent }}"
    assert rendered(f"{source}{{{{ now.year }}}}") == "alarm alerts 7 2026-01-03T10:04:55Z 2026"


def test_set_names_stand_beside_the_fixed_ones():
    event = an_event({}, vars={"level": "high", "data": "no"})
    template = a_template("{{ level }} {{ vars.level }} {{ data is mapping }}", sets=("level",))
    assert template.render(names_of(event, now_us=NOW_US)) == "high high true"


def test_tables_are_visible():
    environment = an_environment({"owners": {"SITE-A": {"mail": "ann@example.org"}}})
    assert rendered("{{ tables.owners[data].mail }}", "SITE-A", environment=environment) == "ann@example.org"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (True, "true"), (False, "false"), (1.5, "1.5"), (-3, "-3"), ({"a": [1, None]}, '{"a":\\[1,null\\]}')],
)
def test_values_print_as_a_reader_of_json_expects(value: object, shown: str):
    assert rendered("{{ data.x }}", {"x": value}) == shown


def test_a_missing_name_may_be_walked_through_but_not_printed():
    assert rendered("{{ data.host.name | default('?') }}{{ data.x is defined }}", {}) == "?false"
    assert failure_of("a\n{{ data.host.name }}", {"hosts": 1}).line == 11


def test_a_missing_name_says_what_was_probably_meant():
    assert failure_of("{{ data.sumary }}", {"summary": "x", "status": 1}).reason == (
        'there is no "sumary"; did you mean "summary"?; there is: summary, status'
    )


def test_records_show_their_fields_and_times():
    @dataclass(frozen=True)
    class Incident:
        key: str
        since_us: int

    template = a_template("{{ incident.key }} {{ incident.since }}", known={"incident"})
    names = {**names_of(an_event(1), now_us=NOW_US), "incident": Incident("a", 0)}
    assert template.render(names) == "a 1970-01-01T00:00:00Z"


def test_templates_include_import_and_extend_each_other():
    environment = an_environment(
        parts="{% macro bold(x) %}**{{ x }}** at {{ message.topic }}{% endmacro %}",
        site__line="{{ data.a }}",
        base="<{% block body %}base{% endblock %}>",
    )
    source = "{% import 'parts' as p %}{{ p.bold(data.a) }} {% include 'site/line' %}"
    assert rendered(source, {"a": "x_"}, environment=environment) == "**x\\_** at alerts x\\_"
    child = "{% extends 'base' %}{% block body %}{{ super() }} {{ data.a }}{% endblock %}"
    assert rendered(child, {"a": "@all"}, environment=environment) == "<base @\u200ball>"


def test_block_tags_take_their_line_with_them():
    assert rendered("a\n  {% if true %}\nb\n  {% endif %}\nc\n") == "a\nb\nc"


# --- what they may not touch ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ data.__class__.__mro__ }}",
        "{{ data.update({'a': 1}) }}",
        "{{ [1].append(2) }}",
        "{{ message['__in' ~ 'it__'] }}",
        "{{ now.astimezone() }}",
        "{{ range.__init__ }}",
        "{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(data) }}",
        "{{ '{0[__class__]}'.format(message) }}",
        "{{ '%(x)s'.__mod__ }}",
        "{{ namespace()._Namespace__attrs }}",
        "{{ [data] | map(attribute='__class__') | list }}",
        "{{ joiner }}",
        "{{ data.get }}",
    ],
)
def test_nothing_dangerous_is_reachable(source: str):
    assert failure_of(source, {}).reason


def test_a_template_cannot_change_the_event():
    data = {"a": [1]}
    failure_of("{% set data.a = 2 %}", data)
    failure_of("{{ data.a.insert(0, 2) }}", data)
    assert data == {"a": [1]}


# --- what they may spend -----------------------------------------------------------------------------------

DOUBLING = "{% set ns = namespace(x=['a']) %}{% for i in range(60) %}{% set ns.x = NEW %}{% endfor %}"
PAIRS = DOUBLING.replace("NEW", "({ns.x: ns.x}.items() | list)[0]").replace("['a']", "'a'")
"""Tuples within tuples, which hash all they hold each time."""
RUNAWAYS = [
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{{ data.big | upper | length }}{% endfor %}",
    "{% for i in range(40000) %}{{ 'y' in data.big }}{{ data.big == data.big ~ '' }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.deep == data.other }}{% endfor %}",
    "{% for i in range(40000) %}{{ [data.deep] in [data.other] }}{% endfor %}",
    "{% for i in range(99999) %}{{ '' }}{{ '' }}{{ '' }}{% endfor %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(35) }}",
    "{% for x in [[]] recursive %}{{ loop([x]) }}{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ ([1] * 10**9) | length }}",
    "{{ 2 ** (2 ** 40) }}",
    "{{ 2 ** 3000 * 2 ** 3000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%.1000000000f' % 1 }}",
    "{{ '%(a)999999999s' % {'a': 1} }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:>1000000000}'.format('x') }}",
    "{{ 'x' | center(10**9) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ 'a\nb' | indent(10**9) }}",
    "{{ [1] | batch(10**9, 'x') | list }}",
    "{{ [1] | slice(10**9) | list }}",
    "{{ data.big.replace('x', data.big) }}",
    "{{ data.big | replace('', data.big) }}",
    "{{ data.big | regex_replace('x', data.big) }}",
    "{{ data.big.join(data.big | list) }}",
    "{{ [data.big] * 1000 | int }}{{ ([data.big] * 1000) | join }}",
    "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    DOUBLING.replace("NEW", "ns.x + ns.x"),
    DOUBLING.replace("NEW", "[ns.x, ns.x]") + "{{ ns.x }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]") + "{{ ns.x | to_json }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]")
    + DOUBLING.replace("NEW", "[ns.x, ns.x]").replace("ns", "ms")
    + "{{ ns.x == ms.x }}",
    DOUBLING.replace("NEW", "(ns.x, ns.x)") + "{{ {ns.x: 1} }}",
    "{% for i in range(2000) %}{{ data.big }}{% endfor %}",
    "{% set x %}{% for i in range(40000) %}a long literal of the author's, again and again{% endfor %}{% endset %}",
    "{{ range(90000) | map('string') | map('upper') | join }}",
    "{{ data.lists | sum(start=[]) }}",
    "{% for i in range(40000) %}{{ data | jsonpath('$..nowhere') }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.deep | jsonpath('$[*][*][*]') | length }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.marked | escape_md | length }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.marked | no_mentions | length }}{{ data.marked | code_block }}{% endfor %}",
    "{% for i in range(40000) %}{{ cycler(*data.big).current }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.rows | sum(attribute='a.b') }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.rows | groupby('none', default=1) | length }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.rows | map(attribute='a.b.c.d', default=1) | list | length }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.rows | sort(attribute='a.b') | length }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.lists | sort | length }}{% endfor %}",
    "{{ data.big | wordwrap(1) }}",
    "{% for i in range(40000) %}{{ data.blank | wordwrap(80) }}{% endfor %}",
    "{{ data.lines | wordwrap(80) }}",
    "{{ data.big | regex_replace('', 'y') }}",
    "{{ data.big | regex_replace('x', 'y') | length }}",
    "{{ data.wide | regex_replace('(.{0,1000})z', 'y') }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]") + "{{ ns.x | striptags }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]") + "{{ ns.x | urlencode }}",
    DOUBLING.replace("NEW", "{'a': ns.x, 'b': ns.x}") + "{{ ns.x | urlencode }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]") + "{{ data[ns.x] }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]") + "{{ data.big[ns.x] }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]") + "{{ data.get(ns.x) }}",
    DOUBLING.replace("NEW", "[ns.x, ns.x]")
    + DOUBLING.replace("NEW", "[ns.x, ns.x]").replace("ns", "ms")
    + "{% for i in (ns.x, ms.x) %}{{ loop.changed(i) }}{% endfor %}",
    PAIRS + "{{ {ns.x: 1} | length }}",
    PAIRS + "{{ data[ns.x] is defined }}",
    PAIRS + "{{ data.get(ns.x) }}",
    PAIRS + "{{ ns.x in data }}",
    PAIRS + "{{ ns.x is in(data) }}",
    PAIRS + "{{ [ns.x] | unique | list | length }}",
    PAIRS + "{{ [[ns.x]] | groupby(0) | length }}",
    PAIRS + "{{ dict([(ns.x, 1)]) | length }}",
    "{% for i in range(40000) %}{{ (data.hex | int(0, 16)) // 7 }}{% endfor %}",
    "{% for i in range(40000) %}{{ (data.hex | int(0, 16)) is divisibleby(data.hex | int(0, 16)) }}{% endfor %}",
    "{% for i in range(40000) %}{{ data.hex | int(0, 16) | round(-20) }}{% endfor %}",
]


@pytest.mark.parametrize("source", RUNAWAYS)
def test_a_runaway_template_is_stopped_soon(source: str):
    deep = [[[n] * 5 for n in range(50)] for _ in range(50)]
    data = {
        "big": "x" * 200_000,
        "blank": " " * 200_000,
        "lines": "\n" * 200_000,
        "wide": "ß" * 200_000,
        "hex": "f" * 200_000,
        "deep": deep,
        "other": [[[n] * 5 for n in range(50)] for _ in range(50)],
        "lists": [[1]] * 1000,
        "marked": "a<b|@c `*_[](http://x) " * 2000,
        "rows": [{"a": {"b": n}} for n in range(20_000)],
    }
    started = time.process_time()
    assert failure_of(source, data).reason
    assert time.process_time() - started < 1.5


@pytest.mark.parametrize("width", [1, 7, 80, 1000])
@pytest.mark.parametrize("text", [" ", "\t", "x", "-", "a-", "a b ", "\n", "\r\n", "\u2028", "é", "a--b "])
def test_wrapping_a_large_text_takes_no_longer_than_it_may(text: str, width: int):
    template = a_template("{{ data | wordwrap(width) | length }}".replace("width", str(width)))
    started = time.process_time()
    with contextlib.suppress(RenderFailed):
        template.render(names_of(an_event(text * (200_000 // len(text))), now_us=NOW_US))
    assert time.process_time() - started < 0.5


def test_a_list_that_holds_one_long_text_a_thousand_times_is_never_copied_out():
    tracemalloc.start()
    failure_of("{{ ([data.big] * 1000) | join }}", {"big": "x" * 200_000})
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


HUNGRY = "{% for i in range(24000) %}{{ i }}{% endfor %}"


def test_the_renderings_of_one_message_share_a_budget():
    template = a_template(HUNGRY)
    names = names_of(an_event(1), now_us=NOW_US)
    with message_account():
        for _ in range(MESSAGE_STEPS // 49_000):
            template.render(names)
        with pytest.raises(RenderFailed, match="the templates of this message take more than 1000000 steps together"):
            template.render(names)
    assert template.render(names)


def test_an_ordinary_post_is_made_even_when_the_message_has_used_up_its_budget():
    names = names_of(an_event({"host": "web1"}), now_us=NOW_US)
    with message_account():
        for _ in range(25):
            with contextlib.suppress(RenderFailed):
                a_template(HUNGRY).render(names)
        assert a_template("{{ data.host | upper }} {% for i in range(100) %}.{% endfor %}").render(names)


def test_rounding_to_absurd_places_computes_no_absurd_power():
    assert rendered("{{ 5 | round(-999999999) }} {{ 5.5 | round(999999999, 'ceil') }}") == "0 5.5"


def test_the_same_template_stops_at_the_same_step_everywhere():
    template = a_template("{% for i in range(100) %}{{ i }},{% endfor %}", limits=Limits(steps=340))
    assert template.render(names_of(an_event(1), now_us=NOW_US)).endswith("99,")
    short = a_template("{% for i in range(100) %}{{ i }},{% endfor %}", limits=Limits(steps=290))
    with pytest.raises(RenderFailed, match="takes more than 290 steps"):
        short.render(names_of(an_event(1), now_us=NOW_US))


def test_an_output_beyond_the_limit_is_refused_with_what_helps():
    failed = failure_of("{{ data }}", "x" * 300_000)
    assert failed.reason == "makes a text of more than 262144 characters; cut it with truncate_text"
    assert len(rendered("{{ data | truncate_text(100) }}", "x" * 300_000)) == 100


def test_a_large_ordinary_post_is_within_the_budget():
    alerts = [{"name": f"alert {n}", "host": f"h{n}.example.org", "level": "warning"} for n in range(1000)]
    source = "{% for a in data %}- {{ a.level | emoji_for }} **{{ a.name }}** on {{ a.host | upper }}\n{% endfor %}"
    assert rendered(source, alerts).count("\n") == 1000


# --- failures and expressions --------------------------------------------------------------------------------


def test_a_failure_names_the_line_of_the_rule_file():
    failed = failure_of("one\ntwo\n{{ data.x + 1 }}", {"x": "a"})
    assert (failed.template, failed.line) == ("rules.d/argo.yaml", 12)


def test_a_failure_inside_an_included_template_names_that_template():
    environment = an_environment(argo__part="fine\n{{ data.nope }}")
    template = a_template("{% include 'argo/part' %}", environment=environment)
    with pytest.raises(RenderFailed, match=r'^argo/part line 2: there is no "nope"; there is: a$'):
        template.render(names_of(an_event({"a": 1}), now_us=NOW_US))


def test_an_expression_gives_its_value():
    assert evaluated("data.n > 3 and data.vo == 'ops'", {"n": 4, "vo": "ops"}) is True
    assert evaluated("data.n", {"n": 4}) == 4
    assert type(evaluated("data.a ~ 'x'", {"a": "b"})) is str


def test_an_expression_whose_value_is_missing_fails():
    with pytest.raises(RenderFailed, match=r'line 10: there is no "x"'):
        evaluated("data.x", {"y": 1})


def test_an_expression_is_bounded_too():
    with pytest.raises(RenderFailed, match="characters"):
        evaluated("'a' * 10**9")
