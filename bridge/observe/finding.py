"""What a look at the machine finds, for ``/readyz`` and ``ams-bridge doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

LookState: TypeAlias = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found: its subject, how it stands, and a sentence for people."""

    check: str
    state: LookState
    text: str
