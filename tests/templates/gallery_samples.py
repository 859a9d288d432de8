"""What each kind of sender sends of a disk that fills: firing and over, of any of many hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Sample: TypeAlias = Callable[[int, bool], Any]
"""The event of host number n, and whether it is over."""

REPOSITORY: Final = {"html_url": "https://code.example.org/acme/shop", "full_name": "acme/shop"}
PROJECT: Final = {"web_url": "https://code.example.org/acme/shop", "path_with_namespace": "acme/shop"}
START: Final = "2026-01-05T11:50:00Z"
END: Final = "2026-01-05T12:00:00Z"


def alert(n: int, over: bool) -> dict[str, Any]:
    labels = {"alertname": "DiskWillFill", "severity": "warning", "job": "node", "instance": f"web{n}:9100"}
    notes = {"summary": f"/srv of web{n} is full in four hours", "runbook_url": "https://wiki.example.org/disk"}
    return {
        "status": "resolved" if over else "firing",
        "labels": labels,
        "annotations": notes,
        "startsAt": START,
        "endsAt": END if over else "0001-01-01T00:00:00Z",
        "fingerprint": f"f{n}",
    }


def call(*alerts: Mapping[str, Any]) -> dict[str, Any]:
    """A whole call of Alertmanager."""
    return {"version": "4", "externalURL": "http://alertmanager.example.org", "alerts": list(alerts)}


def argo_alarm(n: int, over: bool) -> dict[str, Any]:
    status = "OK" if over else "CRITICAL"
    host, details = f"web{n}.example.org", f"{status} - /srv has {n} GB left"
    return {"status": status, "node_name": host, "site": "SITE-A", "test_name": "org.acme.Disk", "details": details}


def argo_status(n: int, over: bool) -> dict[str, Any]:
    status, url = "OK" if over else "CRITICAL", f"https://argo.example.org/history/{n}"
    return {"endpoint_group": f"SITE-{n}", "status": status, "summary": f"/srv of web{n}", "url.history": url}


def zabbix(n: int, over: bool) -> dict[str, Any]:
    said = {"event_name": "Disk will fill", "host_name": f"web{n}", "event_severity": "High", "trigger_id": "7"}
    return {**said, "event_value": "0" if over else "1", "event_opdata": f"{n} GB left", "event_duration": "10m"}


def icinga(n: int, over: bool) -> dict[str, Any]:
    state, kind = ("OK", "RECOVERY") if over else ("CRITICAL", "PROBLEM")
    service = {"name": "disk", "state": state, "output": f"DISK {state} - {n} GB left"}
    return {"notification_type": kind, "host": {"name": f"web{n}"}, "service": service}


def nagios(n: int, over: bool) -> dict[str, Any]:
    state, kind = ("OK", "RECOVERY") if over else ("CRITICAL", "PROBLEM")
    said = {"NOTIFICATIONTYPE": kind, "HOSTNAME": f"web{n}", "SERVICEDESC": "disk", "SERVICESTATE": state}
    return {**said, "SERVICEOUTPUT": f"DISK {state} - {n} GB left"}


def github(n: int, over: bool) -> dict[str, Any]:
    run = {"name": f"tests of web{n}", "conclusion": "success" if over else "failure", "head_branch": "main"}
    return {"workflow_run": {**run, "html_url": f"https://code.example.org/{n}"}, "repository": REPOSITORY}


def gitlab(n: int, over: bool) -> dict[str, Any]:
    item = {"id": n, "status": "success" if over else "failed", "ref": "main", "duration": 63}
    return {"object_kind": "pipeline", "object_attributes": item, "user": {"name": "Jane"}, "project": PROJECT}


def cloudevent(n: int, over: bool) -> dict[str, Any]:
    event = {"specversion": "1.0", "type": "org.acme.disk", "source": "/disks", "subject": f"web{n}", "id": str(n)}
    return {**event, "data": {"left_gb": n, "status": "ok" if over else "full"}}


def plain(n: int, over: bool) -> dict[str, Any]:
    return {"name": f"disk of web{n}", "status": "ok" if over else "critical", "summary": f"{n} GB left"}


SAMPLES: Final[Mapping[str, Sample]] = {
    "alertmanager/alert": alert,
    "alertmanager/group": lambda n, over: call(alert(n, over)),
    "argo/alarm": argo_alarm,
    "argo/status": argo_status,
    "cloudevent": cloudevent,
    "github/event": github,
    "gitlab/event": gitlab,
    "grafana/alert": alert,
    "icinga/event": icinga,
    "nagios/event": nagios,
    "plain": plain,
    "zabbix/event": zabbix,
}
