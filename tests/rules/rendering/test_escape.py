from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.rendering.escape import ZERO_WIDTH, clean, escape_md, escape_value, fence_for, link_target, strip_mentions
from tests.fakes.mattermost_reader import links_in, mentions_in

Z = ZERO_WIDTH
HOSTILE = st.text(alphabet="@alhere<>[]()|&#64;!_*`~\\: .\n-x/", max_size=40)
ANYTHING = st.text(max_size=40) | HOSTILE


@pytest.mark.parametrize(
    "ordinary",
    [
        "CRITICAL - Socket timeout",
        "ce01.example.org",
        "eu.egi.CE",
        "org.nagios.Ping",
        "my_host_01.example.org",
        "UKI_NORTHGRID",
        "db1.example.org:9100 of job node: InstanceDown for more than 5 minutes.",
        "[FIRING:1] High latency web",
        "load is 5 * 3 (high), 90% of /var/log",
        "WARNING - certificate expires in 13 days",
        "mail root@example.org, please",
        "see https://ui.example.org/TENANT/_x_/a?b=1&c=2#top for more",
        "at 10:05:30, ratio 1:2:3, C# and F#, #12, host:9100/x, std::vector, a:b",
        "https://p.example/graph?g0.expr=job:up:count#tag and ::1 or ~/x; y",
        "C:\\Program Files\\x",
        'R&D ~/home it\'s "quoted" $5 = 4+1; a,b',
        "ΑΘΗΝΑ-1 λήξη χρόνου",
        "",
    ],
)
def test_ordinary_text_comes_out_byte_for_byte(ordinary: str):
    assert escape_value(ordinary, line_start=True, pipes=False) == ordinary


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("@channel", f"@{ZERO_WIDTH}channel"),
        ("(@all)", f"(@{ZERO_WIDTH}all)"),
        ("ops.@here", f"ops.@{ZERO_WIDTH}here"),
        ("[x](http://evil.example)", "\\[x\\](http://evil.example)"),
        ("![x](y)", "!\\[x\\](y)"),
        ("<http://evil.example|bank>", "&lt;http://evil.example\\|bank>"),
        ("<!channel>", "&lt;!channel>"),
        ("a | b", "a \\| b"),
        ("**bold** _it_ ~~no~~", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~"),
        ("`code`", "\\`code\\`"),
        ("&#64;all &commat;all", "&amp;#64;all &amp;commat;all"),
        ("a\\*b", "a&#92;\\*b"),
        ("end\\", "end&#92;"),
        ("javascript:alert(1)", f"javascript:{ZERO_WIDTH}alert(1)"),
        ("# heading", "\\# heading"),
        ("> quote", "\\> quote"),
        ("- item\n* item\n1. item", "\\- item\n\\* item\n1\\. item"),
        ("text\n---\n===", f"text\n\\---\n{ZERO_WIDTH}==="),
        ("[ref]: http://evil.example", "\\[ref\\]: http://evil.example"),
        ("one\r\ntwo\x00\x1b[31m\u202e", "one\ntwo"),
        (
            "\x1b[1;31mred\x1b[0m \x9b2Kx \x1b(By \x1b]8;;http://e.example\x1b\\link\x1b]8;;\x07 \x1b]0;open",
            "red x y link \\]0;open",
        ),
        ("\u2066iso\u2067la\u2068ted\u2069", "isolated"),
        ("job:up:count", f"job:{Z}up:count"),
        ("load <3", f"load &lt;{Z}3"),
        ("</3 :) ;-) :-( :/ :D (:p) x-D :'(", f"&lt;{Z}/3 :{Z}) ;{Z}-) :{Z}-( :{Z}/ :{Z}D (:{Z}p) x{Z}-D :{Z}'("),
        (":100::+1:a:b:c", f":{Z}100::{Z}+1:{Z}a:{Z}b:c"),
        ("fe80:100::db8:1 00:ab:cl:10", f"fe80:{Z}100::{Z}db8:1 00:{Z}ab:{Z}cl:10"),
        ("~town-square #tag (#ops) in ~town", f"~{Z}town-square #{Z}tag (#{Z}ops) in ~{Z}town"),
        ("oops\n\n    at f(x<T>)\n    at g\n \n\tat h", f"oops\n\n{Z}    at f(x&lt;T>)\n    at g\n \n{Z}\tat h"),
        ("    first\n\n   three", f"{Z}    first\n\n   three"),
        ("a\n\n     - b", f"a\n\n{Z}     \\- b"),
    ],
)
def test_what_has_power_is_shown_and_does_nothing(value: str, shown: str):
    assert escape_md(value) == shown


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://ui.example.org/a_b/_c_?x=1&y=~z*", "https://ui.example.org/a_b/_c_?x=1&y=~z%2A"),
        ("https://en.example.org/wiki/Foo_(bar)", "https://en.example.org/wiki/Foo_(bar)"),
        ("https://x.example/a)b", "https://x.example/a%29b"),
        ("http://[2001:db8::1]:9090/q[1]|", "http://[2001:db8::1]:9090/q%5B1%5D%7C"),
        ("https://x.example/@channel", "https://x.example/%40channel"),
        ("https://user@x.example/", "https://user@x.example/"),
        ("https://x.example/?a&#64;all", "https://x.example/?a&#64%3Ball"),
    ],
)
def test_a_url_stays_an_address_of_the_same_page(url: str, kept: str):
    assert escape_md(url) == kept


@given(ANYTHING)
@settings(max_examples=400)
@example("&#64;all")
@example("<@all|x>")
def test_an_escaped_value_pings_nobody_and_forges_no_link(value: str):
    escaped = escape_md(value)
    assert mentions_in(escaped) == set()
    assert links_in(escaped) == []


@given(st.lists(HOSTILE, min_size=2, max_size=4))
@settings(max_examples=300)
def test_escaped_values_side_by_side_are_as_harmless_as_alone(values: list[str]):
    text = "".join(escape_value(value, line_start=False) for value in values)
    assert mentions_in(text) == set()
    assert links_in(text) == []


@given(ANYTHING)
@settings(max_examples=300)
def test_a_reader_sees_the_value_as_it_was_sent(value: str):
    if value[:4].lower() == "http" or "://" in value:
        return  # addresses are percent-encoded instead
    shown = re.sub(
        r"\\([!-/:-@\[-`{-~])|(&(?:lt|amp|#92);)", lambda found: found[1] or html.unescape(found[2]), escape_md(value)
    )
    assert shown.replace(ZERO_WIDTH, "") == clean(value).replace(ZERO_WIDTH, "")


@given(HOSTILE)
@settings(max_examples=300)
def test_text_without_mentions_pings_nobody(value: str):
    assert mentions_in(strip_mentions(value)) == set()


@given(st.text(alphabet="`\nx ", max_size=30))
def test_a_fence_is_longer_than_any_run_within(value: str):
    fence = fence_for(value)
    assert fence not in value
    assert len(fence) >= 3


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://x",
        "//x",
        "just text",
        "",
        "http://a b",
        "http://a b/c",
        "https://x/\ny",
    ],
)
def test_only_http_and_mail_addresses_become_link_targets(url: str):
    assert link_target(url) == ""


def test_blanks_behind_the_host_of_a_link_target_are_percent_encoded():
    assert link_target("https://wiki.example.org/OPS/Disk full") == "https://wiki.example.org/OPS/Disk%20full"
    assert link_target("https://x.example?q=a b\u00a0c\td") == "https://x.example?q=a%20b%C2%A0c%09d"


def test_a_link_target_has_no_parentheses():
    assert link_target(" https://x.example/a(b)?q=[1] ") == "https://x.example/a%28b%29?q=%5B1%5D"
