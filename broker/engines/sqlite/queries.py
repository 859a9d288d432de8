"""The queries of the SQLite engine: SQL text in ``sql/*.sql``, each with a name and a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from broker.engines.queries import load_queries


def load(name: str) -> Mapping[str, str]:
    """The queries of ``sql/<name>.sql`` by their names."""
    return load_queries(__package__, name)
