import tracemalloc

from rules.workbench.backtest import backtest
from tests.fakes.rule_sets import START_US, a_message, a_rule, a_rule_set, us

RULE = 'match: {$.status: CRITICAL}\ntext: "{{ data.site }} is {{ data.status }}"\n'


def a_stream(*data, every_s=60):
    return [a_message(one, offset=n, publish_time_us=START_US + us(n * every_s)) for n, one in enumerate(data)]


CRITICAL = {"status": "CRITICAL", "site": "A"}
WARNING = {"status": "WARNING", "site": "A"}


def the_difference(old, new, stream, **changed):
    (difference,) = backtest(a_rule(old), a_rule(new), stream, **changed).changed
    return difference


def test_the_same_rules_differ_in_nothing():
    result = backtest(a_rule(RULE), a_rule(RULE), a_stream(CRITICAL, WARNING))
    assert result.changed == []
    assert (result.messages, result.unmatched) == (2, (1, 1))
    assert (result.rules["r"].old, result.rules["r"].new) == (1, 1)


def test_what_would_now_be_sent_is_counted_and_shown():
    difference = the_difference(RULE, RULE.replace("CRITICAL}", "[CRITICAL, WARNING]}"), a_stream(CRITICAL, WARNING))
    assert difference.differences == {"now sends": 1}
    (sample,) = difference.samples
    assert (sample.origin, sample.destination, sample.new_text) == ("m/u1/1/0", "ops", "A is WARNING")


def test_what_would_no_longer_be_sent_says_why():
    new = RULE + 'key: "{{ data.site }}"\ndedupe: 1h'
    difference = the_difference(RULE, new, a_stream(CRITICAL, CRITICAL))
    assert difference.differences == {"no longer sends": 1}
    assert difference.samples[0].why == "duplicate"


def test_a_changed_text_is_shown_as_a_diff():
    difference = the_difference(RULE, RULE.replace(" is ", " = "), a_stream(CRITICAL))
    assert difference.differences == {"text changed": 1}
    assert difference.samples[0].diff() == ["-A is CRITICAL", "+A = CRITICAL"]


def test_a_change_of_channel_or_title_is_a_changed_text():
    difference = the_difference(RULE, RULE + "send: {to: ops, channel: x}\ntitle: T", a_stream(CRITICAL))
    assert difference.samples[0].diff() == ["+T", " A is CRITICAL", "+channel: x"]


def test_posts_of_timers_are_compared_too():
    old, new = RULE + "group: {wait: 30s}", RULE.replace(" is ", " = ") + "group: {wait: 30s}"
    stream = a_stream(CRITICAL, CRITICAL, every_s=10)
    difference = the_difference(old, new, stream, until_us=START_US + us(60))
    assert difference.differences == {"text changed": 1}


def test_a_renamed_rule_is_no_difference():
    old = a_rule_set("rules: [{name: old, group: {wait: 30s}, text: t, send: ops}, {name: b, text: t, send: ops}]")
    new = a_rule_set(
        "rules: [{name: new, was: [old], group: {wait: 30s}, text: t, send: ops}, {name: b, text: t, send: ops}]"
    )
    result = backtest(old, new, a_stream({}, {}), until_us=START_US + us(3600))
    assert result.changed == []
    assert result.rules["new"].old == result.rules["new"].new == 2


def test_the_noisiest_rules_come_first():
    rules = "rules: [{name: loud, send: ops}, {name: low, match: {$.n: 1}, send: ops}]"
    result = backtest(a_rule_set(rules), a_rule_set(rules), a_stream({"n": 1}, {"n": 2}))
    assert [(one.rule, one.new) for one in result.list_noisiest()] == [("loud", 2), ("low", 1)]


def test_only_a_few_samples_are_kept_and_all_are_counted():
    difference = the_difference(RULE, RULE.replace(" is ", " = "), a_stream(*[CRITICAL] * 20))
    assert difference.differences == {"text changed": 20}
    assert len(difference.samples) == 3


def test_memory_does_not_grow_with_the_stream():
    stream = (
        a_message({"status": "CRITICAL", "site": "x" * 500, "n": n}, offset=n, publish_time_us=START_US + us(n))
        for n in range(1500)
    )
    told: list[int] = []
    old, new = a_rule(RULE), a_rule(RULE + 'key: "{{ data.n }}"\ndedupe: 1m')
    tracemalloc.start()
    backtest(old, new, stream, progress=told.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000
    assert told == [500, 1000, 1500, 1500]


def test_timers_of_a_long_silence_take_no_memory():
    rules = 'match: {$.status: CRITICAL}\nresolved: {$.status: OK}\nkey: "{{ data.n }}"\ntext: "{{ data.n }}"\n'
    stream = [
        a_message({"status": "CRITICAL", "n": n, "pad": "x" * 2000}, offset=n, publish_time_us=START_US + us(n))
        for n in range(400)
    ]
    old, new = a_rule(rules), a_rule(rules.replace("text: ", "text: new "))
    peaks = []
    for until_us in (None, START_US + us(30 * 86_400)):
        tracemalloc.start()
        result = backtest(old, new, stream, until_us=until_us)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert result.rules["r"].differences == {"text changed": 800}
    assert peaks[1] < 1.3 * peaks[0]
