"""``expect:``: what does not come is told; docs/specification/expecting.md."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deciding.batch_state import InMemoryState
from rules.deciding.decision_builder import DecideContext
from rules.deciding.fire import fire, needs_for
from rules.deciding.quiet.watch import ENTERED_AT_ONCE, begin_watch, find_missing_us, watch_names
from tests.fakes.rule_sets import START_US, TOPIC, Line, a_rule, a_rule_set, a_silence, a_world, us
from tests.rules.deciding.quiet.test_ahead import STEPS, step

RULE = """
match: {$.type: beat}
key: "{{ data.host }}"
expect: {every: 10m, grace: 2m}
text: "{{ key }} {{ phase }}"
"""
LISTED = RULE.replace("grace: 2m", "grace: 2m, keys: [web1, web2]")
WHOLE_US = us(720)


def beats(line, host="web1", **changed):
    return line.take({"type": "beat", "host": host}, **changed)


def goes_down(line, seconds):
    """The bridge is down for a while: what was due is fired afterwards, and its rules begin to watch anew."""
    line.now_us += us(seconds)
    for rule in line.rehearsal.rule_set.rules:
        for name in watch_names(rule)[:1]:
            value = line.rehearsal.state.read([name], line.now_us)[name].value
            change = begin_watch(rule, name, value, TOPIC, line.now_us, anew=True)
            line.rehearsal.state.commit([change])
    overdue = [row for row in line.rehearsal.state.rows() if row.due_us is not None and row.due_us < line.now_us]
    line.rehearsal.state.commit([replace(row, due_us=line.now_us) for row in overdue])


def test_a_key_that_is_not_heard_is_told_once_and_its_return_once():
    line = Line(a_rule(RULE))
    assert beats(line) == []
    assert line.wait(719) == []
    (missing,) = line.wait(1)
    assert (missing.phase, missing.key, missing.incident) == ("firing", "web1", "web1")
    assert missing.post.text == ("web1 firing\n_Missing: last heard 2026-01-05 12:00 UTC. It is expected every 10m._")
    assert line.wait(86_400) == []
    (back,) = beats(line)
    assert back.post.text == "web1 resolved\n_Back: it was missing since 2026-01-05 12:12 UTC._"
    assert line.balance() == 0


def test_one_that_is_heard_in_time_is_never_told():
    line = Line(a_rule(RULE))
    for _ in range(20):
        assert beats(line, after_s=719) == []
    assert set(line.outcomes) == {"updated alive"}
    assert line.balance() == 0


def test_one_that_is_gone_again_is_told_again():
    line = Line(a_rule(RULE))
    for _ in range(3):
        beats(line)
        line.wait(720)
    assert line.phases == ["firing", "resolved"] * 2 + ["firing"]


def test_without_a_list_a_key_that_was_never_heard_is_not_expected():
    line = Line(a_rule(RULE))
    assert line.wait(86_400) == []


def test_what_stands_in_the_list_is_expected_although_it_was_never_heard():
    line = Line(a_rule(LISTED))
    beats(line, "web2", after_s=700)
    (missing,) = line.wait(30)
    assert "web1 firing" in missing.post.text
    assert "nothing was ever heard, and it is expected since 2026-01-05 12:00 UTC" in missing.post.text
    assert [one.key for one in line.wait(720)] == ["web2"]
    assert [one.key for one in beats(line, "web1")] == ["web1"]
    assert line.balance() == 0


def test_a_key_that_is_not_in_the_list_is_not_expected():
    line = Line(a_rule(LISTED))
    beats(line, "other")
    assert line.outcomes == ["updated not-expected"]
    assert {one.key for one in line.wait(86_400)} == {"web1", "web2"}


def test_the_list_may_be_a_table(tmp_path):
    (tmp_path / "hosts.csv").write_text("host,owner\na,ann\nb,bob\n")
    world = a_world(tables={"hosts": tmp_path / "hosts.csv"})
    line = Line(a_rule(RULE.replace("grace: 2m", "keys: hosts"), world))
    assert [one.key for one in line.wait(601)] == ["a", "b"]


def test_many_keys_are_entered_in_turns_and_each_is_told(tmp_path):
    hosts = [f"h{n:03}" for n in range(2 * ENTERED_AT_ONCE + 7)]
    (tmp_path / "hosts.json").write_text(json.dumps(hosts))
    world = a_world(tables={"hosts": tmp_path / "hosts.json"})
    line = Line(a_rule(RULE.replace("grace: 2m", "keys: hosts"), world))
    assert [one.key for one in line.wait(602)] == hosts


def test_a_rule_without_a_text_says_who_is_missing():
    line = Line(a_rule(LISTED.replace('text: "{{ key }} {{ phase }}"\n', "")))
    assert [one.post.text.splitlines()[0] for one in line.wait(721)] == ["**web1** is missing", "**web2** is missing"]
    assert beats(line)[0].post.text.startswith("**web1** is back")


def test_while_the_bridge_was_down_nothing_is_missing():
    line = Line(a_rule(RULE))
    beats(line)
    goes_down(line, 3600)
    assert line.wait(719) == []
    assert len(line.wait(1)) == 1


def test_a_short_restart_gives_each_key_its_time_anew():
    line = Line(a_rule(RULE))
    beats(line)
    line.wait(600)
    goes_down(line, 5)
    assert line.wait(719) == []
    assert len(line.wait(1)) == 1


def test_restarts_cannot_put_it_off_for_ever():
    line = Line(a_rule(RULE))
    beats(line)
    told = []
    for _ in range(12):
        told += line.wait(500)
        goes_down(line, 1)
    assert [one.phase for one in told] == ["firing"]


def test_a_tick_that_comes_far_too_late_is_a_gap_too():
    """The machine slept: nothing began anew, and the first thing that is looked at is the key."""
    line = Line(a_rule(RULE))
    beats(line)
    line.now_us += us(7200)
    state: InMemoryState = line.rehearsal.state
    rule_set = line.rehearsal.rule_set
    while (timer := state.due(line.now_us)) is not None:
        rows = state.read(needs_for(rule_set, timer), line.now_us)
        decision = fire(rule_set, timer, rows, DecideContext(line.now_us))
        assert decision.sends == ()
        state.commit(decision.changes)
    assert line.wait(719) == []
    assert len(line.wait(1)) == 1


def test_what_was_published_in_time_and_is_not_decided_yet_is_not_missing():
    line = Line(a_rule(RULE))
    beats(line)
    state, rule_set = line.rehearsal.state, line.rehearsal.rule_set
    line.wait(719)
    now_us = line.now_us + us(1)
    timer = next(timer for timer in iter(lambda: state.due(now_us), None) if timer.key.startswith("k/"))
    rows = state.read(needs_for(rule_set, timer), now_us)
    behind = fire(rule_set, timer, rows, DecideContext(now_us, decided_until_us=now_us - us(1)))
    assert behind.sends == ()
    assert fire(rule_set, timer, rows, DecideContext(now_us, decided_until_us=now_us)).sends != ()
    (change,) = behind.changes
    assert change.due_us == now_us + us(1)


def test_a_silence_at_that_time_is_the_reason_for_telling_it_later():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=3600))
    beats(line)
    assert line.wait(3599) == []
    (late,) = line.wait(1)
    assert "not told before because it was silenced" in late.post.text
    assert line.balance() == 0


def test_one_that_is_back_within_the_silence_is_told_to_nobody():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=3600))
    beats(line)
    line.wait(1000)
    assert beats(line) == []
    assert line.wait(600) == []
    assert line.balance() == 0


def test_it_reminds_and_escalates_as_any_incident():
    line = Line(a_rule(RULE + "repeat: 2h\nescalate: [{after: 1h, to: mail}]\n"))
    beats(line)
    line.wait(720 + 7200)
    assert [(one.phase, one.destination) for one in line.sends] == [
        ("firing", "ops"),
        ("escalation", "mail"),
        ("reminder", "ops"),
        ("reminder", "mail"),
    ]
    assert [one.destination for one in beats(line)] == ["ops", "mail"]


def test_it_keeps_other_rules_quiet():
    line = Line(
        a_rule_set("""
        rules:
          - {name: beats, match: {$.t: beat}, key: "{{ data.h }}", expect: {every: 10m}, send: mail}
          - {name: r, match: {$.t: alert}, inhibited_by: {rule: beats, same: [$.h]}, send: ops}
    """)
    )
    line.take({"t": "beat", "h": "a"})
    assert len(line.take({"t": "alert", "h": "a"})) == 1
    line.wait(600)
    assert line.take({"t": "alert", "h": "a"}) == []
    line.take({"t": "beat", "h": "a"})
    assert [one.rule for one in line.take({"t": "alert", "h": "a"})] == ["r"]


def test_keys_may_be_gathered_in_one_post():
    line = Line(a_rule(LISTED + "group: {wait: 30s}\n"))
    (post,) = line.wait(751)
    assert post.stands_for == 2


def test_a_learnt_key_is_forgotten_with_a_word_and_a_listed_one_never():
    learnt, listed = Line(a_rule(RULE + "forget_after: 1d\n")), Line(a_rule(LISTED + "forget_after: 1d\n"))
    for line in (learnt, listed):
        beats(line)
        line.wait(20 * 86_400)
    assert learnt.phases == ["firing", "stale"]
    assert [row.key for row in learnt.rehearsal.state.rows()] == ["w/r"]
    assert listed.phases == ["firing", "firing"]


def test_a_key_taken_out_of_the_list_is_over_for_those_who_were_told():
    line = Line(a_rule(LISTED))
    line.wait(721)
    line.reload(a_rule(LISTED.replace("[web1, web2]", "[web2, web3]")))
    wake(line)
    assert [(one.phase, one.key) for one in line.wait(1)] == [("stale", "web1")]
    assert [one.key for one in line.wait(721)] == ["web3"]
    assert line.balance() == 0


def test_without_expect_what_is_missing_is_over_for_those_who_were_told():
    line = Line(a_rule(LISTED))
    line.wait(721)
    line.reload(a_rule('match: {$.type: beat}\nkey: "{{ data.host }}"\ntext: x\n'))
    wake(line)
    assert sorted(one.key for one in line.wait(1)) == ["web1", "web2"]
    assert line.wait(30 * 86_400) == []
    assert len(line.rehearsal.state) == 0


def test_a_shorter_time_holds_at_once():
    line = Line(a_rule(RULE))
    beats(line)
    line.wait(300)
    line.reload(a_rule(RULE.replace("every: 10m, grace: 2m", "every: 4m")))
    wake(line)
    assert len(line.wait(1)) == 1


def test_a_rule_renamed_goes_on():
    line = Line(a_rule(LISTED))
    beats(line)
    line.wait(721)
    body = "\n".join(f"    {text}" for text in LISTED.strip().splitlines())
    line.reload(a_rule_set(f"rules:\n  - name: new\n    was: [r]\n    send: ops\n{body}\n"))
    assert [(one.rule, one.phase, one.key) for one in beats(line, "web2")] == [("new", "resolved", "web2")]
    assert line.balance() == 0


def test_an_event_without_a_key_tells_nothing():
    line = Line(a_rule(RULE))
    assert line.take({"type": "beat"}) == []
    assert line.outcomes == ["updated key-failed"]


@STEPS
def test_a_clock_that_is_set_changes_nothing_of_when_a_key_is_missing(step_s):
    line = Line(a_rule(RULE))
    beats(line)
    line.wait(60)
    step(line, step_s, is_seen=True)
    assert line.wait(659) == []
    assert len(line.wait(1)) == 1


def wake(line):
    """A reload makes every row due that an edit may concern."""
    rows = [row for row in line.rehearsal.state.rows() if "expect" in row.waits_for]
    line.rehearsal.state.commit([replace(row, due_us=line.now_us) for row in rows])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("expect: {every: 10m}", "expect counts for each key"),
        ("key: a\nexpect: 10m", "expect must be a mapping"),
        ("key: a\nexpect: {grace: 10m}", "expect needs every"),
        ("key: a\nexpect: {every: 0s}", "no time at all"),
        ("key: a\nexpect: {every: 100ms}", "too often"),
        ("key: a\nexpect: {every: 1m, keys: hosts}", 'no table "hosts"'),
        ("key: a\nexpect: {every: 1m, keys: []}", "keys must be a list of keys"),
        ("key: a\nexpect: {every: 1m, keys: [1]}", "a key is a text"),
        ("key: a\nexpect: {every: 1m}\nresolved: {$.s: 1}", "resolved has no place beside expect"),
        ("key: a\nexpect: {every: 1m}\nfor: 1m", "for has no place beside expect"),
    ],
)
def test_what_cannot_be_meant_is_refused(lines, said):
    with pytest.raises(Exception, match=said):
        a_rule(lines)


GAPS = st.lists(st.tuples(st.integers(0, 900), st.integers(1, 2000)), max_size=6)


@given(GAPS)
def test_a_key_is_missing_only_after_its_whole_time_without_a_gap_or_twice_that(stretches):
    """``stretches`` are (up, down) seconds since the key was heard."""
    gaps, at_us = [], 0
    for up_s, down_s in stretches:
        gaps.append((at_us + us(up_s), at_us + us(up_s + down_s)))
        at_us = gaps[-1][1]
    missing_us = find_missing_us(0, gaps, WHOLE_US)
    ups, begin_us = [], 0
    for gap_us, until_us in [*gaps, (missing_us, missing_us)]:
        if begin_us < missing_us:
            ups.append(min(gap_us, missing_us) - begin_us)
        begin_us = until_us
    assert not any(gap_us < missing_us < until_us for gap_us, until_us in gaps)
    assert ups[-1] == WHOLE_US or sum(ups) == 2 * WHOLE_US
    assert all(up <= WHOLE_US for up in ups)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 300, 719, 720, 721, 2000]), st.booleans()), max_size=15))
def test_missing_and_back_are_told_in_turn_and_never_for_what_the_bridge_could_not_hear(story):
    """Each step: so many seconds pass, in which the bridge is up or down; then a sign of life, unless it is down."""
    line, heard_us, gaps = Line(a_rule(RULE)), START_US, []
    beats(line)
    for seconds, is_up in story:
        if not is_up:
            begin_us = line.now_us
            goes_down(line, seconds)
            gaps.append((begin_us, line.now_us))
            continue
        for one in line.wait(seconds):
            assert one.phase == "firing"
            assert line.now_us - heard_us >= WHOLE_US
            assert not any(gap_us < heard_us + WHOLE_US and until_us > line.now_us for gap_us, until_us in gaps)
        if seconds == 1:
            continue
        beats(line)
        heard_us = line.now_us
    assert line.phases == (["firing", "resolved"] * len(line.phases))[: len(line.phases)]
    assert line.balance() == 0
