"""Filters of subscriptions: what they admit, and what cannot be read."""

import pytest

from broker.attribute_filters import admits, read_filter
from broker.errors import InvalidFilter


@pytest.mark.parametrize(
    ("text", "attributes", "admitted"),
    [
        ("attributes:kind", {"kind": ""}, True),
        ("attributes:kind", {"kinds": "x"}, False),
        ('attributes.kind = "alarm"', {"kind": "alarm"}, True),
        ('attributes.kind = "alarm"', {"kind": "Alarm"}, False),
        ('attributes.kind="alarm"', {}, False),
        ('attributes.kind != "alarm"', {"kind": "metric"}, True),
        ('attributes.kind != "alarm"', {}, True),
        ('attributes.kind != "alarm"', {"kind": "alarm"}, False),
        ('hasPrefix(attributes.site, "SITE-")', {"site": "SITE-A"}, True),
        ('hasPrefix(attributes.site, "SITE-")', {"site": "X-SITE-A"}, False),
        ('hasPrefix(attributes.site, "")', {}, False),
        ("NOT attributes:kind AND attributes:site", {"site": "a"}, True),
        ("NOT attributes:kind AND attributes:site", {"site": "a", "kind": "b"}, False),
        ("-attributes:kind", {}, True),
        ("attributes:a OR attributes:b OR attributes:c", {"c": "1"}, True),
        ("(attributes:a OR attributes:b) AND NOT (attributes:c)", {"b": "1"}, True),
        ("(attributes:a OR attributes:b) AND NOT (attributes:c)", {"b": "1", "c": "1"}, False),
        ('attributes."iana.org/language" = "de"', {"iana.org/language": "de"}, True),
        ('attributes:"a b"', {"a b": ""}, True),
        (r'attributes.said = "\"yes\" \\ no"', {"said": '"yes" \\ no'}, True),
        ('attributes.wörd = "x"'.replace("wörd", '"wörd"'), {"wörd": "x"}, True),
        ("  attributes:kind  ", {"kind": ""}, True),
        ("attributes:partition-date", {"partition-date": ""}, True),
    ],
)
def test_a_filter_admits_what_it_says(text, attributes, admitted):
    assert admits(read_filter(text), attributes) is admitted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a term is"),
        ("   ", "a term is"),
        ("kind", "a term is"),
        ("attributes", ". is missing"),
        ("attributes.kind", "compared by"),
        ("attributes.kind = alarm", "double quotes"),
        ("attributes.kind = 'alarm'", "character 19: nothing begins so"),
        ('attributes.kind > "a"', "nothing begins so"),
        ('attributes.kind = "open', "nothing begins so"),
        ("attributes:a AND attributes:b OR attributes:c", "character 31: AND and OR"),
        ("attributes:a attributes:b", "not expected here"),
        ("attributes:a and attributes:b", "not expected here"),
        ("(attributes:a", ") is missing"),
        ("attributes:a)", "not expected here"),
        ("attributes:a AND", "a term is"),
        ('hasPrefix(attributes.a "b")', ", is missing"),
        ('data = "x"', "a term is"),
        ("attributes:=", "name of an attribute"),
        (f'attributes.a = "{"x" * 256}"', "longer than 256 bytes"),
        ("(" * 200, "a term is"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, reason):
    with pytest.raises(InvalidFilter, match="character") as refused:
        read_filter(text)
    assert reason in str(refused.value)
