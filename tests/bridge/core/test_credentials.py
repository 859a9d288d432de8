"""A name and a password in a URL become a header, and the URL is without them."""

from __future__ import annotations

import base64

import pytest

from bridge.core.credentials import split_credentials


@pytest.mark.parametrize(
    ("url", "plain", "who"),
    [
        ("https://user:pass@host/in?a=b", "https://host/in?a=b", "user:pass"),
        ("https://user@host:8443/in", "https://host:8443/in", "user:"),
        ("https://:pass@host", "https://host", ":pass"),
        ("https://user:p%40ss%3A@host/", "https://host/", "user:p@ss:"),
        ("https://user:p@ss@host/", "https://host/", "user:p@ss"),
        ("https://user:a:b@[::1]:8443/", "https://[::1]:8443/", "user:a:b"),
        ("http://us%C3%A9r:p%C3%A4ss@host/", "http://host/", "us\u00e9r:p\u00e4ss"),
        ("http://us\u00e9r:p\u00e4ss@host/", "http://host/", "us\u00e9r:p\u00e4ss"),
    ],
)
def test_who_asks_is_told_apart_from_the_url(url: str, plain: str, who: str) -> None:
    header = "Basic " + base64.b64encode(who.encode()).decode()
    assert split_credentials(url) == (plain, header)


@pytest.mark.parametrize(
    "url", ["https://host/in@there", "https://host/?a=b@c", "https://host#a@b", "nonsense", "a@b", ""]
)
def test_a_url_that_names_nobody_stays_as_it_is(url: str) -> None:
    assert split_credentials(url) == (url, None)
