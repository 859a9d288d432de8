"""What ``ams-bridge check`` says of buttons that nobody could press."""

from __future__ import annotations

from bridge.settings.model import Settings
from rules.source.places import Document
from rules.source.problems import Problem


def check_button_address(settings: Settings, document: Document) -> list[Problem]:
    """A warning for each destination that asks for buttons while ``server.public_url`` is empty.

    ``document`` is the file the settings were read from.
    """
    if settings.server.public_url:
        return []
    text = "posts will have no buttons: say in server.public_url where the chat server reaches us"
    return [
        document.problem(("destinations", name, "buttons"), text, kind="warning")
        for name, config in settings.destinations.items()
        if getattr(config, "buttons", False)
    ]
