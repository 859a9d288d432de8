import pytest

from rules.model import DestinationFacts
from tests.fakes.mattermost_reader import mentions_in
from tests.fakes.rule_sets import Line, a_destination, a_rule, a_rule_set, a_world


def the_post(text, data=None, **changed):
    (send,) = Line(a_rule(text)).take(data, **changed)
    return send.post


def test_text_is_the_body_of_the_post():
    assert (
        the_post('text: "**{{ data.site }}** is {{ data.status }}"', {"site": "A", "status": "OK"}).text
        == "**A** is OK"
    )


def test_a_rule_without_text_shows_the_event_plainly():
    assert "CRITICAL" in the_post("match: {$.status: CRITICAL}").text


def test_all_parts_of_a_post_are_made():
    post = the_post(
        """
        text: t
        title: "{{ data.site }}"
        url: "{{ data.url }}"
        severity: "{{ data.status | lower }}"
        color: "#ff0000"
        icon: ":fire:"
        footer: "from {{ message.topic }}"
        mention: "@oncall"
        fields: {Site: "{{ data.site }}", Status: "{{ data.status }}"}
        """,
        {"site": "A", "status": "CRITICAL", "url": "https://x.example.org/?a=1"},
    )
    assert (post.title, post.url, post.severity, post.color) == (
        "A",
        "https://x.example.org/?a=1",
        "critical",
        "#ff0000",
    )
    assert (post.icon, post.footer, post.mention) == (":fire:", "from alarms", "@oncall")
    assert [(one.title, one.value, one.short) for one in post.fields] == [
        ("Site", "A", True),
        ("Status", "CRITICAL", True),
    ]


def test_fields_may_be_a_list_that_says_which_are_short():
    post = the_post('text: t\nfields: [{title: Site, value: "{{ data.site }}", short: false}]', {"site": "A"})
    assert [(one.title, one.value, one.short) for one in post.fields] == [("Site", "A", False)]


def test_a_body_is_an_exact_payload_with_templates_in_it():
    post = the_post(
        'send: hook\nbody: {site: "{{ data.site }}", n: 1, list: ["{{ data.site }}", null]}', {"site": "A|B"}
    )
    assert post.body == {"site": "A|B", "n": 1, "list": ["A|B", None]}


def test_a_body_may_be_a_template_that_gives_json():
    assert the_post('send: hook\nbody: "{{ data | to_json }}"', {"a": [1]}).body == {"a": [1]}


def test_a_body_that_is_no_json_is_left_out_with_a_reason():
    line = Line(a_rule('send: hook\ntext: t\nbody: "{{ data.a }}"'))
    (send,) = line.take({"a": "not json"})
    assert send.post.body is None
    assert "no JSON" in send.fallback
    assert line.counts["template_errors"] == 1


def test_overrides_of_a_send_are_rendered_and_kept_beside_the_post():
    post = the_post('text: t\nsend: {to: ops, channel: "{{ data.site | lower }}", priority: urgent}', {"site": "A"})
    assert post.overrides == {"channel": "a", "priority": "urgent"}


def test_a_template_that_fails_gives_the_plain_rendering_with_a_note():
    line = Line(a_rule('text: "{{ data.nothing }}"'))
    (send,) = line.take({"status": "CRITICAL"})
    assert "CRITICAL" in send.post.text
    assert 'there is no "nothing"' in send.post.text
    assert 'there is no "nothing"' in send.fallback
    assert line.counts["template_errors"] == 1


@pytest.mark.parametrize("text", ["", "   ", "{% if data.alerts %}x{% endif %}"])
def test_a_template_that_gives_nothing_posts_nothing_and_the_books_say_so(text: str):
    line = Line(a_rule(f'text: "{text}"'))
    assert line.take({"alerts": []}) == []
    assert [(one.outcome, one.by) for one in line.judgements] == [("dropped", "empty")]


def test_a_part_that_fails_is_left_out_and_the_text_stays():
    line = Line(a_rule('text: "all well"\ntitle: "{{ data.nothing }}"'))
    (send,) = line.take()
    assert send.post.text.splitlines()[0] == "all well"
    assert send.post.title == ""
    assert send.fallback.startswith("title: ")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("mention", 'mention: "{{ data.nothing }}"'),
        ("title", 'title: "{{ data.nothing }}"'),
        ("url", 'url: "{{ data.nothing }}"'),
        ("color", 'color: "{{ data.nothing }}"'),
        ("icon", 'icon: "{{ data.nothing }}"'),
        ("footer", 'footer: "{{ data.nothing }}"'),
        ("severity", 'severity: "{{ data.nothing }}"'),
        ("field Site", 'fields: [{title: Site, value: "{{ data.nothing }}"}]'),
        ("channel", 'send: {to: ops, channel: "{{ data.nothing }}"}'),
        ("username", 'send: {to: ops, username: "{{ data.nothing }}"}'),
    ],
)
def test_a_part_that_fails_is_told_in_the_post_and_to_whoever_runs_it(part: str, said: str):
    line = Line(a_rule(f'text: "all well"\n{said}'))
    (send,) = line.take()
    first, note = send.post.text.splitlines()
    assert first == "all well"
    assert note.startswith(f"_{part} is left out, its template failed: ")
    assert "rules.d" not in note
    assert "there is no" in note
    assert "there is no" in send.fallback
    assert line.failures["r"] == send.fallback
    assert line.counts["template_errors"] == 1


def test_a_note_pings_nobody_whatever_an_event_calls_its_names():
    data = {"@channel": 1, "`@all`": 2}
    (send,) = Line(a_rule('text: t\ntitle: "{{ data.nothing }}"')).take(data)
    assert mentions_in(send.post.text) == set()


@pytest.mark.parametrize(
    "said",
    [
        'send: hook\nbody: {a: "{{ data.nothing }}"}',
        'send: hook\nbody: "{{ data.nothing | to_json }}"',
        'send: hook\nbody: "no json {{ data.status }}"',
        'send: {to: hook, method: "{{ data.nothing }}"}\nbody: {a: 1}',
    ],
)
def test_a_program_is_never_given_what_its_rule_could_not_make(said: str):
    world = a_world(a_destination("hook", kind="webhook", takes_body=True, overrides=frozenset({"method"})))
    (send,) = Line(a_rule(f"text: for people\n{said}", world)).take()
    assert send.post.broken.startswith("what the rule asks for could not be made: ")


def test_people_get_the_text_of_a_rule_whose_body_fails():
    sends = Line(a_rule('text: for people\nsend: [ops, hook]\nbody: {a: "{{ data.nothing }}"}')).take()
    assert [(one.destination, bool(one.post.broken)) for one in sends] == [("ops", False), ("hook", True)]
    assert sends[0].post.text == "for people"


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("match: {$.status: [CRITICAL, OK]}\nwhen: data.nothing > 1", "when_errors"),
        ('match: {$.status: CRITICAL}\nresolved: {$.status: OK}\nkey: "{{ data.site }}"', "key_errors"),
    ],
)
def test_a_failure_that_no_post_shows_is_counted_and_named(rule: str, kind: str):
    line = Line(a_rule(rule))
    assert line.take({"status": "OK"}) == []
    assert line.counts[kind] == 1
    assert "there is no" in line.failures["r"]


def test_a_set_that_fails_gives_the_plain_rendering():
    (send,) = Line(a_rule('set: {a: "{{ data.nothing }}"}\ntext: "{{ vars.a }}"')).take()
    assert "CRITICAL" in send.post.text
    assert send.fallback


def test_values_of_the_event_cannot_ping():
    assert "@channel" not in the_post('text: "{{ data.summary }}"', {"summary": "hello @channel"}).text


@pytest.mark.parametrize(
    ("rule", "priority"),
    [
        ("severity: critical", 3),
        ("severity: error", 2),
        ("severity: warning", 1),
        ("match: {}", 1),
        ("severity: critical\nsend: {to: ops, priority: standard}", 1),
        ("send: {to: ops, priority: urgent}", 3),
        ("send: {to: ops, priority: low}", 0),
    ],
)
def test_priority_comes_of_severity_unless_the_send_says_it(rule, priority):
    (send,) = Line(a_rule(rule)).take()
    assert send.priority == priority


def test_order_is_kept_by_key_else_by_topic():
    assert Line(a_rule('key: "{{ data.status }}"\ndedupe: 1s')).take()[0].order_key == "CRITICAL"
    assert Line(a_rule("match: {}")).take()[0].order_key == "projects/ARGO/topics/alarms"


def test_every_destination_gets_a_send_of_its_own():
    sends = Line(a_rule("send: [ops, mail, {to: ops, channel: other}]")).take()
    assert [(one.send, one.destination) for one in sends] == [(0, "ops"), (1, "mail"), (2, "ops")]
    assert {one.origin for one in sends} == {"m/u1/0/0"}


def test_a_long_text_is_split_into_parts_of_one_send_that_carry_the_books_last():
    world = a_world(a_destination("ops", max_text_runes=100))
    sends = Line(a_rule('text: "{{ data.t }}"\ntitle: T\nmention: "@x"', world)).take({"t": "word " * 50})
    assert [one.part for one in sends] == list(range(len(sends)))
    assert {one.parts for one in sends} == {len(sends)}
    assert [one.stands_for for one in sends] == [0] * (len(sends) - 1) + [1]
    assert all(len(one.post.text) <= 100 for one in sends)
    assert [one.post.title for one in sends] == [""] * (len(sends) - 1) + ["T"]
    assert [one.post.mention for one in sends] == ["@x"] + [""] * (len(sends) - 1)


def test_a_destination_that_cuts_gets_one_part():
    world = a_world(a_destination("ops", max_text_runes=100, long_text="cut"))
    (send,) = Line(a_rule('text: "{{ data.t }}"', world)).take({"t": "word " * 50})
    assert len(send.post.text) <= 100


def test_small_values_of_the_event_go_with_the_send_for_later_silences():
    (send,) = Line(a_rule("match: {}")).take({"status": "OK", "n": 5, "labels": {"job": "x"}}, attributes={"vo": "ops"})
    assert send.places == {"attributes.vo": "ops", "$.status": "OK", "$.n": "5", "$.labels.job": "x"}


def test_a_rule_in_shadow_decides_and_renders_but_sends_nothing():
    line = Line(a_rule("text: t\nshadow: true"))
    assert line.take() == []
    assert [one.post.text for one in line.shadows] == ["t"]
    assert line.outcomes == ["shadow"]
    assert line.balance() == 0


def test_the_books_of_a_plain_send_balance():
    line = Line(a_rule("send: [ops, mail]"))
    line.take()
    assert line.tally == {"decided": 2}
    assert line.balance() == 0


def test_templates_know_rule_key_phase_and_severity():
    rule = a_rule("""
        key: "{{ data.status }}"
        dedupe: 1s
        severity: Critical
        text: "{{ rule }} {{ key }} {{ phase }} {{ severity }}"
    """)
    (send,) = Line(rule).take()
    assert send.post.text == "r CRITICAL message critical"


def test_an_unlimited_destination_gets_long_texts_whole():
    world = a_world(DestinationFacts("ops", "inbox"))
    (send,) = Line(a_rule('text: "{{ data.t }}"', world)).take({"t": "x" * 50_000})
    assert len(send.post.text) == 50_000


def test_two_rules_may_send_the_same_message_to_the_same_destination():
    rule_set = a_rule_set("rules: [{name: a, send: ops}, {name: b, send: ops}]")
    assert [one.rule for one in Line(rule_set).take()] == ["a", "b"]


def test_a_variable_may_have_the_name_of_a_part():
    rule = a_rule("""
        set: {severity: "{{ {'CRITICAL': 'critical'}.get(data.status, 'info') }}"}
        severity: "{{ vars.severity }}"
        text: "{{ severity }}"
    """)
    (send,) = Line(rule).take()
    assert (send.post.severity, send.post.text) == ("critical", "critical")


def test_the_last_post_of_a_message_with_too_many_items_says_how_many_are_left_out():
    line = Line(a_rule('for_each: $.alerts[*]\ntext: "{{ data.n }}"\nsend: [ops, mail]'))
    line.take({"alerts": [{"n": n} for n in range(10_003)]})
    noted = {one.destination: one.post.text for one in line.sends if "left out" in one.post.text}
    said = "9999\n_3 more items of this message are left out: it has too many._"
    assert noted == {"ops": said, "mail": said}


def test_the_note_of_items_left_out_fits_into_what_the_destination_takes():
    world = a_world(a_destination("ops", max_text_runes=100))
    line = Line(a_rule(f"for_each: $.alerts[*]\ntext: {'x' * 100}", world))
    line.take({"alerts": [{}] * 10_001})
    assert line.sends[-1].post.text.endswith("it has too many._")
    assert max(len(one.post.text) for one in line.sends) <= 100
