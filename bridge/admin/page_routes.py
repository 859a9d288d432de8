"""All pages: their addresses, templates, and what they look at; and the forms that change something."""

from __future__ import annotations

from typing import Final

from bridge.admin import (
    audit_page,
    deliveries_page,
    incidents_page,
    messages_page,
    overview_page,
    rules_page,
    silences_page,
)
from bridge.admin.handlers import GetHandler, PostHandler

NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/", "Overview"),
    ("/incidents", "Incidents"),
    ("/inbox", "Inbox"),
    ("/deliveries", "Deliveries"),
    ("/messages", "Messages"),
    ("/rules", "Rules"),
    ("/silences", "Silences"),
    ("/subscriptions", "Subscriptions"),
    ("/ledger", "Ledger"),
    ("/audit", "Audit"),
)
"""Addresses and names of the pages one can turn to, in the order in which people need them."""

LOOKS: Final[tuple[tuple[str, str, GetHandler], ...]] = (
    ("/", "overview", overview_page.overview),
    ("/incidents", "incidents", incidents_page.open_ones),
    ("/inbox", "inbox", deliveries_page.inbox),
    ("/deliveries", "deliveries", deliveries_page.listed),
    ("/deliveries/{id}", "delivery", deliveries_page.one),
    ("/messages", "messages", messages_page.newest),
    ("/messages/why", "message", messages_page.one),
    ("/rules", "rules", rules_page.all_rules),
    ("/rules/{name:path}", "rule", rules_page.one),
    ("/silences", "silences", silences_page.listed),
    ("/subscriptions", "subscriptions", overview_page.subscriptions),
    ("/audit", "audit", audit_page.listed),
    ("/ledger", "ledger", overview_page.books),
)

ACTS: Final[tuple[tuple[str, PostHandler], ...]] = (
    ("/incidents", incidents_page.take),
    ("/deliveries", deliveries_page.change_many),
    ("/deliveries/{id}", deliveries_page.change_one),
    ("/silences", silences_page.add),
    ("/silences/{id}", silences_page.expire),
    ("/reload", overview_page.reload),
)
