"""What is a secret inside a text, and what stays readable."""

from __future__ import annotations

import pytest

from bridge.core.secret import Secret
from bridge.destinations.kit.redact import Redactor, shown_url

HOOK = "https://chat.example.org/hooks/abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        (HOOK, f"cannot post to {HOOK}", "cannot post to ***"),
        (HOOK, "hook abcdefghijklmnopqrstuvwxyz is gone", "hook *** is gone"),
        (HOOK, "https://chat.example.org/hooks/other", "https://chat.example.org/hooks/other"),
        ("https://h.example/in?token=0123456789&v=1", "token 0123456789, v 1", "token ***, v 1"),
        ("https://h.example/a%20long%20secret", "no a long secret here", "no *** here"),
        ("https://me:passphrase@h.example", "passphrase is wrong", "*** is wrong"),
        ("https://token-of-the-hook@h.example", "token-of-the-hook is wrong", "*** is wrong"),
        ("https://me:pass@h.example", "Authorization: Basic bWU6cGFzcw==", "Authorization: Basic ***"),
        ("https://me@h.example/in", "me and mean", "*** and mean"),
        ("Bearer 0123456789abcdef", "bad token 0123456789abcdef", "bad token ***"),
        ("pw", "pw is wrong, pwd is not, (pw)", "*** is wrong, pwd is not, (***)"),
        ("a", 'a duration is wanted, not "a"', '*** duration is wanted, not "***"'),
        ("", "nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_are_replaced_and_words_stay(secret: str, text: str, shown: str) -> None:
    assert Redactor([Secret(secret)])(text) == shown


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    assert Redactor([Secret("abcdefgh"), Secret("abcdefghijkl")])("abcdefghijkl") == "***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (HOOK, "https://chat.example.org/***"),
        ("http://me:pw@h.example:8080/?token=x", "http://h.example:8080/***"),
        ("http://h.example", "http://h.example"),
        ("http://h.example/", "http://h.example"),
    ],
)
def test_an_address_shows_no_more_than_its_host(url: str, shown: str) -> None:
    assert shown_url(url) == shown
