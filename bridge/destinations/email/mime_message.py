"""A post as a mail: plain text and HTML, with headers that event texts cannot add to (RFC 5322, RFC 2046, RFC 3834)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from typing import Final

from bridge.core.domains import ascii_domain
from bridge.core.emoji import replace_emoji_names
from bridge.destinations.base import Parcel
from bridge.destinations.kit.colors import color_of
from bridge.destinations.kit.plain_text import html, html_line, plain
from bridge.destinations.kit.receipt import Receipt
from broker.clock import US_PER_S
from rules.model import Post
from rules.rendering.split import cut_text

MAX_SUBJECT_RUNES: Final = 200
_CUT_TEXT_RUNES: Final = 4_000
_ATOM: Final = r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"(?:[\w-]|[^\x00-\x7f\s])+"  # beyond ASCII IDNA judges: a vowel sign is no letter to \w
_SPEC: Final = rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*"
_ADDRESS: Final = re.compile(
    rf"""\s*(?:(?P<name>"[^"<>]*"\s*|[^"<>@,]*)<(?P<angle>{_SPEC})>|(?P<bare>{_SPEC}))\s*(?:,(?=.)|\Z)""", re.DOTALL
)
_POLICY: Final = SMTP.clone(cte_type="7bit")  # a server on the way may not take 8 bits, and not say so
_UNSAFE: Final = re.compile(r"[^0-9A-Za-z.-]")


class NoAddress(ValueError):
    """A text that is not the address of anybody."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom. Addresses as people write them: ``alice@example.org`` or ``Alice <alice@example.org>``."""

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """The bare addresses that get it, each once."""
        texts = [address.addr_spec for text in (*self.to, *self.cc) for address in parse_addresses(text)]
        return tuple(dict.fromkeys(texts))


def parse_addresses(text: str) -> tuple[Address, ...]:
    """The addresses in a text, separated by commas. Raises NoAddress.

    Stricter than RFC 5322 on purpose: an address may come from an event.
    """
    addresses: list[Address] = []
    position = 0
    while position < len(text) or not addresses:
        match = _ADDRESS.match(text, position)
        if match is None:
            raise NoAddress(f'"{_line_of(text)[:100]}" is no mail address')
        name = (match["name"] or "").strip().strip('"').strip()
        local, _, domain = (match["angle"] or match["bare"]).rpartition("@")
        addresses.append(Address(_line_of(name), local, _ascii(domain)))
        position = match.end()
    return tuple(addresses)


def _ascii(domain: str) -> str:
    try:
        return ascii_domain(domain)
    except ValueError:
        raise NoAddress(f'"{domain[:100]}" is no mail domain') from None


def message_id(parcel: Parcel, sender: str) -> str:
    """The mail's id: the same on every try, so that mailboxes that look for repeats find them."""
    return f"<{_UNSAFE.sub('-', parcel.id)}@{parse_addresses(sender)[0].domain}>"


def draw(parcel: Parcel, envelope: Envelope, subject_prefix: str, earlier: Receipt | None) -> EmailMessage:
    """The mail of a delivery, with all its headers. Pure: the same parcel gives the same bytes. Raises NoAddress.

    ``earlier`` is the last mail of the same incident, whose thread this one goes on. The form ``cut`` is short text.
    """
    post = parcel.post
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = parse_addresses(envelope.sender)
    mail["To"] = [address for text in envelope.to for address in parse_addresses(text)]
    for name, texts in (("Cc", envelope.cc), ("Reply-To", envelope.reply_to)):
        if texts:
            mail[name] = [address for text in texts for address in parse_addresses(text)]
    mail["Subject"] = _subject(post, subject_prefix)
    mail["Date"] = datetime.fromtimestamp(parcel.created_us // US_PER_S, UTC)
    mail["Message-ID"] = message_id(parcel, envelope.sender)
    if earlier is not None:
        mail["In-Reply-To"] = earlier.post
        mail["References"] = " ".join(dict.fromkeys((earlier.root or earlier.post, earlier.post)))
    mail["Auto-Submitted"] = "auto-generated"
    if post.severity in ("critical", "error"):
        mail["Importance"] = "high"
    if parcel.form == "cut":
        mail.set_content(cut_text(text_of(post), _CUT_TEXT_RUNES))
        return mail
    mail.set_content(text_of(post))
    mail.add_alternative(html_of(post, parcel.phase), subtype="html")
    mail.set_boundary(f"=_{hashlib.sha256(parcel.id.encode()).hexdigest()[:32]}")
    return mail


def text_of(post: Post) -> str:
    """The mail's plain text: title, link, text, fields, footer."""
    fields = "\n".join(f"{_line(field.title)}: {plain(replace_emoji_names(field.value))}" for field in post.fields)
    head = "\n".join(part for part in (_line(post.title), post.url) if part)
    parts = (_line(post.mention), head, plain(replace_emoji_names(post.text)), fields, _line(post.footer))
    return "\n\n".join(part for part in parts if part.strip()) + "\n"


def html_of(post: Post, phase: str) -> str:
    """The same as HTML, with the post's colour at its side. Event texts stay text: raw HTML is switched off."""
    color = color_of(post, phase) or "#c0c4cc"
    title = html_line(replace_emoji_names(post.title)) if post.title else ""
    if post.url.startswith(("http://", "https://")):
        title = f'<a href="{escape(post.url)}">{title or escape(post.url)}</a>'
    parts = [f"<p>{escape(post.mention)}</p>"] if post.mention else []
    parts += [f'<h2 style="margin:0 0 8px;font-size:18px">{title}</h2>'] if title else []
    parts.append(html(replace_emoji_names(post.text)))
    if post.fields:
        parts.append(f'<table cellpadding="4" style="border-collapse:collapse">{"".join(_rows(post))}</table>')
    if post.footer:
        parts.append(f'<p style="color:#6b7280;font-size:12px">{html_line(replace_emoji_names(post.footer))}</p>')
    style = f"border-left:4px solid {color};padding:4px 0 4px 12px;font-family:sans-serif;font-size:14px"
    return f'<!DOCTYPE html>\n<html><body><div style="{style}">\n{"".join(parts)}</div></body></html>\n'


def _rows(post: Post) -> Iterable[str]:
    for field in post.fields:
        name, value = html_line(replace_emoji_names(field.title)), html(replace_emoji_names(field.value))
        yield f'<tr><th align="left" valign="top">{name}</th><td>{value}</td></tr>'


def _subject(post: Post, prefix: str) -> str:
    text = str(post.overrides.get("subject") or "") or plain(replace_emoji_names(post.title or post.text)).strip()
    line = _line_of(text.split("\n", 1)[0] or "(no subject)")
    line = f"{prefix.strip()} {line}" if prefix.strip() else line
    return line if len(line) <= MAX_SUBJECT_RUNES else line[: MAX_SUBJECT_RUNES - 1] + "…"


def _line(markdown: str) -> str:
    return _line_of(plain(replace_emoji_names(markdown)))


def _line_of(text: str) -> str:
    """One line without control characters: whatever an event said, a header stays one header."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
