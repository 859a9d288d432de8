import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.source.scalars import recall_word, typed_word


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("9100", ["9100", 9100]),
        ("1.10", ["1.10", 1.1]),
        ("true", ["true", True]),
        ("null", ["null", None]),
        ("", ["", None]),
        ("0x1f", ["0x1f", 31]),
        ("0123", "0123"),
        ("yes", "yes"),
        ("SITE-A", "SITE-A"),
    ],
)
def test_a_typed_word_means_the_text_and_what_yaml_would_read(word, meant):
    assert typed_word(word) == meant


@given(st.text())
def test_a_typed_word_is_shown_as_it_was_typed(word):
    assert recall_word(typed_word(word)) == word


@pytest.mark.parametrize("value", [["a", "b"], [1, 2], ["1", 2], ["1", "1"], {"like": "1"}, 5, ["1", 1, 1]])
def test_what_nobody_typed_is_shown_as_it_is(value):
    assert recall_word(value) == value
