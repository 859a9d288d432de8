"""What is advised on lines that are no YAML shows no value that may be a secret."""

from __future__ import annotations

import pytest

from rules.source.places import read_yaml


@pytest.mark.parametrize(
    "text",
    [
        "auth:\n  service_token: hunter2: more\n",
        "destinations:\n  a:\n    url:hunter2\n    x: y\n",
        "password = hunter2\nb: c\n",
        "destinations: {a: {token: #hunter2}}\n",
        "list:\n  \u2013 token: hunter2\n    b: c\n",
        "a:\n  token: > 52341\n",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    document = read_yaml(text, "bridge.yaml")
    assert document.problems
    assert [one.text for one in document.problems if "hunter2" in one.text or "52341" in one.text] == []
