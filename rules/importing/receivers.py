"""Alertmanager's receivers as destinations of bridge.yaml.

No secret is copied: a URL, token or password becomes a reference, with a remark that says where to put it. What texts
a receiver makes with Go templates cannot be read here; posts are made by ``template: alertmanager/alert``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rules.importing.alertmanager_config import Config
from rules.importing.chat_hooks import chat_hook, slack_target
from rules.importing.grafana_receivers import read_integration
from rules.importing.http_headers import read_headers
from rules.importing.receiver_entry import Entry
from rules.importing.receiver_target import NOT_FOUND, Target, mail_names, make_unique
from rules.source.problems import DocumentPath

MANAGED: Final = "grafana_managed_receiver_configs"
"""The key below which Grafana keeps the integrations of a contact point."""
_TLS_PORT: Final = 465
_PORTS: Final = {"smtp": "25", "smtps": "465", "submissions": "465", "submission": "587"}
_SMARTHOST: Final = re.compile(r"(.*?):(\$\{env:\w+\}|[A-Za-z0-9]*)")


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver by its name there; without ``targets`` it swallows what it gets."""

    name: str
    path: DocumentPath
    targets: tuple[Target, ...]


def read_receivers(config: Config) -> dict[str, Receiver]:
    """All receivers by name; names of destinations are unique over all of them."""
    receivers: dict[str, Receiver] = {}
    taken: set[str] = set()
    for path in config.items(("receivers",)):
        name = config.text((*path, "name"))
        if not name or name in receivers:
            config.report(path, f'the receiver "{name}" stands twice' if name else "the receiver has no name")
            continue
        receivers[name] = Receiver(name, path, tuple(_targets(config, path, name, taken)))
    return receivers


def _targets(config: Config, path: DocumentPath, receiver: str, taken: set[str]) -> Iterable[Target]:
    entries = list(_entries(config, path))
    converted = 0
    for kind, inner in entries:
        targets = _read(config, kind, inner, receiver, taken, alone=len(entries) == 1)
        converted += len(targets)
        yield from targets
    if (entries and not converted) or path in config.unknown:
        name = make_unique(receiver, taken)
        if path not in config.unknown:
            text = f'nothing of "{receiver}" could be converted; its alerts go to the inbox "{name}" for now'
            config.remark(path, text)
        yield Target(name, {"type": NOT_FOUND})


def _entries(config: Config, path: DocumentPath) -> Iterator[tuple[str, DocumentPath]]:
    """Each configuration of a receiver, with the word for its kind."""
    for key in config.keys(path):
        if key.endswith("_configs"):
            yield from ((key, inner) for inner in config.items((*path, key)))


def _read(
    config: Config, kind: str, path: DocumentPath, receiver: str, taken: set[str], *, alone: bool
) -> Sequence[Target]:
    """The destinations of one configuration; none, with a remark, when there is no such kind."""
    managed = kind == MANAGED
    word = config.text((*path, "type")) if managed else kind.removesuffix("_configs")
    name = make_unique(receiver if alone else f"{receiver}-{word}", set(taken))
    entry = Entry(config, (*path, "settings") if managed else path, name)
    read, tells_end = _KINDS.get(kind, (None, True))
    targets = read_integration(word, entry) if managed else None if read is None else [read(entry)]
    if targets is None:
        text = f'type "{word}"' if managed else kind
        config.remark(path, f"{text}: there is no destination of this kind; consider a webhook, or apprise")
        return []
    silent = (*path, "disableResolveMessage")
    tells_ends = not config.flag(silent, default=False) if managed else entry.flag("send_resolved", default=tells_end)
    for target in targets:
        target.name, target.tells_end = make_unique(target.name, taken), tells_ends
    entry.close()
    return targets


def _mattermost(entry: Entry) -> Target:
    url = entry.secret("webhook_url", "url", everywhere="mattermost_webhook_url")
    settings = {"type": "mattermost", "url": url or entry.note_missing("webhook_url")}
    settings |= entry.copy_same(("channel", "username", "icon_emoji", "icon_url"))
    entry.used.add("priority")
    priority = entry.config.text((*entry.path, "priority", "priority"))
    return Target(entry.name, settings, {"priority": priority} if priority and "{{" not in priority else {})


def _slack(entry: Entry) -> Target:
    token = entry.secret("app_token", "token", everywhere="slack_app_token")
    channel = entry.text("channel")
    address = entry.config.text((*entry.path, "api_url")) or entry.config.text(("global", "slack_api_url"))
    if not token and address.endswith("/chat.postMessage"):
        token = _credentials(entry)
    url = "" if token and channel else entry.secret("api_url", "url", everywhere="slack_api_url")
    entry.used |= {"api_url", "api_url_file"}
    if not url and not (token and channel):
        entry.note_missing("api_url")
    return slack_target(entry, channel=channel, token=token, url=url, address=address)


def _credentials(entry: Entry) -> str:
    """A reference to the token of ``http_config.authorization``, or ""."""
    authorization = (*entry.path, "http_config", "authorization")
    if entry.config.at(authorization) is None:
        return ""
    entry.used.add("http_config.authorization")
    return Entry(entry.config, authorization, entry.name).secret("credentials", "token")


def _webhook(entry: Entry) -> Target:
    settings: dict[str, Any] = {
        "type": "webhook",
        "url": entry.secret("url", "url") or entry.note_missing("url"),
        **entry.copy_same(("timeout",)),
    }
    headers = read_headers(entry)
    if headers:
        settings["headers"] = headers
    return Target(entry.name, settings)


def _email(entry: Entry) -> Target:
    recipients = mail_names(entry.text("to"))
    host, port = _host_and_port(entry)
    sender = _with_host(entry, entry.inherit("from", "smtp_from"))
    recipients = [_with_host(entry, text) for text in recipients]
    if not recipients:
        entry.config.remark(entry.path, "no address stands here; its alerts go to an inbox for now")
        return Target(entry.name, {"type": NOT_FOUND})
    settings: dict[str, Any] = {
        "type": "email",
        "host": host or entry.note_missing("smarthost"),
        "port": int(port) if port.isdecimal() else port,
        "security": _security(entry, port),
        "from": sender or entry.note_missing("from"),
        "to": recipients,
    }
    username = entry.inherit("auth_username", "smtp_auth_username")
    password = entry.secret("auth_password", "password", everywhere="smtp_auth_password")
    if username and password:
        settings |= {"username": username, "password": password}
        if settings["security"] == "none":
            settings["security"] = "starttls"
            entry.config.remark(entry.path, "a password is sent over TLS only, so security is starttls")
    hello = entry.inherit("hello", "smtp_hello")
    return Target(entry.name, settings | ({"hello": hello} if hello else {}))


def _host_and_port(entry: Entry) -> tuple[str, str]:
    """The two parts of the smarthost; ports have names too, and one that is missing is 25."""
    text = entry.inherit("smarthost", "smtp_smarthost")
    match = _SMARTHOST.fullmatch(text)
    if match is None:
        if text:
            entry.config.remark(entry.path, f'"{text}" has no port; 25 is written')
        return text, "25"
    port = _PORTS.get(match[2].lower(), match[2])
    if not port.isdecimal() and not port.startswith("${"):
        entry.config.report(entry.path, f'"{port}" is no port; write its number')
    return match[1].strip("[]"), port


def _with_host(entry: Entry, address: str) -> str:
    """An address as mail servers want it: a name alone is somebody of the mail server's own machine."""
    if not address or "@" in address or "${" in address:
        return address
    entry.config.remark(entry.path, f'"{address}" has no host; {address}@localhost is written')
    return f"{address}@localhost"


def _security(entry: Entry, port: str) -> str:
    everywhere = entry.config.flag(("global", "smtp_require_tls"), default=True)
    required = entry.flag("require_tls", default=everywhere)
    return "tls" if port == str(_TLS_PORT) else "starttls" if required else "none"


def _discord(entry: Entry) -> Target:
    return Target(
        entry.name, {**chat_hook(entry, "discord", "webhook_url"), **entry.copy_same(("username", "avatar_url"))}
    )


def _chat(kind: str) -> Callable[[Entry], Target]:
    """A kind that needs the URL of its hook and no more."""
    return lambda entry: Target(entry.name, chat_hook(entry, kind, "webhook_url"))


_KINDS: Final[dict[str, tuple[Callable[[Entry], Target], bool]]] = {
    "mattermost_configs": (_mattermost, True),
    "slack_configs": (_slack, False),
    "webhook_configs": (_webhook, True),
    "email_configs": (_email, False),
    "discord_configs": (_discord, True),
    "msteams_configs": (_chat("teams"), True),
    "msteamsv2_configs": (_chat("teams"), True),
}
"""What can be converted, and whether it tells the end of alerts unless ``send_resolved`` says otherwise."""
