"""Reads where something listens."""

from __future__ import annotations


def host_and_port(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT`` (``[::]:8443`` for IPv6; an empty host is every address). Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ValueError(f'"{text}" is not HOST:PORT, such as 0.0.0.0:8443 or [::]:8443')
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)  # noqa: S104
