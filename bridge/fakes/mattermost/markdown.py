"""Which words of a Markdown text are plain words: what stands outside code, link targets and emoji names.

The server looks for mentions only there. This reads CommonMark's blocks (quotes, lists, fenced and indented code)
and the inlines that hide text (code spans, link targets, bare links, emoji). Reference links are read as plain text,
so a mention is rather found once too often than overlooked.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_QUOTE = 0  # in the list of open containers; a positive number is the indentation of a list item's content
_FENCE = re.compile(r"(`{3,}|~{3,})[^`]*$")
_MARKER = re.compile(r"(?:[-+*]|(\d{1,9})[.)])(?=\s|$)")
_DESTINATION = re.compile(
    r"\(\s*(?:<[^<>\n]*>|(?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*)"
    r"(?:\s+(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?\s*\)",
    re.DOTALL,
)
_BARE_LINK = re.compile(
    r"(?<![A-Za-z0-9])(?:https?|ftp|mailto|tel|gemini)://[^\W_](?:[^\W_]|[.-])*(?!_)(?:[/?#:][^\s<>]*)?"
    r"|(?:(?<=[\s*_~()<>])|(?<![\s\S]))www\d{0,3}\.[^\W_](?:[^\W_]|[.-])*(?!_)(?:[/?#:][^\s<>]*)?",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"(?P<ticks>`+)|\\(?P<escaped>[!-/:-@\[-`{-~])|(?P<entity>&(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]*);)"
    r"|(?P<break>\n)|(?P<open>\[)|(?P<close>\])|(?P<emoji>(?<![A-Za-z0-9_]):[a-z0-9_+-]+:(?![A-Za-z0-9_]))"
)


def plain_runs(markdown: str) -> Iterator[str]:
    """The runs of text in which words may be mentions; a word never spans two runs.

    Escapes and character references are resolved. Whether they join with the text around them differs between
    server versions, so such places are given both ways.
    """
    for paragraph in _paragraphs(markdown):
        runs = list(_runs(paragraph))
        for pieces in runs:
            yield "".join(pieces)
            if len(pieces) > 1:
                yield from pieces


@dataclass(slots=True)
class _Reader:
    """The open blocks while lines are read one by one."""

    containers: list[int] = field(default_factory=list)
    leaf: Literal["none", "text", "fence", "indented"] = "none"
    fence: str = ""
    text: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Take one line without its end."""
        matched, rest = self._continue_containers(line.expandtabs(4))
        if matched == len(self.containers) and self._goes_on_in_code(rest):
            return
        opened, rest = self._open_containers(matched, rest)
        if opened:
            matched = len(self.containers)
        self._read_leaf(matched, rest, opened=opened)

    def close(self, keep: int = 0) -> None:
        """End the open text and code and all containers but the first ``keep``."""
        if self.text:
            self.done.append("\n".join(self.text))
        self.text = []
        self.leaf = "none"
        del self.containers[keep:]

    def _continue_containers(self, rest: str) -> tuple[int, str]:
        for matched, container in enumerate(self.containers):
            indent, bare = _indent(rest)
            if container == _QUOTE:
                if indent > 3 or not bare.startswith(">"):
                    return matched, rest
                rest = bare[1:].removeprefix(" ")
            elif bare and indent < container:
                return matched, rest
            else:
                rest = rest[container:]
        return len(self.containers), rest

    def _goes_on_in_code(self, rest: str) -> bool:
        indent, bare = _indent(rest)
        if self.leaf == "fence":
            if indent <= 3 and bare.startswith(self.fence) and not bare.strip().strip(self.fence[0]):
                self.close(len(self.containers))
            return True
        return self.leaf == "indented" and (indent >= 4 or not bare)

    def _open_containers(self, matched: int, rest: str) -> tuple[bool, str]:
        opened = False
        while True:
            indent, bare = _indent(rest)
            in_list = not opened and matched < len(self.containers) and self.containers[matched] != _QUOTE
            if indent <= 3 and bare.startswith(">"):
                content, rest = _QUOTE, bare[1:].removeprefix(" ")
            elif (indent <= 3 or in_list) and (marker := self._marker(bare, interrupts=not opened)):
                after, _ = _indent(bare[marker:])
                pad = after if bare[marker:].strip() and after < 5 else 1
                content, rest = indent + marker + pad, bare[marker + pad :]
            else:
                return opened, rest
            if not opened:
                self.close(matched)
            self.containers.append(content)
            opened = True

    def _marker(self, bare: str, *, interrupts: bool) -> int:
        match = _MARKER.match(bare)
        if match is None:
            return 0
        if interrupts and self.leaf == "text" and (not bare[match.end() :].strip() or match[1] not in (None, "1")):
            return 0
        return match.end()

    def _read_leaf(self, matched: int, rest: str, *, opened: bool) -> None:
        indent, bare = _indent(rest)
        goes_on = self.leaf == "text" and not opened
        if bare and not (indent <= 3 and _FENCE.match(bare)) and goes_on:
            self.text.append(bare.rstrip())
            return
        self.close(matched)
        if not bare:
            return
        if indent >= 4:
            self.leaf = "indented"
        elif fence := _FENCE.match(bare):
            self.leaf, self.fence = "fence", fence[1]
        else:
            self.leaf, self.text = "text", [bare.rstrip()]


def _paragraphs(markdown: str) -> list[str]:
    reader = _Reader()
    for line in re.split(r"\r\n|\r|\n", markdown):
        reader.read(line)
    reader.close()
    return reader.done


def _indent(line: str) -> tuple[int, str]:
    bare = line.lstrip(" ")
    return len(line) - len(bare), bare if bare.strip() else ""


def _runs(text: str) -> Iterator[list[str]]:
    """The runs of a paragraph, each as pieces that older servers join and newer ones keep apart."""
    pieces: list[str] = []
    position = open_brackets = 0
    while position < len(text):
        token = _TOKEN.search(text, position)
        link = None if open_brackets else _BARE_LINK.search(text, position, token.start() if token else len(text))
        if link is not None:
            yield [*pieces, text[position : link.start()]]
            full = _BARE_LINK.match(text, link.start())
            pieces, position = [], (full or link).end()
            continue
        end = token.start() if token else len(text)
        pieces.append(text[position:end])
        if token is None:
            break
        position = token.end()
        match token.lastgroup:
            case "escaped" | "entity":
                pieces.append(token["escaped"] or html.unescape(token["entity"]))
            case "ticks" if closing := re.compile(rf"(?<!`){token['ticks']}(?!`)").search(text, position):
                yield pieces
                pieces, position = [], closing.end()
            case "close" if open_brackets and (destination := _DESTINATION.match(text, position)):
                yield pieces
                pieces, position, open_brackets = [], destination.end(), open_brackets - 1
            case kind:
                yield pieces
                pieces = []
                open_brackets = max(0, open_brackets + (kind == "open") - (kind == "close"))
    yield pieces
