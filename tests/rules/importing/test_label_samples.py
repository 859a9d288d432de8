"""Labels made up from matchers: they fit, and they part the routes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.importing.label_matchers import LabelMatcher, parse_matchers
from rules.importing.label_samples import holds, labels_for, samples_of


@pytest.mark.parametrize(
    "pattern",
    [
        r"10\.0\.0\.[0-9]+:9100", "^(?:a|b).*$", "prod-.+", r"web\d{2,3}", "[^a-z]+x", "(kube|node)-(a|b)?c", "(?i)X",
        r"\w+@\w+", "a{3}", ".*foo.*", "(a|(b|c)d)e", "[]a]b", "[[:alpha:]]?", "x+?y", "(?P<n>q)z", r"a\|b",
    ],
)  # fmt: skip
def test_a_value_that_a_regular_expression_takes_is_made_of_it(pattern: str) -> None:
    matcher = LabelMatcher("a", "=~", pattern)
    labels = labels_for([matcher])
    assert labels is not None
    assert holds([matcher], labels)


def test_labels_keep_out_of_what_is_excluded() -> None:
    wanted, excluded = tuple(parse_matchers('a=~"x|y"')), tuple(parse_matchers("a=x"))
    assert labels_for(wanted, [excluded]) == {"a": "y"}
    assert labels_for(wanted, [tuple(parse_matchers("b=z"))]) == {"a": "x"}


def test_where_nothing_fits_nothing_is_made() -> None:
    assert labels_for(tuple(parse_matchers("a=x, a=y"))) is None


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab|()[]{}*+?.^$\\1-", max_size=12))
def test_no_pattern_makes_it_fail(pattern: str) -> None:
    samples_of(LabelMatcher("a", "=~", pattern))
