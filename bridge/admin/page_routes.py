"""All pages: their addresses, templates, and what they look at; and the forms that change something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.admin import (
    account_page,
    alarms_page,
    audit_page,
    deliveries_page,
    find_page,
    incidents_page,
    messages_page,
    nodes_page,
    noise_page,
    overview_page,
    people_page,
    quiet_page,
    rules_page,
    silences_page,
    timeline_page,
)
from bridge.admin.ams_routes import AMS_ACTS, AMS_LOOKS, OF_PROJECTS, PROJECTS
from bridge.admin.handlers import FileHandler, GetHandler, PostHandler
from bridge.operate.rights import Right

NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/", "Overview"),
    ("/incidents", "Incidents"),
    ("/timeline", "Timeline"),
    ("/quiet", "Kept quiet"),
    ("/alarms", "Alarms"),
    ("/inbox", "Inbox"),
    ("/deliveries", "Deliveries"),
    ("/messages", "Messages"),
    ("/rules", "Rules"),
    ("/noise", "Noise"),
    ("/silences", "Silences"),
    ("/subscriptions", "Subscriptions"),
    ("/ledger", "Ledger"),
    ("/nodes", "Nodes"),
    ("/audit", "Audit"),
    (PROJECTS, "Projects"),
    ("/people", "People"),
)
"""Addresses and names of the pages one can turn to, in the order in which people need them."""
ALARMS: Final = "/alarms"
"""This one is turned to only where there is a table to show."""

LOOKS: Final[tuple[tuple[str, str, GetHandler], ...]] = (
    ("/", "overview", overview_page.view_overview),
    ("/incidents", "incidents", incidents_page.open_ones),
    ("/incidents/key", "incident_key", incidents_page.view_history),
    ("/quiet", "quiet", quiet_page.view_quiet),
    ("/find", "find", find_page.view_find),
    ("/timeline", "timeline", timeline_page.view_timeline),
    ("/alarms", "alarms", alarms_page.view_alarms),
    ("/alarms/row", "alarm", alarms_page.view_alarm),
    ("/inbox", "inbox", deliveries_page.view_inbox),
    ("/deliveries", "deliveries", deliveries_page.view_deliveries),
    ("/deliveries/{id}", "delivery", deliveries_page.view_delivery),
    ("/messages", "messages", messages_page.view_messages),
    ("/messages/why", "message", messages_page.view_message),
    ("/rules", "rules", rules_page.view_rules),
    ("/rules/{name:path}", "rule", rules_page.view_rule),
    ("/noise", "noise", noise_page.view_noise),
    ("/silences", "silences", silences_page.view_silences),
    ("/subscriptions", "subscriptions", overview_page.view_subscriptions),
    ("/audit", "audit", audit_page.view_audit),
    ("/ledger", "ledger", overview_page.view_ledger),
    ("/nodes", "nodes", nodes_page.view_nodes_page),
    *AMS_LOOKS,
    ("/people", "people", people_page.view_people),
    ("/account", "account", account_page.view_account),
)

FILES: Final[tuple[tuple[str, FileHandler], ...]] = (
    ("/alarms/export.csv", alarms_page.export_csv),
    ("/alarms/export.json", alarms_page.export_json),
)

LOOK_RIGHTS: Final[Mapping[str, Right]] = {
    **{path: "projects" if path in OF_PROJECTS else "administer" for path, *_ in AMS_LOOKS},
    "/people": "administer",
    "/account": "own",
}
"""What pages take that not everybody may look at."""
FIRST_OF_PROJECTS: Final = PROJECTS
"""Where those begin who may see no more than their own projects."""

ACTS: Final[tuple[tuple[str, PostHandler], ...]] = (
    ("/incidents", incidents_page.change),
    ("/deliveries", deliveries_page.change_many),
    ("/deliveries/{id}", deliveries_page.change_one),
    ("/silences", silences_page.add),
    ("/silences/{id}", silences_page.change),
    ("/reload", overview_page.reload),
    *AMS_ACTS,
    ("/people", people_page.add),
    ("/people/{name}", people_page.change),
    ("/sessions/{id}", account_page.end),
    ("/account", account_page.change_own),
)
ACT_RIGHTS: Final[Mapping[str, Right]] = {
    "/incidents": "respond",
    "/deliveries": "respond",
    "/deliveries/{id}": "respond",
    "/silences": "respond",
    "/silences/{id}": "respond",
    **{path: "projects" if path in OF_PROJECTS else "administer" for path, _ in AMS_ACTS},
    "/sessions/{id}": "own",
    "/account": "own",
}
"""What forms take; one that is not named here takes an admin."""


def right_to_look(path: str) -> Right:
    """What the page at a path of LOOKS takes."""
    return LOOK_RIGHTS.get(path, "look")


def right_to_act(path: str) -> Right:
    """What the form at a path of ACTS takes."""
    return ACT_RIGHTS.get(path, "administer")
