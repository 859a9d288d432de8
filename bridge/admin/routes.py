"""All pages: their addresses, templates, and what they look at; and the forms that change something."""

from __future__ import annotations

from typing import Final

from bridge.admin import deliveries, incidents, messages, overview, rules, silences
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
)
"""Addresses and names of the pages one can turn to, in the order in which people need them."""

LOOKS: Final[tuple[tuple[str, str, GetHandler], ...]] = (
    ("/", "overview", overview.overview),
    ("/incidents", "incidents", incidents.open_ones),
    ("/inbox", "inbox", deliveries.inbox),
    ("/deliveries", "deliveries", deliveries.listed),
    ("/deliveries/{id}", "delivery", deliveries.one),
    ("/messages", "messages", messages.newest),
    ("/messages/why", "message", messages.one),
    ("/rules", "rules", rules.all_rules),
    ("/rules/{name:path}", "rule", rules.one),
    ("/silences", "silences", silences.listed),
    ("/subscriptions", "subscriptions", overview.subscriptions),
    ("/ledger", "ledger", overview.books),
)

ACTS: Final[tuple[tuple[str, PostHandler], ...]] = (
    ("/incidents", incidents.take),
    ("/deliveries", deliveries.change_many),
    ("/deliveries/{id}", deliveries.change_one),
    ("/silences", silences.add),
    ("/silences/{id}", silences.expire),
    ("/reload", overview.reload),
)
