"""Names of hosts in ASCII."""

from __future__ import annotations

import pytest

from bridge.core.domains import ascii_domain, ascii_url


@pytest.mark.parametrize(
    ("said", "asked_for"),
    [
        ("https://straße.example/a?ü=ß#ß", "https://xn--strae-oqa.example/a?ü=ß#ß"),
        ("https://me:ß@straße.example:8443", "https://me:ß@xn--strae-oqa.example:8443"),
        ("https://strasse.example/ß", "https://strasse.example/ß"),
        ("https://faß.example?a=@ß", "https://xn--fa-hia.example?a=@ß"),
        ("https://[::1]:1/ß", "https://[::1]:1/ß"),
        ("no url ß", "no url ß"),
    ],
)
def test_only_the_host_of_a_url_is_written_anew(said: str, asked_for: str) -> None:
    assert ascii_url(said) == asked_for


@pytest.mark.parametrize("name", ["localhost", "my_host.example.", "127.0.0.1", "::1", "XN--STRAE-OQA.example"])
def test_what_is_ascii_stays(name: str) -> None:
    assert ascii_domain(name) == name


@pytest.mark.parametrize("name", ["a..example", "a" * 64, "", "-ß-.example", "\u200b.example", ".ß"])
def test_what_can_be_no_name_is_said_to_be_none(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        ascii_domain(name)
