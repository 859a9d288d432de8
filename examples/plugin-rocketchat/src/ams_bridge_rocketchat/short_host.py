"""The filter ``short_host``."""

from __future__ import annotations

from typing import Any, Final

from bridge.plugin import FilterPlugin


def short_host(value: Any) -> Any:
    """The first part of a host's name.

    `{{ data.host | short_host }}` gives `web1` for `web1.example.org`. Addresses and what is no text stay as they are.
    """
    if not isinstance(value, str) or ":" in value or value.replace(".", "").isdecimal():
        return value
    return value.partition(".")[0]


PLUGIN: Final = FilterPlugin(promise=1, function=short_host)
