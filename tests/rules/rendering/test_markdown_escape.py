"""Where a value stands decides how it is escaped; whatever its author does with it, it stays the event's."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.rendering.environment import RenderFailed
from rules.rendering.escape import CODE_QUOTE, ZERO_WIDTH
from tests.fakes.mattermost_reader import links_in, mentions_in
from tests.fakes.templating import rendered

HOSTILE = st.text(alphabet="@alhere<>[]()|&#64;!_*`~\\: .\n-x/", max_size=24) | st.sampled_from(
    [
        "@channel",
        "channel",
        "nel",
        "@",
        "all",
        "`@all",
        "```\n@here",
        "[x](http://evil.example)",
        "](http://evil.example)",
        "<!here>",
        "<http://evil.example|x>",
        "&#64;all",
        "\\",
        "http://x.example/@all",
        "~~~\n@all",
        "a\n@all",
    ]
)
SHAPES = [
    "{{ data.a }}",
    "{{ data.a }}{{ data.b }}",
    "**{{ data.a }}** and _{{ data.b }}_",
    "{{ '**' ~ data.a ~ '**' ~ data.b }}",
    "{{ '**' + data.a + '**' }}",
    "{{ '%s: **%s**' % (data.a, data.b) }}",
    "{{ data.a % () if '%' not in data.a else data.a }}",
    "{{ '{} **{x}**'.format(data.a, x=data.b) }}",
    "{{ [data.a, data.b] | join(' **and** ') }}",
    "{{ [data.a, '**', data.b] | join }}",
    "{{ ('**' ~ data.a ~ '**') | upper }}",
    "{{ ('**' ~ data.a ~ '**') | replace('*', data.b) }}",
    "{{ 'xyz' | replace('y', data.a) }}",
    "{{ '**'.replace('*', data.a) }}",
    "{{ ('@' ~ data.a)[1:] }}",
    "{{ ('**' ~ data.a) | truncate_text(9) }}",
    "{{ ('**' ~ data.a) | trim('*') }}",
    "{{ data.a | indent(2, true) }}",
    "{{ ', '.join([data.a, data.b]) }}",
    "{{ data.a | center(30) }}",
    "{{ data.a.split('a') | first }}",
    "{{ data.a | list | join }}",
    "{{ data | to_json }}",
    "{{ data }}",
    "{{ data.a | regex_replace('x', '**') }}",
    "{{ data.a | escape_md }} {{ data.b | escape_md }}",
    "{{ data.c | default(data.a) }}",
    "{{ data.a | link(data.b) }}",
    "{{ 'http://ok.example' | link(data.a) }}",
    "{{ data.a | code_block }}\n{{ data.b }}",
    "text {{ data.a | code_block(data.b) }} more {{ data.b }}",
    "`{{ data.a }}` {{ data.b }}",
    "`{{ data.a }} {{ data.b }}",
    "`stray\n`{{ data.a }}` {{ data.b }}`",
    "`odd\\` {{ data.a }} `x`",
    "``{{ data.a }}`` `{{ data.b }}`",
    "```\n{{ data.a }}\n```\n{{ data.b }}",
    "```\n{{ data.a }}```\n{{ data.b }}",
    "```{{ data.a }}\n{{ data.b }}\n```\n{{ data.a }}",
    "> ```\n{{ data.a }}\n> ```",
    "    ```\n{{ data.a }}\n    ```",
    "~~~\n{{ data.a }}\n~~~\n{{ data.b }}",
    "| {{ data.a }} | {{ data.b }} |",
    "# {{ data.a }}\n> {{ data.b }}\n- {{ data.a }}",
    "[{{ data.a }}](https://ok.example/)",
    "https://ok.example/{{ data.a }}/{{ data.b }}",
    "{% macro m(x) %}**{{ x }}**{{ caller() if caller else '' }}{% endmacro %}{{ m(data.a) }}{{ m(data.b) | upper }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(data.a) }}{{ m(m(data.b)) }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ data.a }}{% endcall %}",
    "{% filter upper %}{{ data.a }}{% endfilter %}{% filter trim %}*{{ data.b }}*{% endfilter %}",
    "{% set x %}{{ data.a }}{% endset %}{{ x }}{% set y = x ~ data.b %}{{ y }}",
    "{% set x | upper %}{{ data.a }}{% endset %}{{ x }}",
    "{% for x in [data.a, data.b] recursive %}{{ x }}{% endfor %}",
    "{% for x in [data.a, [data.b]] recursive %}{{ x if x is string else loop(x) }}{% endfor %}",
    "{% set ns = namespace(t='') %}{% for x in [data.a, data.b] %}{% set ns.t = ns.t ~ x %}{% endfor %}{{ ns.t }}",
    "{% block b %}{{ data.a }}{% endblock %}{{ self.b() }}",
    "{% set c = cycler(data.a, data.b) %}{{ c.next() }}{{ c.next() }}{% set j = joiner(data.a) %}{{ j() }}{{ j() }}",
]


@pytest.mark.parametrize("shape", SHAPES)
@given(a=HOSTILE, b=HOSTILE)
@settings(max_examples=40, deadline=None)
@example(a="@channel", b="@all")
@example(a="a`@all` b", b="\n```\n@all")
def test_no_use_of_an_event_value_pings_or_forges(shape: str, a: str, b: str):
    try:
        post = rendered(shape, {"a": a, "b": b})
    except RenderFailed:
        return
    assert mentions_in(post) == set()
    assert [target for _, target in links_in(post) if "ok.example" not in target and not a.startswith("http")] == []


@given(a=HOSTILE, b=HOSTILE)
@settings(max_examples=150, deadline=None)
@example(a="chan", b="nel")
@example(a="all", b="")
@example(a="chan\x00nel", b="")
def test_an_at_sign_of_the_authors_never_makes_a_value_ping_everybody(a: str, b: str):
    pinged = mentions_in(rendered("@{{ data.a }}{{ data.b }} @c{{ data.a }}", {"a": a, "b": b}))
    assert {name.lower() for name in pinged} & {"channel", "all", "here", "everyone"} == set()


def test_an_author_may_mention_a_person_by_a_value():
    assert mentions_in(rendered("@{{ data.who }} please", {"who": "ann.b"})) == {"ann.b"}


def test_the_authors_own_text_is_untouched():
    assert rendered("@channel **x** [a](b) | `c` <http://x|y> {{ '@all _x_ ' ~ '[a](b)' }}") == (
        "@channel **x** [a](b) | `c` <http://x|y> @all _x_ [a](b)"
    )


def test_a_value_marked_safe_is_untouched():
    assert rendered("{{ data | safe_md }}", "@all **x**") == "@all **x**"


def test_nothing_is_escaped_twice():
    assert rendered("{{ (data | escape_md) ~ '|' ~ (data | escape_md | trim) }}", "a*") == "a\\*|a\\*"


def test_plain_mode_escapes_nothing():
    assert rendered("{{ data }} @all", "**a|b** @here", mode="plain") == "**a|b** @here @all"


def test_a_value_in_code_is_shown_without_escapes():
    assert rendered("`{{ data }}` {{ data }}", "a*b|c_d_") == "`a*b|c_d_` a\\*b\\|c_d\\_"


def test_a_value_cannot_leave_the_authors_code():
    assert rendered("`{{ data }}`", "x` @all `") == f"`x{CODE_QUOTE} @{ZERO_WIDTH}all {CODE_QUOTE}`"
    assert rendered("```\n{{ data }}\n```", "x\n```\n@all") == f"```\nx\n``{ZERO_WIDTH}`\n@all\n```"


def test_a_value_of_several_lines_stays_in_its_table_row_heading_and_quote():
    assert rendered("| {{ data }} |", "a\n|b") == "| a \\|b |"
    assert rendered("# {{ data }}\n> {{ data }}\n{{ data }}", "a\nb") == "# a b\n> a\n> b\na\nb"


def test_a_value_in_an_address_is_percent_encoded():
    assert rendered("[x](https://h.example/{{ data }})", "a b)|@all") == "[x](https://h.example/a%20b%29%7C%40all)"


def test_a_less_than_sign_is_left_alone_where_no_pipe_can_make_a_link_of_it():
    assert rendered("{{ data }}", "load < 5") == "load < 5"
    assert rendered("| {{ data }} |", "load < 5") == "| load &lt; 5 |"


def test_a_code_block_takes_lines_of_its_own():
    assert rendered("see {{ data | code_block }} there", "x") == "see \n```\nx\n```\n there"
    assert rendered("see\n{{ data | code_block('json') }}\nthere", "x") == "see\n```json\nx\n```\nthere"


def test_half_a_surrogate_pair_and_nul_never_reach_the_post():
    assert rendered("{{ data }}é", "a\ud800b\x00c") == "a\ufffdbcé"
    assert rendered("{{ data }}", "\ud83d\ude00\x00", mode="plain") == "😀"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("`{{ data }}`", "`a*b \\*c_d_`"),
        ("x `{{ data }}` and ``{{ data }}`` {{ data }}", "x `a*b \\*c_d_` and ``a*b \\*c_d_`` a\\*b\n&#92;\\*c_d\\_"),
        ("{{ data }}: `{{ data }}`", "a\\*b\n&#92;\\*c_d\\_: `a*b \\*c_d_`"),
        ("`stray {{ data }}", "`stray a\\*b\n&#92;\\*c_d\\_"),
    ],
)
def test_a_value_of_several_lines_in_an_authors_code_span_is_one_line_of_code(shape: str, expected: str):
    assert rendered(shape, "a*b\n\\*c_d_") == expected


def test_a_value_makes_no_code_block_with_the_authors_blanks():
    assert rendered("a\n\n  {{ data }}", "  x<T>") == f"a\n\n  {ZERO_WIDTH}  x&lt;T>"
    assert rendered("a\n\n{{ data.a }}{{ data.b }}", {"a": "  ", "b": "  x"}) == f"a\n\n  {ZERO_WIDTH}  x"
    assert rendered("> {{ data }}", "a\n\n    x") == f"> a\n> \n> {ZERO_WIDTH}    x"
