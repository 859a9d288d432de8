"""The time zone of this machine by its name, so that a daemon elsewhere knows whose clock was meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LINK: Final = Path("/etc/localtime")


def local_zone_name(link: Path = _LINK) -> str:
    """``$TZ``, else what the machine's own link to a zone is called, else UTC."""
    named = os.environ.get("TZ", "").lstrip(":")
    if named and not named.startswith("/"):
        return named
    try:
        target = os.path.realpath(link)
    except OSError:
        return "UTC"
    return target.partition("/zoneinfo/")[2] or "UTC"
