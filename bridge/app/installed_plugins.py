"""Every plugin that is installed beside ams-bridge, and those that cannot be used."""

from __future__ import annotations

from bridge.destinations.destination_kinds import KINDS as DESTINATION_KINDS
from bridge.sources.source_kinds import KINDS as SOURCE_KINDS
from rules.conditions.operators import OPERATORS
from rules.plugins import PluginReport
from rules.rendering.jinja_filters import ALL_FILTERS


def list_installed_plugins() -> list[PluginReport]:
    """A report of each plugin, destination kinds first. It imports them all."""
    return [
        report
        for registry in (DESTINATION_KINDS, SOURCE_KINDS, ALL_FILTERS, OPERATORS)
        for report in registry.reports()
    ]
