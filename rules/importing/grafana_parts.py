"""Finds what Grafana keeps of alerting in a text: policies, contact points, mute timings and templates, with places.

It may be a file of its provisioning, an export, an answer of its API, the configuration of its Alertmanager, resources
of its operator or of its own API, and any of these inside a ConfigMap or the values of a Helm chart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rules.importing.wrappers import texts_inside
from rules.source.places import Document
from rules.source.problems import DocumentPath
from rules.source.yaml_builder import Spot

_MOST_VALUES: Final = 200_000
_MARKS: Final = ("contactPoints", "policies", "muteTimes", "alertmanager_config", "templates")
_RESOURCES: Final = {
    "GrafanaContactPoint": "points", "GrafanaNotificationPolicy": "policies", "GrafanaMuteTiming": "intervals",
    "GrafanaNotificationTemplate": "templates", "Receiver": "points", "RoutingTree": "policies",
    "TimeInterval": "intervals", "TemplateGroup": "templates",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GrafanaPart:
    """One policy tree, contact point, mute timing or template: value and spot, file and path there, organisation."""

    value: Any
    spot: Spot
    file: str
    path: DocumentPath
    org: str = ""


@dataclass(slots=True)
class GrafanaParts:
    """All that was found; ``direct`` are alert rules that name their contact point themselves."""

    policies: list[GrafanaPart] = field(default_factory=list)
    points: list[GrafanaPart] = field(default_factory=list)
    intervals: list[GrafanaPart] = field(default_factory=list)
    templates: list[GrafanaPart] = field(default_factory=list)
    direct: list[GrafanaPart] = field(default_factory=list)


def find_parts(document: Document, text: str, parts: GrafanaParts) -> None:
    """Add what stands in a document, at whatever depth."""
    waiting: list[tuple[DocumentPath, Any]] = [((), document.value)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        path, value = waiting.pop()
        if isinstance(value, str):
            if any(mark in value for mark in _MARKS):
                for inner in texts_inside(document, path, value, text):
                    find_parts(inner, text, parts)
            continue
        if isinstance(value, dict | list):
            reader = _Reader(document, path, parts)
            taken = reader.mapping(value) if isinstance(value, dict) else reader.members(value)
            members = value.items() if isinstance(value, dict) else enumerate(value)
            rest = [((*path, step), member) for step, member in members if taken is not None and step not in taken]
            waiting.extend(reversed(rest))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one mapping or list; what is taken is not looked at again, and None means all of it."""

    document: Document
    path: DocumentPath
    parts: GrafanaParts

    def mapping(self, value: dict[str, Any]) -> set[str] | None:
        kind = value.get("kind")
        if isinstance(kind, str) and kind in _RESOURCES and isinstance(value.get("spec"), dict):
            self._read_resource(_RESOURCES[kind], value)
            return None
        config = value.get("alertmanager_config")
        if isinstance(config, dict) and "receivers" in config:
            self._read_alertmanager(config)
            self._read_template_files(value)
            return {"alertmanager_config", "template_files"}
        if not self.path and "receiver" in value and any(key in value for key in ("routes", "group_by", "provenance")):
            self.parts.policies.append(self._part((), value))
            return None
        taken = set[str]()
        for key, mark, parts in (
            ("contactPoints", "name", self.parts.points), ("policies", "receiver", self.parts.policies),
            ("muteTimes", "name", self.parts.intervals), ("templates", "template", self.parts.templates),
        ):  # fmt: skip
            members = value.get(key)
            if (
                isinstance(members, list)
                and members
                and all(isinstance(member, dict) and mark in member for member in members)
            ):
                parts += [self._part((key, n), member) for n, member in enumerate(members)]
                taken.add(key)
        direct = value.get("notification_settings")
        if isinstance(direct, dict) and "receiver" in direct:
            self.parts.direct.append(self._part(("notification_settings",), direct))
        return taken

    def members(self, value: list[Any]) -> set[int] | None:
        """A list of the API: its members are told apart by their keys."""
        taken = set[int]()
        for n, member in enumerate(value):
            text = _kind_of(member)
            if text:
                getattr(self.parts, text).append(self._part((n,), member))
                taken.add(n)
        return taken

    def _read_alertmanager(self, config: dict[str, Any]) -> None:
        at = "alertmanager_config"
        if isinstance(config.get("route"), dict):
            self.parts.policies.append(self._part((at, "route"), config["route"]))
        for key, target in (("receivers", self.parts.points), ("mute_time_intervals", self.parts.intervals),
                           ("time_intervals", self.parts.intervals)):  # fmt: skip
            members = config.get(key)
            parts = enumerate(members if isinstance(members, list) else ())
            target += [self._part((at, key, n), member) for n, member in parts if isinstance(member, dict)]

    def _read_template_files(self, value: dict[str, Any]) -> None:
        files = value.get("template_files")
        for name, body in (files if isinstance(files, dict) else {}).items():
            self.parts.templates.append(self._part(("template_files", name), {"name": name, "template": body}))

    def _read_resource(self, kind: str, value: dict[str, Any]) -> None:
        spec = value["spec"]
        metadata = value.get("metadata")
        name = spec.get("name") or spec.get("title") or (metadata.get("name") if isinstance(metadata, dict) else None)
        spot = self.document.places.find_nearest((*self.path, "spec"))
        if kind == "policies":
            for key in ("route", "defaults"):
                if isinstance(spec.get(key), dict):
                    route, at = _with(spec[key], _child(spot, key), spec, spot, "routes")
                    self.parts.policies.append(GrafanaPart(route, at, self.document.file, (*self.path, "spec", key)))
            return
        part = GrafanaPart({**spec, "name": name}, spot, self.document.file, (*self.path, "spec"))
        getattr(self.parts, kind).append(part)

    def _part(self, inner: DocumentPath, value: Any) -> GrafanaPart:
        org = str(value.get("orgId") or "") if isinstance(value, dict) else ""
        spot = self.document.places.find_nearest((*self.path, *inner))
        return GrafanaPart(value, spot, self.document.file, (*self.path, *inner), org)


def _kind_of(value: Any) -> str:
    """The field of ``GrafanaParts`` for a member of an API's list; "" for another."""
    if not isinstance(value, dict) or "name" not in value:
        return ""
    if "settings" in value and "type" in value:
        return "points"
    if "grafana_managed_receiver_configs" in value:
        return "points"
    if "time_intervals" in value:
        return "intervals"
    return "templates" if "template" in value and "rules" not in value else ""


def _with(value: Any, spot: Spot, other: dict[str, Any], other_spot: Spot, key: str) -> tuple[Any, Spot]:
    """A mapping with one key more, taken from beside it."""
    if key in value or key not in other:
        return value, spot
    inner = Spot(spot.line, spot.column)
    children = dict(spot.children) if isinstance(spot.children, dict) else {}
    inner.children = {**children, key: _child(other_spot, key)}
    return {**value, key: other[key]}, inner


def _child(spot: Spot, step: str) -> Spot:
    return spot.child(step) or spot


def integrations_of(part: GrafanaPart) -> Iterator[tuple[dict[str, Any], Spot, DocumentPath]]:
    """The integrations of a contact point, in whichever form it stands: value, spot, and path in the file."""
    for key in ("receivers", "grafana_managed_receiver_configs", "integrations"):
        members = part.value.get(key)
        if isinstance(members, list):
            spot = _child(part.spot, key)
            for n, member in enumerate(members):
                if isinstance(member, dict):
                    yield member, spot.child(n) or spot, (*part.path, key, n)
    if "type" in part.value and "receivers" not in part.value:
        yield part.value, part.spot, part.path
