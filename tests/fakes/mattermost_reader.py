"""Who a Mattermost server would notify for a post's text: its own steps, written down once more for tests.

Incoming webhooks first translate Slack's forms (``<!channel>``, ``<url|text>``); then the text outside code is read
with its escapes and entities resolved, cut into words, and each word looked at with and without its punctuation.
"""

from __future__ import annotations

import html
import re

_SLACK_LINK = re.compile(r"<([^<|]+)\|([^>]+)>")
_ESCAPE_OR_ENTITY = re.compile(r"\\([!-/:-@\[-`{-~])|(&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[0-9A-Za-z]+);)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`~]*)")
_MARKS = ":.-_"


def mentions_in(text: str) -> set[str]:
    """The names after ``@`` that the server would look up, ``channel``, ``all`` and ``here`` among them."""
    text = as_slack_forms_read(text)
    return {name for name in _mentions(_resolved(without_spans(without_blocks(text)))) if name}


def links_in(text: str) -> list[tuple[str, str]]:
    """The (text, target) pairs of inline links, outside fenced blocks."""
    text = without_spans(without_blocks(as_slack_forms_read(text)))
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
    return re.findall(r"\[((?:\[[^\[\]]*\]|[^\[\]])*)\]\(([^()]*(?:\([^()]*\)[^()]*)*)\)", bare)


def as_slack_forms_read(text: str) -> str:
    """The text after the translation of Slack's forms."""
    for name in ("channel", "here", "all"):
        text = text.replace(f"<!{name}>", f"@{name}")
    text = re.sub(r"<@([a-zA-Z0-9]+)>", r"@\1", text)
    return _SLACK_LINK.sub(r"[\2](\1)", text)


def without_blocks(text: str) -> str:
    """The text without fenced code blocks."""
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
            kept.append("")
        elif mark:
            fence = mark[1]
            kept.append("")
        else:
            kept.append(line)
    return "\n".join(kept)


def without_spans(text: str) -> str:
    """The text without code spans, which may reach over lines but not over an empty one."""
    return "\n\n".join(_paragraph_without_spans(paragraph) for paragraph in re.split(r"\n[ \t]*\n", text))


def _paragraph_without_spans(text: str) -> str:
    kept = ""
    position = 0
    for opening in re.finditer(r"\\[`\\]|`+", text):
        if opening.start() < position or opening[0][0] == "\\":
            continue
        closing = next((run for run in re.finditer("`+", text[opening.end() :]) if run[0] == opening[0]), None)
        if closing is not None:
            kept += text[position : opening.start()]
            position = opening.end() + closing.end()
    return kept + text[position:]


def _resolved(text: str) -> str:
    return _ESCAPE_OR_ENTITY.sub(lambda found: found[1] or html.unescape(found[2]), text)


def _mentions(text: str) -> set[str]:
    words = "".join(sign if sign.isalnum() or sign in f"{_MARKS}@" else " " for sign in text).split()
    found: set[str] = set()
    for word in words:
        if word[0] == ":" and word[-1] == ":":
            continue
        bare = word.lstrip(_MARKS)
        if bare.startswith("@"):
            found.add(bare[1:].rstrip(_MARKS))
        else:
            pieces = re.split(r"[.:-]", bare)
            found.update(piece[1:] for piece in pieces if piece.startswith("@"))
    return found
