"""An AlertmanagerConfig of the Prometheus operator (or VictoriaMetrics') as the configuration it stands for.

Its keys are spelled otherwise, its secrets are names of Secrets, and all of it is for alerts of its own namespace.
"""

from __future__ import annotations

import re
from typing import Any, Final

from rules.importing.label_matchers import LabelMatcher
from rules.source.places import Document, Places
from rules.source.yaml_builder import Spot

KINDS: Final = frozenset({"AlertmanagerConfig", "VMAlertmanagerConfig"})
"""Of the Prometheus operator, and VictoriaMetrics' form of it."""
NOBODY: Final = "nobody"
"""The receiver of alerts that are none of the resource's."""
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORDS: Final = {
    "inhibit_rules": "inhibit_rules", "source_match": "source_matchers", "target_match": "target_matchers",
    "mute_time_intervals": "mute_time_intervals", "url_secret": "url", "webhook_url_secret": "webhook_url",
}  # fmt: skip
_AS_WRITTEN: Final = frozenset({"http_headers", "labels", "annotations"})
_SECRET: Final = frozenset({"name", "key", "optional"})
_HOOKS: Final = frozenset({"discord_configs"})
"""Kinds whose ``apiURL`` is Alertmanager's ``webhook_url``."""


def as_configuration(document: Document) -> Document:
    """The configuration that a resource stands for, with the places of the resource."""
    value, spot = _Rewriter().rewrite(document.value["spec"], document.places.find_nearest(("spec",)))
    namespace = (document.value.get("metadata") or {}).get("namespace")
    if isinstance(value, dict) and isinstance(value.get("route"), dict):
        _wrap(value, spot, namespace if isinstance(namespace, str) else "")
    return Document(document.file, value, Places(document.file, spot), document.problems)


def _wrap(value: dict[str, Any], spot: Spot, namespace: str) -> None:
    """Put the resource's route below one that tells nobody, for its own namespace only."""
    children: dict[str, Spot] = spot.children if isinstance(spot.children, dict) else {}
    own = [str(LabelMatcher("namespace", "=", namespace))] if namespace else []
    route, route_spot = value["route"], children["route"]
    _add_matchers(route, route_spot, "matchers", own)
    outer = Spot(route_spot.line, route_spot.column)
    outer_routes = Spot(route_spot.line, route_spot.column)
    outer_routes.children = [route_spot]
    outer.children = {"receiver": Spot(route_spot.line, route_spot.column), "routes": outer_routes}
    value["route"], children["route"] = {"receiver": NOBODY, "routes": [route]}, outer
    receivers = value.get("receivers")
    if isinstance(receivers, list):
        receivers.append({"name": NOBODY})
    for n, rule in enumerate(value.get("inhibit_rules") or ()):
        for side in ("source_matchers", "target_matchers"):
            if isinstance(rule, dict):
                _add_matchers(rule, _child(_child(spot, "inhibit_rules"), n), side, own)


def _add_matchers(value: dict[str, Any], spot: Spot, key: str, more: list[str]) -> None:
    if more:
        value[key] = [*(value.get(key) or ()), *more]
        if isinstance(spot.children, dict):
            spot.children.setdefault(key, Spot(spot.line, spot.column))


def _child(spot: Spot, step: str | int) -> Spot:
    return spot.child(step) or spot


class _Rewriter:
    """Spells a resource as Alertmanager does, values and spots side by side."""

    def rewrite(self, value: Any, spot: Spot, key: str = "") -> tuple[Any, Spot]:
        """A value in Alertmanager's spelling, at its place."""
        new = Spot(spot.line, spot.column, block=spot.block, quoted=spot.quoted)
        new.key_line, new.key_column = spot.key_line, spot.key_column
        if isinstance(value, dict):
            if (plain := _plain(value, key)) is not None:
                return plain, new
            return self._mapping(value, spot, new, key), new
        if isinstance(value, list):
            members = [self.rewrite(member, _child(spot, n), key) for n, member in enumerate(value)]
            new.children = [at for _, at in members]
            return [member for member, _ in members], new
        return value, new

    def _mapping(self, value: dict[str, Any], spot: Spot, new: Spot, key: str) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        children: dict[str, Spot] = {}
        for name, member in value.items():
            word = name if key in _AS_WRITTEN else _HUMP.sub("_", name).lower()
            word = "webhook_url" if word == "api_url" and key in _HOOKS else _WORDS.get(word, word)
            mapping[word], children[word] = self.rewrite(member, _child(spot, name), word)
        new.children = children
        return mapping


def _plain(value: dict[str, Any], key: str) -> str | None:
    """The text that a mapping stands for: a matcher, a range of days, or a key of a Secret; None for others."""
    if key.endswith("matchers") and "name" in value:
        text = value.get("value") or ""
        kind = value.get("match_type") or value.get("matchType")
        op = kind or ("=~" if str(value.get("regex") or "").lower() == "true" else "=")
        return str(LabelMatcher(str(value["name"]), str(op), str(text)))
    if key == "days_of_month":
        return f"{value.get('start')}:{value.get('end') or value.get('start')}"
    if "key" in value and set(value) <= _SECRET:
        return f"the key {value['key']} of the Secret {value.get('name')}"
    return None
