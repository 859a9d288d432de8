from __future__ import annotations

import base64

import pytest

from rules.events.status import COLOR, EMOJI
from rules.rendering.environment import RenderFailed
from rules.rendering.filters import FILTERS
from tests.fakes.templating import an_environment, rendered


@pytest.mark.parametrize(
    ("status", "emoji"),
    [
        ("CRITICAL", ":red_circle:"),
        ("critical", ":red_circle:"),
        ("firing", ":red_circle:"),
        ("PROBLEM", ":red_circle:"),
        ("Disaster", ":red_circle:"),
        ("DOWN", ":red_circle:"),
        ("failure", ":red_circle:"),
        (2, ":red_circle:"),
        ("WARNING", ":large_orange_circle:"),
        ("Average", ":large_orange_circle:"),
        (1.0, ":white_circle:"),
        ("1", ":large_orange_circle:"),
        ("OK", ":large_green_circle:"),
        ("resolved", ":large_green_circle:"),
        (" Up ", ":large_green_circle:"),
        ("RECOVERY", ":large_green_circle:"),
        (0, ":large_green_circle:"),
        ("UNKNOWN", ":white_circle:"),
        ("never heard of", ":white_circle:"),
        ("", ":white_circle:"),
        (None, ":white_circle:"),
        (True, ":white_circle:"),
        ({"a": 1}, ":white_circle:"),
        ("MISSING", ":black_circle:"),
        ("No data", ":black_circle:"),
        ("DOWNTIME", ":large_blue_circle:"),
        ("DOWNTIMESTART", ":large_blue_circle:"),
        ("Not classified", ":information_source:"),
        ("info", ":information_source:"),
        ("ACKNOWLEDGEMENT", ":eyes:"),
        ("FLAPPINGSTART", ":arrows_counterclockwise:"),
    ],
)
def test_a_status_has_an_emoji(status: object, emoji: str):
    assert rendered("{{ data.s | emoji_for }}", {"s": status}) == emoji


def test_a_missing_status_has_one_too():
    assert rendered("{{ data.s | emoji_for }} {{ data.s | status_color }}", {}) == ":white_circle: #8d93a5"


def test_every_meaning_has_its_own_emoji_and_colour():
    assert len(set(EMOJI.values())) == len(EMOJI)
    assert len(set(COLOR.values())) == len(COLOR) == len(EMOJI)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-01-03T10:00:00Z", "5 min ago"),
        ("2026-01-03T12:00:00.123456789+02:00", "4 min ago"),
        ("2026-01-03 10:04:15", "45 s ago"),
        ("2026-01-03T10:04:58Z", "just now"),
        ("2026-01-03", "10 h 5 min ago"),
        ("2026-01-01T08:00:00Z", "2 days ago"),
        ("2025-12-01", "33 days ago"),
        ("2026-01-03T12:05:00Z", "in 2 h"),
        (1767434400, "5 min ago"),
        (1767434400000, "5 min ago"),
        ("1767434400.5", "4 min ago"),
        ("0001-01-01T00:00:00Z", ""),
        ("yesterday", "yesterday"),
        ("2026-99-99", "2026-99-99"),
        (None, ""),
        ("", ""),
    ],
)
def test_ago_counts_from_the_time_of_the_decision(moment: object, words: str):
    assert rendered("{{ data.t | ago }}", {"t": moment}) == words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ 7800 | duration }}", "2 h 10 min"),
        ("{{ 0 | duration }}", "0 s"),
        ("{{ 59.6 | duration }}", "1 min"),
        ("{{ 61 | duration }}", "1 min 1 s"),
        ("{{ '1h30m' | duration }}", "1 h 30 min"),
        ("{{ 93600 | duration }}", "1 day 2 h"),
        ("{{ '2026-01-03T10:00:00Z' | duration(now) }}", "5 min"),
        ("{{ '2026-01-03T10:00:00Z' | duration('2026-01-03T10:20:00Z') }}", "20 min"),
        ("{{ '2026-01-03T10:00:00Z' | duration('0001-01-01T00:00:00Z') }}", ""),
        ("{{ (now - message.publish_time) | duration }}", "5 s"),
        ("{{ 'long' | duration }}", "long"),
        ("{{ none | duration }}", ""),
    ],
)
def test_a_duration_in_words(source: str, words: str):
    assert rendered(source) == words


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ '2026-01-03T10:00:00Z' | localtime('Europe/Athens') }}", "2026-01-03 12:00 EET"),
        ("{{ '2026-07-03T10:00:00Z' | localtime('Europe/Athens', '%H:%M') }}", "13:00"),
        ("{{ now | localtime }}", "2026-01-03 10:05 UTC"),
        ("{{ '9999-12-31T23:59:59Z' | localtime('Europe/Athens') }}", "9999-12-31T23:59:59Z"),
        ("{{ 'soon' | localtime }}", "soon"),
    ],
)
def test_a_time_in_a_zone(source: str, shown: str):
    assert rendered(source) == shown


@pytest.mark.parametrize(
    ("text", "length", "cut"),
    [
        ("short", 10, "short"),
        ("one two three four", 15, "one two three…"),
        ("one two three four", 14, "one two three…"),
        ("abcdefghij", 5, "abcd…"),
        ("one and two", 4, "one…"),
        ("abc", 0, ""),
        ("a_b_c_ d", 7, "a_b_c\\_…"),
    ],
)
def test_a_text_is_cut_at_a_word_where_one_is_near(text: str, length: int, cut: str):
    assert rendered(f"{{{{ data | truncate_text({length}) }}}}", text) == cut


def test_cutting_keeps_who_wrote_what():
    assert rendered("{{ ('**' ~ data ~ '**') | truncate_text(6) }}", "a*b") == "**a\\*b…"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ data.u | link('the [graph]') }}", "[the [graph]](https://h.example/a?b=1)"),
        ("{{ data.u | link(data.t) }}", "[\\[t\\] \\*](https://h.example/a?b=1)"),
        ("{{ data.u | link }}", "https://h.example/a?b=1"),
        ("{{ 'javascript:alert(1)' | link(data.t) }}", "\\[t\\] \\*"),
        ("{{ none | link('graph') }}", "graph"),
        ("{{ 'https://h.example/a(b)' | link('x') }}", "[x](https://h.example/a%28b%29)"),
        ("{{ 'mailto:a@h.example' | link('write') }}", "[write](mailto:a@h.example)"),
    ],
)
def test_a_link(source: str, shown: str):
    assert rendered(source, {"u": "https://h.example/a?b=1", "t": "[t] *"}) == shown


def test_a_code_block_is_longer_than_what_is_in_it():
    assert rendered("{{ data | code_block('js on') }}", "a\n```\nb") == "````json\na\n```\nb\n````"
    assert rendered("[{{ data | code_block }}]", "  ") == "[]"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ data.h | regex_replace('[.].*', '') }}", "ce01"),
        ("{{ data.h | regex_replace('(\\\\w+)[.](\\\\w+)', '\\\\2-\\\\1', 1) }}", "example-ce01.org"),
        ("{{ (data.j | from_json).a[1] }}", "2"),
        ("{{ data.list | to_json }}", '\\[1,"é",null,true\\]'),
        ("{{ {'b': 1, 'a': now} | to_json }}", '{"b":1,"a":"2026-01-03T10:05:00Z"}'),
        ("{{ (message | to_json | from_json).topic }}", "alerts"),
        ("{{ data.b64 | b64decode }}", "grüß"),
        ("{{ data | jsonpath('$.alerts[*].n') | join(', ') }}", "1, 2"),
        ("{{ data | jsonpath('$.nothing') | first | default('none') }}", "none"),
        ("{{ data.md | no_mentions }}", "**x** @\u200ball [a](https://h.example)"),
        ("{{ data.md | escape_md }}", "\\*\\*x\\*\\* @\u200ball \\[a\\](https://h.example)"),
        ("{{ data.md | safe_md }}", "**x** @all [a](https://h.example)"),
        (
            "{{ data.h | upper }} {{ 'a_' | capitalize }} {{ '  x ' | trim }}{{ none | upper }}",
            "CE01.EXAMPLE.ORG A\\_ x",
        ),
        ("{{ 'a b&c' | urlencode }}", "a%20b%26c"),
        ("{{ '%s: %05.1f%%' | format(data.h, 2) }}", "ce01.example.org: 002.0%"),
        (
            "{{ data.list | length }} {{ [3, 1, 2] | sort | join }} {{ [1, 2] | sum }} {{ [1, 1] | unique | list }}",
            "4 123 3 \\[1\\]",
        ),
        ("{{ data.alerts | groupby('k') | map(attribute='grouper') | join(' ') }}", "x"),
        ("{% for g in data.alerts | groupby('k') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}", "x2"),
        ("{{ data.alerts | map(attribute='n') | sum }}{{ data.alerts | sum('n') }}", "33"),
        ("{{ 'one\ntwo' | indent(2) }}|{{ 'a' | center(5) }}|", "one\n  two|  a  |"),
    ],
)
def test_filters_do_what_they_say(source: str, shown: str):
    data = {
        "h": "ce01.example.org",
        "j": '{"a": [1, 2]}',
        "list": [1, "é", None, True],
        "b64": base64.urlsafe_b64encode("grüß".encode()).decode().rstrip("="),
        "alerts": [{"n": 1, "k": "x"}, {"n": 2, "k": "x"}],
        "md": "**x** @all [a](https://h.example)",
    }
    assert rendered(source, data) == shown


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ 'x' | from_json }}", "from_json: "),
        ("{{ '*' | b64decode }}", "b64decode: "),
        ("{{ 'x' | regex_replace(data) }}", "has no closing"),
        ("{{ 'x' | lookup('no' ~ 'ne') }}", 'there is no table "none"'),
        ("{{ now | localtime('No/Where' ~ '') }}", 'there is no time zone "No/Where"'),
        ("{{ data.x | ago }}", 'there is no "x"'),
        ("{{ ['a'] | sum }}", "sum adds numbers, not "),
    ],
)
def test_what_cannot_be_done_is_said(source: str, reason: str):
    with pytest.raises(RenderFailed) as caught:
        rendered(source, "(" if "regex" in source else {})
    assert reason in caught.value.reason


def test_a_lookup_table_is_asked_by_key():
    environment = an_environment({"owners": {"SITE-A": {"mail": "a@x.example"}, "7": "seven"}, "list": ["zero"]})
    source = (
        "{{ (data | lookup('owners')).mail }} {{ ('none' | lookup('owners', {})).mail | default('nobody') }} "
        "{{ 7 | lookup('owners') }} {{ 0 | lookup('list') }}{{ 9 | lookup('list') }}"
    )
    assert rendered(source, "SITE-A", environment=environment) == "a@x.example nobody seven zero"


def test_every_filter_says_what_it_does_in_one_sentence():
    for name, function in FILTERS.items():
        first = (function.__doc__ or "").splitlines()[0]
        assert first.endswith("."), name


def test_a_negative_duration_says_so():
    assert rendered("{{ -7800 | duration }}, {{ 0 | duration }}, {{ -0.2 | duration }}") == "-2 h 10 min, 0 s, 0 s"
    source = "{{ '2026-01-03T10:00:00Z' | duration('2026-01-03T09:15:00Z') }}"
    assert rendered(source) == "-45 min"


def test_a_text_is_not_cut_inside_of_one_character_made_of_several():
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert rendered("{{ data.a | truncate_text(5) }}", {"a": f"ab{family}cd"}) == "ab…"
    assert rendered("{{ data.a | truncate_text(4) }}", {"a": "abce\u0301fgh"}) == "abc…"
