"""Posts left unwritten in dry runs read as they would have been rendered, and alike only where they are."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from rules.deciding.lazy_post import Unwritten, render_send
from rules.language.wording import wordings
from rules.model import Post, Send
from rules.ruleset import RuleSet
from rules.workbench.dry_run import Rehearsal
from tests.fakes.rule_sets import START_US, a_message, a_rule, a_rule_set, a_world, us

HEAD = 'text: "{{ phase }} {{ data.host }} {{ data.status }} {{ now }}"\ntitle: "{{ key }}"\n'
LIFE = 'match: {$.status: {not: OK}}\nresolved: {$.status: OK}\nkey: "{{ data.host }}"\n'
KINDS = {
    "plain": HEAD,
    "severity": HEAD + "severity: \"{{ 'critical' if data.status == 'BAD' else 'ok' }}\"\n",
    "incident": HEAD + LIFE + "repeat: 5m\nforget_after: 1h\n",
    "flapping": HEAD + LIFE + "flapping: {changes: 3, within: 10m}\n",
    "group": HEAD + LIFE + "group: {by: [$.site], wait: 1m, every: 3m, max: 4}\n",
    "throttle": HEAD + "throttle: 2/2m\n",
    "delay": HEAD + "throttle: 2/2m\noverflow: delay\n",
    "hours": HEAD + LIFE + "hours: office\n",
    "override": HEAD + 'send: [{to: ops, channel: "{{ data.site }}"}, mail]\n',
    "set": 'set: {where: "{{ data.site }}!"}\ntext: "{{ where }}"\n',
    "broken": 'text: "{{ data.none }}"\n',
}


def the_posts(rule_set: RuleSet, *, unwritten: bool) -> list[tuple[Any, ...]]:
    """What a day of random events leads to: origin, destination, and all of the post but its cut into parts."""
    rng = random.Random(7)  # noqa: S311 - repeatable
    rehearsal = Rehearsal(rule_set, unwritten=rule_set.by_name if unwritten else ())
    found: list[tuple[Any, ...]] = []
    now_us = START_US
    for n in range(150):
        now_us += us(rng.choice([1, 20, 60, 400]))
        data = {"host": f"h{rng.randrange(4)}", "site": rng.choice("AB"), "status": rng.choice(["OK", "BAD", "WORSE"])}
        moments = [*rehearsal.run_to(now_us), rehearsal.take(a_message(data, offset=n, publish_time_us=now_us), now_us)]
        found += [_seen(send) for moment in moments for send in (*moment.decision.sends, *moment.decision.shadows)]
    return found


def _seen(send: Send) -> tuple[Any, ...]:
    post = render_send(send)
    assert type(post) is Post
    return send.origin, send.destination, send.phase, send.key, send.stands_for, post


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_as_it_would_have_been_rendered(kind: str) -> None:
    rule_set = a_rule(KINDS[kind])
    left = the_posts(rule_set, unwritten=True)
    assert left == the_posts(rule_set, unwritten=False)
    assert left


def test_it_is_left_unwritten_at_all() -> None:
    rule_set = a_rule(HEAD)
    (send,) = Rehearsal(rule_set, unwritten=["r"]).take(a_message({"host": "a"}), START_US).decision.sends
    assert isinstance(send.post, Unwritten)
    assert send.post.tells_the_same(replace(send.post))
    assert not send.post.tells_the_same(replace(send.post, now_us=START_US + 1))


SAME = 'rules: [{name: r, text: "{{ data.a }}", send: ops}]'


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ('rules: [{name: r, about: other, dedupe: 1m, key: k, text: "{{ data.a }}", send: ops}]', True),
        ('rules: [{name: r, text: "{{ data.a }}!", send: ops}]', False),
        ('rules: [{name: r, text: "{{ data.a }}", title: t, send: ops}]', False),
        ('rules: [{name: r, text: "{{ data.a }}", send: [ops, mail]}]', False),
        ('rules: [{name: r, set: {a: b}, text: "{{ data.a }}", send: ops}]', False),
    ],
)
def test_rules_are_worded_alike_only_if_all_their_texts_are(changed: str, alike: bool) -> None:
    assert (wordings(a_rule_set(SAME)) == wordings(a_rule_set(changed))) is alike


def test_a_template_file_counts_where_it_is_named(tmp_path: Any) -> None:
    rules = """
        rules:
          - {name: file, template: mine/outer, send: ops}
          - {name: included, text: "{% include 'mine/outer' %}", send: ops}
          - {name: inline, text: "{{ data.a }}", send: ops}
    """
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "outer.md.j2").write_text("{% include 'mine/inner' %}")
    said = []
    for inner in ("one", "two"):
        (folder / "inner.md.j2").write_text(inner)
        said.append(wordings(a_rule_set(rules, a_world(template_folder=tmp_path))))
    assert [name for name in said[0] if said[0][name] != said[1][name]] == ["file", "included"]
