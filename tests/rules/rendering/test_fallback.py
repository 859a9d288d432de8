from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.rendering.fallback import MAX_PAYLOAD_RUNES, render_fallback
from tests.fakes.mattermost_reader import links_in, mentions_in
from tests.fakes.templating import an_event

STATUS = {"endpoint_group": "SITE-A", "status": "CRITICAL", "summary": "CRITICAL - timeout", "service": "eu.egi.CE"}
HOSTILE = ["@channel", "[x](http://evil.example)", "```\n@all", "\ud800", "\x00", "a|b"]
TEXTS = st.text(max_size=30) | st.sampled_from(HOSTILE)
KEYS = st.sampled_from(["status", "state", "title", "labels", "summary", "message", "url", "service", "x"])
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def test_it_shows_the_main_fields_and_the_payload():
    assert render_fallback(
        an_event(STATUS, text='{"status": "CRITICAL"}'), note="template error: argo/status line 3: no"
    ) == (
        ":red_circle: **SITE-A** is CRITICAL\n"
        "CRITICAL - timeout\n"
        "**service**: eu.egi.CE\n"
        '```\n{"status": "CRITICAL"}\n```\n'
        "_template error: argo/status line 3: no_"
    )


def test_an_alert_within_a_call_shows_its_labels_and_itself():
    alert = {
        "labels": {"alertname": "Down", "severity": "warning"},
        "annotations": {"summary": "gone"},
        "status": "firing",
    }
    text = render_fallback(an_event(alert, text="the whole call", parent={"alerts": [alert]}))
    assert text.startswith(':red_circle: **Down** is firing\ngone\n```\n{"labels":')
    assert "the whole call" not in text


def test_a_text_is_shown_once():
    assert render_fallback(an_event("just @all")) == ":speech_balloon: **alerts**\n```\njust @all\n```"


def test_a_long_payload_is_cut():
    text = render_fallback(an_event("x" * 1_000_000))
    assert len(text) < MAX_PAYLOAD_RUNES + 100
    assert "…" in text


def test_an_undecodable_message_says_why():
    text = render_fallback(an_event("\x00\x01 raw", undecodable="no Avro: unexpected end"))
    assert "**Undecodable**: no Avro: unexpected end" in text


@given(data=DATA, text=TEXTS, note=TEXTS)
@settings(max_examples=300, deadline=None)
def test_it_never_fails_and_never_pings(data: Any, text: str, note: str):
    shown = render_fallback(an_event(data, text=text, parent={}), note=note)
    shown.encode()
    assert mentions_in(shown) == set()
    assert links_in(shown) == []
