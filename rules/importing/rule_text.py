"""One route as rules of our language: who is told what, grouped, reminded and kept quiet as there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rules.importing.alertmanager_config import Config
from rules.importing.foreign_system import GRAFANA
from rules.importing.imported_inhibition import Inhibition, equal_places, inhibit_by, variable_names
from rules.importing.match_lines import label_place, match_of
from rules.importing.receiver_target import Target, make_unique
from rules.importing.receivers import Receiver
from rules.importing.route_tree import EVERY_LABEL, RouteOptions, RouteRule
from rules.source.problems import path_text

EACH_ALERT: Final = "$.alerts[*]"
KEY: Final = "{{ data.fingerprint | default(data.labels | to_json, true) }}"
RESOLVED: Final = {"$.status": "resolved"}
SEVERITY: Final = "{{ data.labels.severity | default('') | replace('none', '') }}"
WORST: Final = """\
{% set said = events | default([{'data': data}]) | map(attribute='data.labels.severity', default='') | map('lower') %}
{% set said = said | list %}
{{ ['critical', 'error'] | select('in', said) | first | default('')
   or said | reject('in', ['warning', 'info', 'ok', 'none', '']) | first | default('')
   or ['warning', 'info', 'ok'] | select('in', said) | first | default('') }}"""
"""The worst severity among the alerts of a post; a word that is none of ours is worse than a warning."""
_BODY: Final = """\
{% set alerts = ALERTS %}
{% macro common(part) %}
{% set all = namespace(same=alerts[0][part] | default({}, true) | items | list) %}
{% for alert in alerts %}
{% set all.same = all.same | select('in', alert[part] | default({}, true) | items | list) | list %}
{% endfor %}
{% for name, value in all.same %}
{{ ',' if not loop.first else '' }}{{ name | to_json }}: {{ value | to_json }}
{%- endfor %}
{% endmacro %}
{"version": "4", "receiver": {{ RECEIVER | to_json }}, "externalURL": "", "truncatedAlerts": 0,
 "groupKey": {{ (rule ~ ':' ~ (alerts[0].labels | items | selectattr(0, 'in', GROUP) | list | to_json)) | to_json }},
 "status": "{{ 'firing' if alerts | selectattr('status', 'equalto', 'firing') | list else 'resolved' }}",
 "groupLabels": {
{%- for name in GROUP %}
{{ ',' if not loop.first else '' }}{{ name | to_json }}: {{ alerts[0].labels[name] | default('') | to_json }}
{%- endfor %} },
 "commonLabels": { {{- common('labels') -}} }, "commonAnnotations": { {{- common('annotations') -}} },
 "alerts": {{ alerts | to_json }}}"""
"""Alertmanager's own JSON, for webhooks that read it."""
_ALERTS: Final = """\
[{% for alert in ALERTS %}
{{ ',' if not loop.first else '' }}{"labels": {{ alert.labels | default({}, true) | to_json }},
 "annotations": {{ alert.annotations | default({}, true) | to_json }},
{%- if alert.startsAt | default('', true) %} "startsAt": {{ alert.startsAt | to_json }},{% endif %}
{%- if alert.status == 'resolved' and alert.endsAt %} "endsAt": {{ alert.endsAt | to_json }},{% endif %}
 "generatorURL": {{ alert.generatorURL | default('', true) | to_json }}}
{%- endfor %}]"""
"""A list of alerts as an Alertmanager takes them at ``/api/v2/alerts``."""
_OF_GRAFANA: Final = """\
{% set firing = alerts | selectattr('status', 'equalto', 'firing') | list | length %}
{"version": "1", "orgId": 1, "state": "{{ 'alerting' if firing else 'ok' }}", "message": "",
 "title": {{ ('[' ~ ('FIRING:' ~ firing if firing else 'RESOLVED') ~ '] '
              ~ alerts[0].labels.alertname | default('')) | to_json }},"""
"""What the JSON of Grafana's webhook has more, or says otherwise."""
_FED: Final = {"repeat": "3m", "every": "1m"}
"""How often an Alertmanager hears of what fires: it forgets an alert of which it hears nothing for five minutes."""


@dataclass(slots=True)
class RuleWriter:
    """Makes the rules of a configuration, one after another, each with a name of its own."""

    config: Config
    receivers: Mapping[str, Receiver]
    inhibitions: Sequence[Inhibition]
    taken: set[str]
    names: Mapping[str, str] = field(init=False)
    """The variables that hold what inhibitions compare."""
    routes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of which route each rule was made: its path, and its receiver."""

    def __post_init__(self) -> None:
        self.names = variable_names(self.inhibitions)

    def sources(self, destination: str) -> Iterator[dict[str, Any]]:
        """The shadow rules whose incidents keep others quiet; they must stand first and send nothing."""
        for inhibition in self.inhibitions:
            for name, match in inhibition.sources():
                self.taken.add(name)
                _, variables = equal_places(inhibition, self.names)
                where = self._where(inhibition.path)
                yield {
                    "name": name,
                    "about": f"sends nothing; while it fires, rules that name it are quiet ({where})",
                    "for_each": EACH_ALERT,
                    **({"match": match} if match else {}),
                    **({"set": variables} if variables else {}),
                    "resolved": RESOLVED,
                    "key": KEY,
                    "shadow": True,
                    "send": destination,
                }

    def rules(self, route: RouteRule) -> Iterator[dict[str, Any]]:
        """The rules of a route: one for those who hear the end of an alert, one for those who do not."""
        receiver = self.receivers[route.node.options.receiver]
        if not receiver.targets:
            if route.stop or not route.node.path[1:]:
                yield {**self._head(route, receiver.name), "drop": True}
            return
        parts: dict[tuple[bool, bool], list[Target]] = {}
        for target in sorted(receiver.targets, key=_kind, reverse=True):
            parts.setdefault(_kind(target), []).append(target)
        for number, targets in enumerate(parts.values(), start=1):
            yield self._rule(route, receiver, targets, stop=route.stop and number == len(parts))

    def _rule(self, route: RouteRule, receiver: Receiver, targets: Sequence[Target], *, stop: bool) -> dict[str, Any]:
        options, tells_end = route.node.options, targets[0].tells_end
        quiet = inhibit_by(route.matchers, self.inhibitions, self.names)
        feeds = targets[0].body == "alerts"
        alone = len(targets) == len(receiver.targets)
        name = receiver.name + ("" if alone else ("-alertmanager" if feeds else "") + ("" if tells_end else "-firing"))
        if feeds:
            options = replace(options, repeat=_FED["repeat"], every=_FED["every"])
        rule = self._head(route, name)
        if not tells_end:
            rule["match"] = {"$.status": "firing", **rule.get("match", {})}
        if quiet.variables:
            rule["set"] = quiet.variables
        rule |= _life(options, tells_end=tells_end) | _group(options)
        if route.node.active:
            rule["hours"] = list(route.node.active)
        if route.node.muted:
            rule["not_hours"] = list(route.node.muted)
        if quiet.inhibited_by:
            rule["inhibited_by"] = quiet.inhibited_by[0] if len(quiet.inhibited_by) == 1 else quiet.inhibited_by
        rule["severity"] = SEVERITY if EVERY_LABEL in options.group_by else WORST
        rule["template"] = self.config.system.template
        if any(target.body for target in targets):
            rule["body"] = _body(_ALERTS if feeds else self._whole_call(), receiver.name, options)
        rule["send"] = _send(targets)
        if stop:
            rule["stop"] = True
        return rule

    def _head(self, route: RouteRule, name: str) -> dict[str, Any]:
        text = ", ".join(map(str, route.matchers)) or "everything else"
        match = match_of(route.matchers, route.excluded)
        name = make_unique(name, self.taken)
        self.routes[name] = path_text(route.node.path), route.node.options.receiver
        return {
            "name": name,
            "about": f"{text} ({self._where(route.node.path)})",
            "for_each": EACH_ALERT,
            **({"match": match} if match else {}),
        }

    def _whole_call(self) -> str:
        return _BODY.replace('{"version": "4",', _OF_GRAFANA) if self.config.system is GRAFANA else _BODY

    def _where(self, path: tuple[str | int, ...]) -> str:
        place = self.config.place(path)
        return f"{path_text(path)}, {place.file}:{place.line}"


def _life(options: RouteOptions, *, tells_end: bool) -> dict[str, Any]:
    """What is an alert, when is it over, and how often is it told."""
    if tells_end:
        return {"resolved": RESOLVED, "key": KEY, "dedupe": options.repeat, "repeat": options.repeat}
    return {"key": KEY, "state": "{{ data.startsAt | default('') }}", "dedupe": options.repeat}


def _group(options: RouteOptions) -> dict[str, Any]:
    if EVERY_LABEL in options.group_by:
        return {}
    places = [label_place(label) for label in options.group_by]
    return {"group": {**({"by": places} if places else {}), "wait": options.wait, "every": options.every}}


def _send(targets: Sequence[Target]) -> Any:
    entries = [{"to": target.name, **target.overrides} if target.overrides else target.name for target in targets]
    return entries[0] if len(entries) == 1 else entries


def _kind(target: Target) -> tuple[bool, bool]:
    """What parts destinations into rules: whether they hear the end, and whether posts are for them."""
    return target.tells_end, target.body != "alerts"


def _body(body: str, receiver: str, options: RouteOptions) -> str:
    each = EVERY_LABEL in options.group_by
    alerts = (
        "[data]" if each else "(events | map(attribute='data') | list) + (still_firing | map(attribute='data') | list)"
    )
    group = "alerts[0].labels" if each else repr(list(options.group_by))
    return body.replace("ALERTS", alerts).replace("GROUP", group).replace("RECEIVER", repr(receiver))
