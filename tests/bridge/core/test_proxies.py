"""Which URLs are asked through the proxy that the environment names, and which are not."""

from __future__ import annotations

import pytest

from bridge.core.proxies import read_proxies

PROXY = "http://proxy.example:3128"


async def proxy_of(url: str, no_proxy: str) -> str | None:
    return await read_proxies({"http_proxy": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}).proxy_for(url)


DIRECT = [
    ("*", "https://anything.example/"),
    ("10.0.0.0/8", "http://10.1.2.3/hook"),
    ("10.0.0.0/8", "http://[::ffff:10.1.2.3]/hook"),
    ("127.0.0.0/8", "http://localhost:8065/"),
    ("127.0.0.0/8,::1/128", "http://2130706433/"),
    ("10.", "http://10.1.2.3/"),
    ("192.168.1.7", "https://192.168.1.7/"),
    ("192.168.1.7:8443", "https://192.168.1.7:8443/"),
    ("10.0.0.0/8:80", "http://10.1.2.3/"),
    ("::1", "http://[::1]:8065/"),
    ("[::1]", "http://[::1]:8065/"),
    ("[::1]:8065", "http://[::1]:8065/"),
    ("fd00::/8", "https://[fd12::1]/"),
    ("[fd00::/8]:443", "https://[fd12::1]/"),
    ("FD00:0::1", "https://[fd00::1]/"),
    ("example.org", "https://example.org/"),
    ("example.org", "https://chat.example.org/"),
    (".example.org", "https://chat.example.org/"),
    (".example.org", "https://example.org/"),
    ("*.example.org", "https://chat.example.org/"),
    ("example.org.", "https://chat.example.org/"),
    ("example.org", "https://chat.example.org./"),
    ("EXAMPLE.org", "https://Chat.Example.ORG/"),
    ("example.org:443", "https://chat.example.org/"),
    ("example.org:8065", "http://example.org:8065/"),
    ("a.example, example.org", "https://example.org/"),
    ("a.example example.org", "https://example.org/"),
    ("example.org:443", "wss://example.org/api"),
]
THROUGH = [
    ("", "https://example.org/"),
    (" , ,", "https://example.org/"),
    ("10.0.0.0/8", "http://11.1.2.3/"),
    ("10.0.0.0/8", "http://nobody.invalid/"),
    ("192.168.1.7:8443", "https://192.168.1.7/"),
    ("10.0.0.0/8:80", "http://10.1.2.3:8080/"),
    ("[::1]:8065", "http://[::1]/"),
    ("fd00::/8", "https://[fe80::1]/"),
    ("example.org", "https://badexample.org/"),
    ("example.org", "https://example.org.evil.example/"),
    ("example.org:8443", "https://example.org/"),
    ("10.0.0.0/99", "http://10.1.2.3/"),
    (":", "https://example.org/"),
    ("example.org:port", "https://example.org/"),
]


@pytest.mark.parametrize(("no_proxy", "url"), DIRECT)
async def test_exceptions_are_asked_directly(no_proxy: str, url: str) -> None:
    assert await proxy_of(url, no_proxy) is None


@pytest.mark.parametrize(("no_proxy", "url"), THROUGH)
async def test_all_others_are_asked_through_the_proxy(no_proxy: str, url: str) -> None:
    assert await proxy_of(url, no_proxy) == PROXY


async def test_small_letters_win_and_an_empty_name_is_none() -> None:
    both = {"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1"}
    assert await read_proxies(both).proxy_for("https://x.example/") == "http://b:1"
    assert await read_proxies(both | {"https_proxy": ""}).proxy_for("https://x.example/") is None


async def test_a_proxy_for_all_serves_where_no_other_is_named_and_needs_no_scheme() -> None:
    named = {"ALL_PROXY": "proxy.example:3128", "http_proxy": "http://b:1"}
    assert await read_proxies(named).proxy_for("https://x.example/") == "http://proxy.example:3128"
    assert await read_proxies(named).proxy_for("http://x.example/") == "http://b:1"


async def test_a_client_cannot_name_a_proxy_through_a_header() -> None:
    assert await read_proxies({"REQUEST_METHOD": "GET", "HTTP_PROXY": PROXY}).proxy_for("http://x.example/") is None


async def test_an_internationalised_domain_is_excepted_in_either_spelling() -> None:
    for no_proxy in ("straße.example", "xn--strae-oqa.example"):
        assert await proxy_of("https://api.straße.example/", no_proxy) is None
        assert await proxy_of("https://api.xn--strae-oqa.example/", no_proxy) is None
        assert await proxy_of("https://strasse.example/", no_proxy) is not None
