"""One configuration of a receiver while it is read: what is understood is noted, and the rest is named at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from rules.importing.alertmanager_config import Config
from rules.importing.foreign_references import as_references, has_other_places, secret_reference
from rules.rendering.go_templates import translate_to_jinja
from rules.source.problems import DocumentPath

_ELSEWHERE: Final = frozenset({"name", "send_resolved", "http_config"})
_TEMPLATED: Final = frozenset(
    {
        "title", "title_link", "text", "pretext", "fallback", "color", "footer", "fields", "actions", "short_fields",
        "callback_id", "image_url", "thumb_url", "mrkdwn_in", "link_names", "attachments", "content", "message",
        "summary", "subject", "sectiontitle", "payload", "body",
        "author_name", "author_link", "author_icon", "footer_icon", "props", "type", "html", "headers",
    }
)  # fmt: skip
"""What a receiver says of its texts."""


@dataclass(slots=True)
class Entry:
    """One configuration while it is read: ``used`` are the keys that were understood."""

    config: Config
    path: DocumentPath
    name: str
    used: set[str] = field(default_factory=lambda: set(_ELSEWHERE))

    def text(self, key: str) -> str:
        """A plain text, or "" when it is a Go template."""
        self.used.add(key)
        return self.text_at((key,))

    def text_at(self, inner: DocumentPath) -> str:
        """The text that stands deeper in the entry, as ``text`` reads it."""
        path = (*self.path, *inner)
        text = self.config.text(path)
        if "{{" in text:
            self.config.remark(path, f"{inner[-1]} is a Go template; it was left out")
            return ""
        return self.convert_references(text, path)

    def convert_references(self, written: str, path: DocumentPath) -> str:
        """A text whose variables of a shell, filled in before Alertmanager sees it, are references of ours."""
        text = as_references(written, self.config.system)
        if has_other_places(text):
            self.config.remark(path, f'"{written}" has a place that is filled in elsewhere; it was left out')
            return ""
        if text != written:
            self.config.remark(path, f'"{written}" is taken from the environment of the daemon: {text}')
        return text

    def inherit(self, key: str, everywhere: str) -> str:
        """A plain text, from ``global`` under ``everywhere`` when it is not said here."""
        path = ("global", everywhere)
        return self.text(key) or self.convert_references(self.config.text(path), path)

    def flag(self, key: str, *, default: bool) -> bool:
        """The truth under a key."""
        self.used.add(key)
        return self.config.flag((*self.path, key), default=default)

    def copy_same(self, keys: Iterable[str]) -> dict[str, str]:
        """The keys that have the same name and meaning here and there."""
        return {key: text for key in keys if (text := self.text(key))}

    def note_missing(self, key: str) -> str:
        """Note that something without which nothing can be sent is neither here nor under ``global``."""
        self.config.report(self.path, f"there is no {key}, neither here nor under global")
        return ""

    def secret(self, key: str, what: str, *, everywhere: str = "") -> str:
        """A reference to a secret: the file it stands in, or a credential that holds what stands here.

        ``everywhere`` is the key of the same under ``global``. "" when there is neither.
        """
        self.used |= {key, f"{key}_file"}
        for path in ((*self.path, key), *((("global", everywhere),) if everywhere else ())):
            file = self.config.text((*path[:-1], f"{path[-1]}_file"))
            if file:
                return f"${{file:{file}}}"
            text = self.config.text(path)
            if secret_ref := secret_reference(text, self.config.system):
                return secret_ref
            if text:
                reference = f"${{credential:{self.name}-{what}}}"
                self.config.remark(path, f"put this {what} into the credential {self.name}-{what}; it was not copied")
                return reference
        return ""

    def close(self) -> None:
        """Say what was not understood."""
        templated = [key for key in self.config.others(self.path, self.used) if key in _TEMPLATED]
        for key in templated:
            value = self.config.at((*self.path, key))
            near = (
                f"; nearest in Jinja: {translate_to_jinja(value)}" if isinstance(value, str) and "{{" in value else ""
            )
            self.config.remark(
                (*self.path, key),
                f"{key}: posts are made by template: {self.config.system.template}; to change them write one{near}",
            )
        for key in self.config.others(self.path, {*self.used, *templated}):
            self.config.remark((*self.path, key), f"{key} has no counterpart and was left out")
        for key in self.config.others((*self.path, "http_config"), ("follow_redirects", "enable_http2")):
            if f"http_config.{key}" not in self.used:
                self.config.remark(
                    (*self.path, "http_config", key),
                    f"http_config.{key} was left out; proxies are taken from the environment of the daemon",
                )
