"""Every problem of a template at load, at its place in the rule file or template file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.rendering.compiling import compile_expression, compile_file, compile_text
from rules.rendering.environment import CompiledTemplate, Templates
from rules.rendering.template_files import (
    SHIPPED,
    TemplateSource,
    find_unasked,
    read_template_sources,
    read_templates,
    shelve,
)
from rules.rendering.template_names import names_of
from rules.source.places import read_yaml
from rules.source.problems import Place
from tests.fakes.templating import NOW_US, RULES, an_environment, an_event, said, sources


def problems_of(source: str, environment: Templates | None = None, **more: object) -> list[str]:
    found = compile_text(source, place=RULES, environment=environment or Templates(), path="rules[0].text", **more)  # type: ignore[arg-type]
    return said(found)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ data.x | emojifor }}", '10:23 unknown filter "emojifor"; did you mean "emoji_for"?'),
        ("{{ data.x | safe }}", '10:23 unknown filter "safe"; write safe_md for Markdown you trust'),
        ("a\n  {{ data.x is defned }}", '11:16 unknown test "defned"; did you mean "defined"?'),
        ("{{ data.x | map('uper') | list }}", '10:28 unknown filter "uper"; did you mean "upper"?'),
        ("{{ data | selectattr('a', 'eqal', 1) }}", '10:38 unknown test "eqal"; did you mean "equalto"?'),
        (
            "{{ dta.x }}",
            (
                '10:14 no event has the name "dta"; did you mean "data"? it has: attributes, data, message, '
                "now, parent, tables, text, vars"
            ),
        ),
        ("{{ vars.sevrity }}", '10:19 the rule\'s set: has no "sevrity"; it has: nothing'),
        (
            "{{ message.ofset }}",
            '10:22 message has no "ofset"; did you mean "offset"? it has: id, offset, project, publish_time, topic',
        ),
        ("{{ tables.owners }}", '10:21 there is no table "owners"; bridge.yaml has: none'),
        ("{{ data | lookup('owner') }}", '10:29 lookup: there is no table "owner"; bridge.yaml has: none'),
        ("{{ data | jsonpath('x') }}", '10:31 jsonpath: a path begins with "$"; write $.x'),
        (
            "{{ data.t | localtime('Europe/Athen') }}",
            '10:34 localtime: there is no time zone "Europe/Athen"; did you mean "Europe/Athens"?',
        ),
        ("{% include 'argo/partz' %}", '10:23 there is no template "argo/partz"'),
        ("{% include data.x %}", "10:11 the name of an included template must be written out, for it is read at load"),
        ("{% autoescape true %}x{% endautoescape %}", "10:14 autoescape is for HTML; event values are escaped anyway"),
        ("{{ data.x", '10:11 unexpected end of template, expected "end of print statement"'),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", '10:11 block "a" defined twice'),
        ("{% for x in data %}" * 30 + "{% endfor %}" * 30, "10:11 is nested too deep"),
        ("{% fi data %}x{% endif %}", None),
        ("{{ (1 }}", None),
        ("{% for x in data %}{{ x }}", None),
        ("{{ data.x | regex_replace('(?=a)', '') }}", None),
        ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "10:11 is nested too deep to be read"),
    ],
)
def test_a_mistake_is_a_problem_with_its_place(source: str, problem: str | None):
    found = problems_of(source)
    assert len(found) == 1
    assert problem is None or found == [problem]


def test_an_unknown_tag_says_which_tags_there_are():
    (problem,) = problems_of("{% fi data %}x{% endif %}")
    assert problem.startswith('10:14 unknown tag "fi"')
    assert problem.endswith("tags: for, if, macro, call, filter, set, include, import, from, extends, block, with, raw")


def test_all_mistakes_are_told_at_once():
    assert len(problems_of("{{ data | a1 }}{{ data is b2 }}\n{% include 'c3' %}{{ tables.d4 }}")) == 4
    assert len(problems_of("{{ nope }} {{ data }} {{ neither }}")) == 2


def test_set_names_and_names_the_caller_adds_are_known():
    found = compile_text(
        "{{ level }}{{ vars.level }}{{ phase }}",
        place=RULES,
        environment=Templates(),
        sets=("level",),
        known={"vars", "phase"},
    )
    assert isinstance(found, CompiledTemplate)
    assert found.names == {"level", "vars", "phase"}


def test_names_a_template_makes_itself_are_no_problem():
    source = (
        "{% set a = 1 %}{% for b in data %}{{ b }}{{ loop.index }}{% endfor %}{% macro c(d, e=2) %}{{ d }}{{ caller }}"
        "{{ varargs }}{% endmacro %}{% if data %}{% set f = 1 %}{% endif %}{{ a }}{{ f }}{{ range(2) | list }}"
    )
    assert isinstance(compile_text(source, place=RULES, environment=Templates()), CompiledTemplate)


def test_the_place_of_each_line_may_come_from_the_yaml_file():
    document = read_yaml("rules:\n  - text: |\n      one\n      two {{ data | nope }}\n", "r.yaml")
    found = compile_text(
        document.value["rules"][0]["text"],
        place=lambda line, column: document.place_inside(("rules", 0, "text"), line, column),
        environment=Templates(),
    )
    assert said(found)[0].startswith("4:")


def test_a_text_without_tags_is_a_constant():
    found = compile_text("channel-a\r\nx\n", place=RULES, environment=Templates())
    assert isinstance(found, CompiledTemplate)
    assert (found.template, found.constant) == (None, "channel-a\nx")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ data.x }}", "10:11 write the expression alone, without {{ }}"),
        ("data.x >", None),
        ("data.x 3", '10:18 "3" is left over after the expression'),
        ("dta.x > 3", None),
        ("data.x | nope", '10:20 unknown filter "nope"'),
    ],
)
def test_a_bad_expression_is_a_problem(source: str, problem: str | None):
    found = said(compile_expression(source, place=RULES, environment=Templates()))
    assert len(found) == 1
    assert problem is None or found == [problem]


# --- template files ---------------------------------------------------------------------------------------


def a_folder(tmp_path: Path, **files: str) -> Path:
    for source in sources(**files):
        path = tmp_path / f"{source.name}.md.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.text)
    return tmp_path


def test_the_users_folder_comes_before_the_shipped_one(tmp_path: Path):
    environment, problems = read_templates(a_folder(tmp_path, argo__status="mine: {{ data.status }}\n"))
    assert problems == ()
    found = compile_file("argo/status", place=RULES, environment=environment)
    assert isinstance(found, CompiledTemplate)
    assert found.render(names_of(an_event({"status": "OK"}), now_us=NOW_US)) == "mine: OK"
    assert isinstance(compile_file("argo/alarm", place=RULES, environment=environment), CompiledTemplate)


def test_the_shipped_templates_have_no_problems():
    _, problems = read_templates(None)
    assert problems == ()
    assert len(list(SHIPPED.rglob("*.md.j2"))) == 12


def test_problems_of_template_files_name_the_file(tmp_path: Path):
    environment, problems = read_templates(a_folder(tmp_path, x__bad="fine\n{{ data | nope }}", x__worse="{% if %}"))
    assert min(str(problem).replace(f"{tmp_path}/", "") for problem in problems) == (
        'x/bad.md.j2:2:11  unknown filter "nope"'
    )
    assert environment.unusable == {"x/bad", "x/worse"}
    assert said(compile_file("x/bad", place=RULES, environment=environment)) == [
        '10:11 the template "x/bad" has problems of its own'
    ]


def test_a_template_that_is_not_there_is_a_problem_with_what_there_is():
    environment = an_environment(argo__status="x")
    for name in ("argo/statsu", "argo/status.md.j2"):
        (problem,) = said(compile_file(name, place=RULES, environment=environment))
        assert problem == f'10:11 there is no template "{name}"; did you mean "argo/status"? there are: argo/status'


def test_names_of_files_and_their_includes_are_checked_against_the_rule_that_uses_them():
    environment = an_environment(outer="{% include 'inner' %}{{ data }}", inner="\n{{ owner }}")
    (problem,) = said(compile_file("outer", place=RULES, environment=environment))
    assert problem.startswith('2:4 no event has the name "owner"')
    found = compile_file("outer", place=RULES, environment=environment, sets=("owner",))
    assert isinstance(found, CompiledTemplate)
    assert found.names == {"data", "owner"}
    assert said(compile_text("{% include 'outer' %}", place=RULES, environment=environment)) == [problem]


def test_a_template_that_includes_itself_is_a_problem():
    environment = Templates()
    problems = shelve(
        environment, sources(a="{% include 'b' %}", b="{% include 'c' %}", c="{% import 'a' as x %}", d="x")
    )
    assert [problem.text for problem in problems] == [
        "includes itself: a > b > c > a",
        "includes itself: b > c > a > b",
        "includes itself: c > a > b > c",
    ]
    assert environment.unusable == {"a", "b", "c"}


def test_shipped_templates_are_compiled_when_they_are_named_and_what_they_include_with_them():
    found, _ = read_template_sources(None)
    environment = Templates()
    assert shelve(environment, found, later=find_unasked(found)) == ()
    assert not environment.shelf
    assert isinstance(compile_file("argo/status", place=RULES, environment=environment), CompiledTemplate)
    assert set(environment.shelf) == {"argo/status", "plain"}


def test_shipped_templates_that_include_one_of_the_users_are_compiled_with_it(tmp_path: Path):
    (tmp_path / "plain.md.j2").write_text("{% include 'argo/status' %}")
    found, _ = read_template_sources(tmp_path)
    waiting = find_unasked(found)
    problems = shelve(Templates(), found, later=waiting)
    assert {problem.text for problem in problems} == {
        "includes itself: argo/status > plain > argo/status",
        "includes itself: plain > argo/status > plain",
    }
    assert waiting == frozenset()  # every shipped one looks for its plain form there


def test_a_file_that_includes_a_broken_one_says_so_through_it():
    environment = Templates()
    shelve(environment, sources(broken="{{ data | nope }}", fine="{% include 'broken' %}"))
    (problem,) = said(compile_file("fine", place=RULES, environment=environment))
    assert problem == '10:11 the template "fine" refers to "broken", which has problems of its own'


def test_other_files_are_named_and_unreadable_ones_are_problems(tmp_path: Path):
    (tmp_path / "x.j2").write_text("x")
    (tmp_path / "y.md.j2").write_bytes(b"\xff")
    (tmp_path / "z.md.j2").mkdir()
    found, problems = read_template_sources(tmp_path, shipped=tmp_path / "none")
    assert found == []
    assert [(problem.place.file.rsplit("/", 1)[1], problem.text, problem.kind) for problem in problems] == [
        ("x.j2", "a template file is named NAME.md.j2", "warning"),
        ("y.md.j2", "the template is not UTF-8; save it as UTF-8", "error"),
        ("z.md.j2", "cannot read the template: Is a directory", "error"),
    ]


def test_a_template_source_is_a_value():
    assert TemplateSource("a", "f", "t") == TemplateSource("a", "f", "t")
    assert Place("f") == Place("f", 1, 1)
