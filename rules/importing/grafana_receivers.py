"""Integrations of Grafana's contact points as destinations of bridge.yaml.

Secrets become references, as in ``receivers.py``; texts that contact points make with Go templates cannot be read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from rules.importing.chat_hooks import chat_hook, slack_target
from rules.importing.http_headers import basic_header
from rules.importing.receiver_entry import Entry
from rules.importing.receiver_target import NOT_FOUND, Target, mail_names

_PLACEHOLDER: Final = "<example@email.com>"
"""What Grafana's own first contact point has for an address."""
_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_MAIL_SERVER: Final = (
    "Grafana's mail server stands in grafana.ini, [smtp]; give it to the daemon as SMTP_HOST in its environment, "
    "and who writes as SMTP_FROM"
)


def read_integration(kind: str, entry: Entry) -> Sequence[Target] | None:
    """The destinations of an integration of this kind; None when we have none. ``entry`` is at its settings."""
    read = _KINDS.get(kind.lower())
    return None if read is None else read(entry)


def _email(entry: Entry) -> Sequence[Target]:
    entry.used.add("singleEmail")
    recipients = mail_names(entry.text("addresses").replace("\n", ";"))
    if not recipients or recipients == [_PLACEHOLDER]:
        entry.config.remark(entry.path, "it has no address but Grafana's own example; its alerts go to an inbox")
        return [Target(entry.name, {"type": NOT_FOUND})]
    if all(remark.text != _MAIL_SERVER for remark in entry.config.remarks):
        entry.config.remark(entry.path, _MAIL_SERVER)
    settings = {"type": "email", "host": "${env:SMTP_HOST}", "from": "${env:SMTP_FROM}", "to": recipients}
    return [Target(entry.name, settings)]


def _slack(entry: Entry) -> Sequence[Target]:
    for key in ("mentionChannel", "mentionUsers", "mentionGroups"):
        text = entry.text(key)
        if text:
            entry.config.remark((*entry.path, key), f"{key}: write mention: into the rule, such as mention: <!{text}>")
    channel = entry.text("recipient")
    token = entry.secret("token", "token") if entry.config.text((*entry.path, "token")) else ""
    address = entry.config.text((*entry.path, "url")).strip() or entry.text("endpointUrl")
    url = "" if token else entry.secret("url", "url")
    if not token and not url:
        entry.note_missing("token or url")
    entry.used |= {"url", "endpointUrl"}
    return [slack_target(entry, channel=channel, token=token, url=url, address=address)]


def _webhook(entry: Entry) -> Sequence[Target]:
    method = (entry.text("httpMethod") or "POST").upper()
    settings: dict[str, Any] = {"type": "webhook", "url": entry.secret("url", "url") or entry.note_missing("url")}
    if method != "POST":
        if method not in _METHODS:
            entry.config.report((*entry.path, "httpMethod"), f'"{method}" is no method; it is POST, PUT or PATCH')
        settings["method"] = method
    headers = {name: entry.text_at(("headers", name)) for name in entry.config.keys((*entry.path, "headers"))}
    entry.used |= {"headers", "username", "password", "authorization_scheme", "authorization_credentials"}
    if entry.config.text((*entry.path, "authorization_credentials")):
        scheme = entry.text("authorization_scheme") or "Bearer"
        headers["Authorization"] = f"{scheme} {entry.secret('authorization_credentials', 'token')}"
    elif entry.config.text((*entry.path, "username")):
        headers["Authorization"] = basic_header(entry, (*entry.path, "username"))
    headers = {name: value for name, value in headers.items() if value}
    if headers:
        settings["headers"] = headers
    if entry.config.text((*entry.path, "maxAlerts")) in ("0", ""):
        entry.used.add("maxAlerts")
    return [Target(entry.name, settings)]


def _discord(entry: Entry) -> Sequence[Target]:
    entry.used.add("use_discord_username")
    return [Target(entry.name, {**chat_hook(entry, "discord", "url"), **entry.copy_same(("avatar_url",))})]


def _teams(entry: Entry) -> Sequence[Target]:
    return [Target(entry.name, chat_hook(entry, "teams", "url"))]


def _alertmanager(entry: Entry) -> Sequence[Target]:
    """One for each address: Alertmanagers of a cluster do not pass alerts on to each other."""
    headers = {}
    entry.used |= {"basicAuthUser", "basicAuthPassword"}
    if entry.config.text((*entry.path, "basicAuthUser")):
        headers = {"headers": {"Authorization": basic_header(entry, (*entry.path, "basicAuthUser"))}}
    addresses = [address for address in re.split(r"[,\s]+", entry.text("url")) if address] or [
        entry.note_missing("url")
    ]
    targets: list[Target] = []
    for number, address in enumerate(addresses, start=1):
        name = entry.name if number == 1 else f"{entry.name}-{number}"
        url = f"{address.rstrip('/').removesuffix('/api/v2/alerts')}/api/v2/alerts"
        if "@" in address:
            url = f"${{credential:{name}-url}}"
            entry.config.remark((*entry.path, "url"), f"put this url, with /api/v2/alerts, into {name}-url")
        targets.append(Target(name, {"type": "webhook", "url": url, **headers}, body="alerts"))
    return targets


_KINDS: Final[dict[str, Callable[[Entry], Sequence[Target]]]] = {
    "email": _email,
    "slack": _slack,
    "webhook": _webhook,
    "teams": _teams,
    "discord": _discord,
    "prometheus-alertmanager": _alertmanager,
    "alertmanager": _alertmanager,
}
"""Kinds of integrations by Grafana's word."""
