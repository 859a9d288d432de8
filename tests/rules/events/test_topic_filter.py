"""Which topics some rule hears."""

from __future__ import annotations

from itertools import combinations

from rules.events.topic_filter import TopicFilter, select_covered

TOPICS = [f"projects/{project}/topics/{name}" for project in ("P", "Q") for name in ("a", "b", "[a]", "*", "a?")]
PATTERNS = [*TOPICS, "projects/P/topics/*", "projects/?/topics/a", "projects/P/topics/[ab]", "*", "x"]
FILTERS = [TopicFilter(), *(TopicFilter(pair) for pair in combinations(PATTERNS, 2))]


def test_a_topic_is_covered_when_one_of_the_filters_covers_it() -> None:
    for filters in [(), *combinations(FILTERS, 1), *zip(FILTERS, reversed(FILTERS), strict=True)]:
        one_by_one = [topic for topic in TOPICS if any(each.covers(topic) for each in filters)]
        assert select_covered(filters, TOPICS) == one_by_one
