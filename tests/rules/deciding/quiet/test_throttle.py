from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deciding.quiet.rows import ThrottleRow
from rules.deciding.quiet.window import has_room, remember_post
from rules.source.words import Rate
from tests.fakes.rule_sets import Line, a_rule

RULE = 'throttle: 2/1m\ntext: "n {{ data.n }}"\n'


def burst(line, count, start=1):
    for n in range(start, start + count):
        line.take({"n": n})


def test_beyond_the_rate_posts_are_told_in_one_digest():
    line = Line(a_rule(RULE))
    burst(line, 5)
    assert [one.post.text for one in line.sends] == ["n 1", "n 2"]
    assert line.outcomes[2:] == ["held throttle"] * 3
    (digest,) = line.wait(60)
    assert (digest.phase, digest.stands_for) == ("digest", 3)
    assert digest.post.text == "**3 more from r** (more than 2 in 1m)\n- n 3\n- n 4\n- n 5"
    assert line.balance() == 0


def test_a_digest_counts_as_a_post():
    line = Line(a_rule(RULE))
    burst(line, 3)
    line.wait(60)
    burst(line, 2, start=4)
    assert [one.post.text for one in line.sends[3:]] == ["n 4"]


def test_a_digest_lists_so_many_and_counts_the_rest():
    line = Line(a_rule(RULE))
    burst(line, 100)
    (digest,) = line.wait(60)
    assert digest.stands_for == 98
    assert digest.post.text.splitlines()[-1] == "- and 48 more"


def test_a_digest_goes_to_every_destination_with_its_overrides():
    line = Line(a_rule(RULE + 'send: [{to: ops, channel: "c{{ data.n }}"}, mail]'))
    burst(line, 3)
    digests = line.wait(60)
    assert [(one.destination, one.post.overrides) for one in digests] == [("ops", {"channel": "c3"}), ("mail", {})]


def test_overflow_drop_suppresses():
    line = Line(a_rule(RULE + "overflow: drop"))
    burst(line, 3)
    assert line.outcomes[-1] == "suppressed throttle"
    assert line.wait(3600) == []
    assert line.balance() == 0


def test_overflow_drop_never_drops_the_end_of_what_was_told():
    line = Line(
        a_rule("""
        throttle: 1/1m
        overflow: drop
        match: {$.status: CRITICAL}
        resolved: {$.status: OK}
        key: k
        """)
    )
    line.take({"status": "CRITICAL"})
    assert line.take({"status": "OK"}) == []
    assert [one.phase for one in line.wait(60)] == ["resolved"]


def test_overflow_delay_tells_each_later_in_its_order():
    line = Line(a_rule(RULE + "overflow: delay"))
    burst(line, 5)
    assert [one.post.text for one in line.wait(60)] == ["n 3", "n 4"]
    assert [one.post.text for one in line.wait(60)] == ["n 5"]
    assert max(line.keys.values()) == 1
    assert line.balance() == 0


def test_a_delayed_post_is_not_overtaken():
    line = Line(a_rule(RULE + "overflow: delay"))
    burst(line, 3)
    line.now_us += 60_000_000
    moments = list(line.rehearsal.run_to(line.now_us - 1))
    assert moments == []
    line.take({"n": 9})
    assert [one.post.text for one in line.sends] == ["n 1", "n 2", "n 3", "n 9"]


def test_what_a_delay_cannot_hold_is_told_in_a_digest():
    line = Line(a_rule(RULE + "overflow: delay"))
    burst(line, 300)
    line.wait(3 * 3600)
    assert line.phases.count("digest") == 1
    assert sum(one.stands_for for one in line.sends) == 300
    assert line.balance() == 0


def test_the_throttle_counts_over_all_keys():
    line = Line(a_rule('throttle: 1/1m\nkey: "{{ data.n }}"\ndedupe: 1h'))
    burst(line, 2)
    assert len(line.sends) == 1


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 40), min_size=1, max_size=200),
    count=st.sampled_from([1, 3, 1001]),
    per_s=st.sampled_from([10.0, 60.0]),
)
def test_no_window_ever_holds_more_posts_than_the_rate(gaps, count, per_s):
    row, rate, now_us, posts = ThrottleRow(), Rate(count, per_s), 0, []
    for gap in gaps:
        now_us += gap * 250_000
        if has_room(row, rate, now_us):
            remember_post(row, rate, now_us)
            posts.append(now_us)
    for at_us in posts:
        assert sum(1 for other in posts if 0 <= at_us - other < per_s * 1_000_000) <= count
