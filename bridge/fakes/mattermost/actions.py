"""Buttons and menus in attachments: finding one, and what clients are shown of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.fakes.mattermost.town import Ids


def assign_action_ids(attachments: Iterable[Mapping[str, Any]], ids: Ids) -> tuple[Mapping[str, Any], ...]:
    """The attachments with an id on every action that came without one."""
    return tuple(
        _change_actions(each, lambda action: {**action, "id": action.get("id") or ids.new()}) for each in attachments
    )


def hide_integrations(attachments: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The attachments as clients get them: where an action calls, and its context, stay on the server."""
    hidden = {"integration"}
    return [
        _change_actions(each, lambda action: {name: value for name, value in action.items() if name not in hidden})
        for each in attachments
    ]


def find_action(attachments: Iterable[Mapping[str, Any]], wanted: str) -> Mapping[str, Any] | None:
    """The action of that id, else of that name."""
    actions = [action for each in attachments for action in each.get("actions") or ()]
    by_id = (action for action in actions if action.get("id") == wanted)
    by_name = (action for action in actions if action.get("name") == wanted)
    return next(by_id, None) or next(by_name, None)


def _change_actions(attachment: Mapping[str, Any], change: Any) -> Mapping[str, Any]:
    if not attachment.get("actions"):
        return attachment
    return {**attachment, "actions": [change(action) for action in attachment["actions"]]}
