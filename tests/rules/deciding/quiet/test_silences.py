import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.deciding.quiet.silences import Facts, compile_silence, covers_waiting, event_of_places, places_of
from rules.source.problems import ProblemsFound
from tests.fakes.events import an_event
from tests.fakes.rule_sets import START_US, Line, a_rule, a_silence

RULE = 'key: "{{ data.k }}"\ndedupe: 1s\nseverity: "{{ data.s }}"\n'
DATA = {"k": "a", "s": "critical", "site": "CDI-1", "n": 5}


@pytest.mark.parametrize(
    ("matchers", "silenced"),
    [
        ({"rule": "r"}, True),
        ({"rule": "other"}, False),
        ({"rule": {"like": "*"}}, True),
        ({"destination": "ops"}, True),
        ({"destination": "mail"}, False),
        ({"topic": "projects/ARGO/topics/alarms"}, True),
        ({"key": "a"}, True),
        ({"severity": ["critical", "error"]}, True),
        ({"severity": "warning"}, False),
        ({"$.site": {"like": "CDI-*"}}, True),
        ({"$.n": {"gt": 4}, "rule": "r"}, True),
        ({"$.n": {"gt": 5}, "rule": "r"}, False),
        ({"attributes.vo": "ops"}, True),
    ],
)
def test_a_silence_covers_what_all_its_matchers_fit(matchers, silenced):
    line = Line(a_rule(RULE))
    line.silence(a_silence(matchers))
    assert (line.take(DATA, attributes={"vo": "ops"}) == []) is silenced


@pytest.mark.parametrize("port", ["9100", 9100])
@pytest.mark.parametrize(("glob", "silenced"), [("91*", True), ("?100", True), ("80*", False)])
def test_a_glob_fits_text_and_number_alike(port, glob, silenced):
    line = Line(a_rule('key: "{{ data.host }}"\ntext: x'))
    line.silence(a_silence({"$.labels.port": {"like": glob}, "$.up": {"like": "tr*"}}))
    sends = line.take({"host": "web1", "labels": {"port": port}, "up": True, "extra": [{"deep": 1.5}]})
    assert (sends == []) is silenced


def test_a_silence_holds_from_its_start_until_its_end():
    line = Line(a_rule("match: {}"))
    line.silence(a_silence({"rule": "r"}, start_s=10, until_s=20))
    assert [len(line.take(after_s=after)) for after in (9, 1, 9, 1)] == [1, 0, 0, 1]


def test_of_several_silences_the_longest_is_named():
    line = Line(a_rule("match: {}"))
    line.silence(a_silence({"rule": "r"}, name="short"), a_silence({"rule": "r"}, until_s=7200, name="long"))
    line.take()
    assert line.outcomes == ["suppressed silence:long"]
    assert line.tally == {"decided": 1, "suppressed/silence": 1}


def test_a_silence_without_matchers_is_refused():
    with pytest.raises(ProblemsFound, match="needs at least one matcher"):
        compile_silence(a_silence({}))


def test_a_matcher_nobody_can_read_is_refused_with_a_hint():
    with pytest.raises(ProblemsFound, match='did you mean "equals"'):
        compile_silence(a_silence({"rule": {"equalz": "r"}}))


def test_a_delivery_that_waits_is_compared_by_the_places_it_carries():
    (send,) = Line(a_rule(RULE)).take({**DATA, "labels": {"job x": "1"}, "url.history": "true"})
    facts = Facts(send.rule, "projects/ARGO/topics/alarms", send.destination, send.key, lambda: send.post.severity)

    def covers(matchers):
        return covers_waiting(compile_silence(a_silence(matchers)), facts, send.places, START_US)

    assert covers({"$.n": 5, "severity": "critical"})
    assert covers({"$.labels['job x']": "1", "$['url.history']": "true"})
    assert not covers({"$.labels['job x']": 1})
    assert not covers({"destination": "mail"})


def texts(**sizes):
    """Any text but NUL, which is dropped because no store keeps it."""
    return st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), **sizes)


scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**6), 10**6), texts(max_size=20))


@given(st.dictionaries(texts(min_size=1, max_size=10), st.one_of(scalars, st.dictionaries(texts(max_size=5), scalars))))
def test_small_values_come_back_from_their_places_as_they_were(data):
    places = places_of(an_event(data, attributes={}))
    back = event_of_places(places).data
    flat = {
        (outer, inner): value
        for outer, members in data.items()
        for inner, value in (members.items() if isinstance(members, dict) else ((None, members),))
    }
    found = {
        (outer, inner): value
        for outer, members in back.items()
        for inner, value in (members.items() if isinstance(members, dict) else ((None, members),))
    }
    assert found == dict(list(flat.items())[:32])
