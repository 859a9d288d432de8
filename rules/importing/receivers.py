"""Alertmanager's receivers as destinations of bridge.yaml.

No secret is copied: a URL, token or password becomes a reference, with a remark that says where to put it. What texts
a receiver makes with Go templates cannot be read here; posts are made by ``template: alertmanager/alert``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from rules.importing.alertmanager_config import Config
from rules.importing.http_headers import read_headers
from rules.importing.receiver_entry import Entry
from rules.source.problems import DocumentPath

NOT_FOUND: Final = "inbox"
"""The kind that stands in where there is none of ours; what is sent there stays in the store and on its page."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_TLS_PORT: Final = 465
_MAIL_NAME: Final = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"|<[^>]*>|\((?:\\.|[^()\\])*\)|[^,;])+", re.DOTALL)


@dataclass(slots=True)
class Target:
    """One configuration of a receiver as a destination: its settings, and what a send to it says beside ``to``."""

    name: str
    settings: dict[str, Any]
    overrides: dict[str, Any] = field(default_factory=dict)
    tells_end: bool = True

    @property
    def takes_body(self) -> bool:
        """Whether it wants Alertmanager's own JSON."""
        return bool(self.settings["type"] == "webhook")


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver by its name there; without ``targets`` it swallows what it gets."""

    name: str
    path: DocumentPath
    targets: tuple[Target, ...]


def read_receivers(config: Config) -> dict[str, Receiver]:
    """All receivers by name; names of destinations are unique over all of them."""
    found: dict[str, Receiver] = {}
    taken: set[str] = set()
    for path in config.items(("receivers",)):
        name = config.text((*path, "name"))
        if not name or name in found:
            config.problem(path, f'the receiver "{name}" stands twice' if name else "the receiver has no name")
            continue
        found[name] = Receiver(name, path, tuple(_targets(config, path, name, taken)))
    return found


def unique(name: str, taken: set[str]) -> str:
    """A name made of letters, digits, ``_``, ``.`` and ``-`` that is not taken yet; it is then."""
    plain = _UNSAFE.sub("-", name).strip("-._")[:80] or "alerts"
    found, n = plain, 1
    while found in taken:
        n += 1
        found = f"{plain}-{n}"
    taken.add(found)
    return found


def _targets(config: Config, path: DocumentPath, receiver: str, taken: set[str]) -> Iterable[Target]:
    kinds = [key for key in config.keys(path) if key.endswith("_configs")]
    entries = [(kind, inner) for kind in kinds for inner in config.items((*path, kind))]
    converted = 0
    for kind, inner in entries:
        read, tells_end = _KINDS.get(kind, (None, True))
        word = kind.removesuffix("_configs")
        if read is None:
            config.remark(inner, f"{kind}: there is no destination of this kind; consider a webhook, or apprise")
            continue
        converted += 1
        name = unique(receiver if len(entries) == 1 else f"{receiver}-{word}", taken)
        entry = Entry(config, inner, name)
        target = read(entry)
        target.tells_end = entry.flag("send_resolved", default=tells_end)
        entry.close()
        yield target
    if entries and not converted:
        name = unique(receiver, taken)
        config.remark(path, f'nothing of "{receiver}" could be converted; its alerts go to the inbox "{name}" for now')
        yield Target(name, {"type": NOT_FOUND})


def _mattermost(entry: Entry) -> Target:
    url = entry.secret("webhook_url", "url", everywhere="mattermost_webhook_url")
    settings = {"type": "mattermost", "url": url or entry.missing("webhook_url")}
    settings |= entry.same(("channel", "username", "icon_emoji", "icon_url"))
    entry.used.add("priority")
    priority = entry.config.text((*entry.path, "priority", "priority"))
    return Target(entry.name, settings, {"priority": priority} if priority and "{{" not in priority else {})


def _slack(entry: Entry) -> Target:
    token = entry.secret("app_token", "token", everywhere="slack_app_token")
    channel = entry.text("channel")
    if not token and entry.inherited("api_url", "slack_api_url").endswith("/chat.postMessage"):
        token = _credentials(entry)
    if token and channel:
        names = entry.same(("username", "icon_emoji"))
        return Target(entry.name, {"type": "slack_bot", "token": token, "channel": channel.removeprefix("#"), **names})
    url = entry.secret("api_url", "url", everywhere="slack_api_url")
    for key in ("username", "icon_emoji", "icon_url"):
        entry.text(key)
    if channel:
        entry.config.remark(
            (*entry.path, "channel"),
            f"Slack's hooks post to their own channel whatever is asked; make one for {channel}, or use slack_bot",
        )
    return Target(entry.name, {"type": "slack", "url": url or entry.missing("api_url")})


def _credentials(entry: Entry) -> str:
    """A reference to the token of ``http_config.authorization``, or ""."""
    authorization = (*entry.path, "http_config", "authorization")
    if entry.config.at(authorization) is None:
        return ""
    entry.used.add("http_config.authorization")
    return Entry(entry.config, authorization, entry.name).secret("credentials", "token")


def _webhook(entry: Entry) -> Target:
    settings: dict[str, Any] = {
        "type": "webhook", "url": entry.secret("url", "url") or entry.missing("url"), **entry.same(("timeout",))
    }  # fmt: skip
    headers = read_headers(entry)
    if headers:
        settings["headers"] = headers
    return Target(entry.name, settings)


def _email(entry: Entry) -> Target:
    recipients = mail_names(entry.text("to"))
    host, _, port = entry.inherited("smarthost", "smtp_smarthost").rpartition(":")
    sender = entry.inherited("from", "smtp_from")
    if not recipients:
        return Target(entry.name, {"type": NOT_FOUND})
    settings: dict[str, Any] = {
        "type": "email",
        "host": host.strip("[]") or entry.missing("smarthost"),
        "port": int(port) if port.isdecimal() else entry.missing("port in smarthost"),
        "security": _security(entry, port),
        "from": sender or entry.missing("from"),
        "to": recipients,
    }
    username = entry.inherited("auth_username", "smtp_auth_username")
    password = entry.secret("auth_password", "password", everywhere="smtp_auth_password")
    if username and password:
        settings |= {"username": username, "password": password}
        if settings["security"] == "none":
            settings["security"] = "starttls"
            entry.config.remark(entry.path, "a password is sent over TLS only, so security is starttls")
    hello = entry.inherited("hello", "smtp_hello")
    return Target(entry.name, settings | ({"hello": hello} if hello else {}))


def mail_names(text: str) -> list[str]:
    """The addresses of a list, each as it is written: a comma inside quotes, brackets or a comment parts nothing."""
    return [one[0].strip() for one in _MAIL_NAME.finditer(text) if one[0].strip()]


def _security(entry: Entry, port: str) -> str:
    everywhere = entry.config.flag(("global", "smtp_require_tls"), default=True)
    required = entry.flag("require_tls", default=everywhere)
    return "tls" if port == str(_TLS_PORT) else "starttls" if required else "none"


def _chat(kind: str) -> Callable[[Entry], Target]:
    """A kind that needs the URL of its hook and no more."""

    def read(entry: Entry) -> Target:
        url = entry.secret("webhook_url", "url")
        return Target(entry.name, {"type": kind, "url": url or entry.missing("webhook_url")})

    return read


_KINDS: Final[dict[str, tuple[Callable[[Entry], Target], bool]]] = {
    "mattermost_configs": (_mattermost, True),
    "slack_configs": (_slack, False),
    "webhook_configs": (_webhook, True),
    "email_configs": (_email, False),
    "discord_configs": (_chat("discord"), True),
    "msteams_configs": (_chat("teams"), True),
    "msteamsv2_configs": (_chat("teams"), True),
}
"""What can be converted, and whether it tells the end of alerts unless ``send_resolved`` says otherwise."""
