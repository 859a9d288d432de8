"""How long a rendering takes: ``python -m benchmarks.rules_render``.

Prints microseconds per rendering (the best of five rounds) for an alert of six fields with and without escaping, for
shipped templates, for the built-in rendering, and the time to compile a text.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable

from rules.model import Event, MessageFacts
from rules.rendering.compiling import compile_file, compile_text
from rules.rendering.environment import CompiledTemplate, Mode, Templates
from rules.rendering.fallback import render_fallback
from rules.rendering.template_files import read_templates
from rules.rendering.template_names import names_of
from rules.source.problems import Place

NOW_US = 1_767_434_700_000_000
SIX_FIELDS = (
    "**{{ data.endpoint_group }}** {{ data.status }} {{ data.service }} {{ data.hostname }}\n"
    "{{ data.summary }}\n{{ data['url.history'] }}"
)
STATUS = {
    "type": "endpoint",
    "endpoint_group": "SITE-A",
    "status": "CRITICAL",
    "service": "eu.egi.CE",
    "hostname": "ce01.example.org",
    "summary": "CRITICAL - Socket timeout",
    "url.history": "https://ui.example.org/TENANT/report-status/Critical/SITES/SITE-A?start_date=2026-01-01",
}
HOSTILE = {**STATUS, "summary": "plugin said: | @channel **boom** [x](http://evil.example)"}
ALERT = {
    "status": "firing",
    "labels": {"alertname": "InstanceDown", "severity": "critical", "instance": "db1.example.org:9100", "job": "node"},
    "annotations": {"summary": "InstanceDown on db1.example.org:9100"},
    "startsAt": "2026-01-03T10:00:00.000Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=up",
}


def an_event(data: object) -> Event:
    """An event as the router makes it."""
    message = MessageFacts(id="7", offset=7, topic="alerts", project="ARGO", publish_time_us=NOW_US)
    return Event(data=data, text=json.dumps(data), attributes={}, message=message)


def a_text(environment: Templates, source: str, mode: Mode = "markdown") -> CompiledTemplate:
    """An inline template."""
    found = compile_text(source, place=Place("rules.yaml"), environment=environment, mode=mode)
    assert isinstance(found, CompiledTemplate)
    return found


def a_file(environment: Templates, name: str) -> CompiledTemplate:
    """A shipped template."""
    found = compile_file(name, place=Place("rules.yaml"), environment=environment)
    assert isinstance(found, CompiledTemplate)
    return found


def show(what: str, run: Callable[[], object], count: int = 2000) -> None:
    """Print the best of five rounds."""
    best_s = min(timeit.repeat(run, number=count, repeat=5)) / count
    print(f"{what:<44} {best_s * 1e6:8.1f} us")


def main() -> None:
    """Measure and print."""
    environment, _ = read_templates(None)
    six, six_plain = a_text(environment, SIX_FIELDS), a_text(environment, SIX_FIELDS, "plain")
    argo, alert, group = (
        a_file(environment, name) for name in ("argo/status", "alertmanager/alert", "alertmanager/group")
    )
    status, hostile, one = an_event(STATUS), an_event(HOSTILE), an_event(ALERT)
    ten = an_event({"alerts": [ALERT] * 10, "groupLabels": {"job": "node"}})

    def rendered(template: CompiledTemplate, event: Event) -> Callable[[], str]:
        names = names_of(event, now_us=NOW_US)
        return lambda: template.render(names)

    show("names of an event", lambda: names_of(status, now_us=NOW_US))
    show("six fields, plain", rendered(six_plain, status))
    show("six fields, Markdown", rendered(six, status))
    show("six fields, Markdown, hostile summary", rendered(six, hostile))
    show("argo/status", rendered(argo, status))
    show("alertmanager/alert", rendered(alert, one))
    show("alertmanager/group, ten alerts", rendered(group, ten), 300)
    show("built-in rendering", lambda: render_fallback(status))
    texts = iter(range(10_000_000))
    show("compile a text of six fields", lambda: a_text(environment, f"{SIX_FIELDS}{next(texts)}"), 100)


if __name__ == "__main__":
    main()
