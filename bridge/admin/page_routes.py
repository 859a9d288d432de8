"""All pages: their addresses, templates, and what they look at; and the forms that change something."""

from __future__ import annotations

from typing import Final

from bridge.admin import (
    alarms_page,
    audit_page,
    deliveries_page,
    incidents_page,
    messages_page,
    nodes_page,
    overview_page,
    rules_page,
    silences_page,
)
from bridge.admin.handlers import FileHandler, GetHandler, PostHandler

NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/", "Overview"),
    ("/incidents", "Incidents"),
    ("/alarms", "Alarms"),
    ("/inbox", "Inbox"),
    ("/deliveries", "Deliveries"),
    ("/messages", "Messages"),
    ("/rules", "Rules"),
    ("/silences", "Silences"),
    ("/subscriptions", "Subscriptions"),
    ("/ledger", "Ledger"),
    ("/nodes", "Nodes"),
    ("/audit", "Audit"),
)
"""Addresses and names of the pages one can turn to, in the order in which people need them."""
ALARMS: Final = "/alarms"
"""This one is turned to only where there is a table to show."""

LOOKS: Final[tuple[tuple[str, str, GetHandler], ...]] = (
    ("/", "overview", overview_page.view_overview),
    ("/incidents", "incidents", incidents_page.open_ones),
    ("/alarms", "alarms", alarms_page.view_alarms),
    ("/alarms/row", "alarm", alarms_page.view_alarm),
    ("/inbox", "inbox", deliveries_page.view_inbox),
    ("/deliveries", "deliveries", deliveries_page.view_deliveries),
    ("/deliveries/{id}", "delivery", deliveries_page.view_delivery),
    ("/messages", "messages", messages_page.view_messages),
    ("/messages/why", "message", messages_page.view_message),
    ("/rules", "rules", rules_page.view_rules),
    ("/rules/{name:path}", "rule", rules_page.view_rule),
    ("/silences", "silences", silences_page.view_silences),
    ("/subscriptions", "subscriptions", overview_page.view_subscriptions),
    ("/audit", "audit", audit_page.view_audit),
    ("/ledger", "ledger", overview_page.view_ledger),
    ("/nodes", "nodes", nodes_page.view_nodes_page),
)

FILES: Final[tuple[tuple[str, FileHandler], ...]] = (
    ("/alarms/export.csv", alarms_page.export_csv),
    ("/alarms/export.json", alarms_page.export_json),
)

ACTS: Final[tuple[tuple[str, PostHandler], ...]] = (
    ("/incidents", incidents_page.take),
    ("/deliveries", deliveries_page.change_many),
    ("/deliveries/{id}", deliveries_page.change_one),
    ("/silences", silences_page.add),
    ("/silences/{id}", silences_page.expire),
    ("/reload", overview_page.reload),
)
