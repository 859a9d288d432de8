"""What people may do, by role: look, respond to what fires, administer the service, and administer AMS projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal["viewer", "responder", "admin", "project_admin"]
"""``project_admin`` is a user of AMS who administers projects, and is nobody outside of them."""
Right: TypeAlias = Literal["look", "respond", "administer", "projects", "own"]
"""``projects``: what the AMS API lets this very user do; ``own``: one's own password and sessions."""

RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    "viewer": frozenset({"look", "own"}),
    "responder": frozenset({"look", "respond", "own"}),
    "admin": frozenset({"look", "respond", "administer", "projects", "own"}),
    "project_admin": frozenset({"projects", "own"}),
}
_WHO_HAS: Final[Mapping[Right, str]] = {
    "look": "a viewer, a responder or an admin",
    "respond": "a responder or an admin",
    "administer": "an admin",
    "projects": "an admin, or a project_admin of AMS",
    "own": "who is logged in",
}


def has_right(role: Role, right: Right) -> bool:
    """Whether the role includes the right."""
    return right in RIGHTS[role]


def refusal_text(role: Role, right: Right) -> str:
    """What to tell who may not do it: the own role, and whose it takes."""
    return f"this takes the role of {_WHO_HAS[right]}; yours is {role}"
