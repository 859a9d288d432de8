from hypothesis import given
from hypothesis import strategies as st

from rules.deciding.quiet.state_rows import MAX_BYTES, recall, store
from tests.fakes.events import an_event
from tests.fakes.rule_sets import Line, a_rule

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def test_a_small_event_comes_back_whole():
    event = an_event(item=3, parent={"receiver": "x"})
    back = recall(store(event))
    assert (back.data, back.attributes, back.message, back.parent, back.item) == (
        event.data,
        event.attributes,
        event.message,
        event.parent,
        event.item,
    )


def test_a_text_event_keeps_its_text():
    back = recall(store(an_event("plain words", text="plain words")))
    assert (back.data, back.text) == ("plain words", "plain words")


@given(json_values)
def test_any_event_can_be_kept_and_is_bounded(data):
    body = store(an_event(data, parent=data))
    assert len(body) <= MAX_BYTES
    recall(body)


def test_what_is_too_large_loses_its_longest_texts_and_lists_first():
    back = recall(store(an_event({"site": "A", "noise": "x" * 10**6, "many": [{"a": "y" * 100}] * 10**4})))
    assert back.data["site"] == "A"
    assert len(back.data["noise"]) < MAX_BYTES
    assert len(back.data["many"]) <= 200


def test_numbers_beyond_64_bits_and_half_surrogates_are_kept_as_text():
    back = recall(store(an_event({"n": 2**70, "s": "\ud800"})))
    assert back.data == {"n": str(2**70), "s": "?"}


def test_what_no_store_can_keep_never_reaches_a_name_or_a_place():
    line = Line(a_rule("group: {by: [$.site], wait: 30s}"))
    line.take('{"site": "a\\u0000b", "x\\u0000": "c\\u0000"}')
    assert [row.key for row in line.rehearsal.state.rows()] == ["g/r/ab"]
    (send,) = line.wait(30)
    assert "\x00" not in f"{send.key} {send.order_key} {send.places}"
