"""A post's Markdown taken apart, so that each service can be given it in its own way of writing.

What an event said was escaped when the post was rendered (semantics.md item 31). Reading undoes that: a span's text is
what people are to see, and holds no marks at all. Whoever writes it again escapes it for its own service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bridge.core.emoji import replace_emoji_names

BlockKind: TypeAlias = Literal["text", "heading", "code", "line"]


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A run of text in one style. ``link`` is its target, or ""."""

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class PlainBlock:
    """A paragraph, heading, block of code, or a line across.

    ``code`` is the text of a block of code; tables are one, too. ``depth`` counts the lists around it from 1 (0: in
    none), ``marker`` is "•" or "3." on the first block of an item.
    """

    kind: BlockKind
    spans: tuple[TextSpan, ...] = ()
    code: str = ""
    depth: int = 0
    marker: str = ""
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a service writes things: each function is given text that is drawn already, ``plain`` what people said."""

    plain: Callable[[str], str]
    bold: Callable[[str], str]
    italic: Callable[[str], str]
    struck: Callable[[str], str]
    code: Callable[[str], str]
    link: Callable[[str, str], str]
    block: Callable[[str], str]
    bullet: str = "•"
    quote: str = "> "


def read_blocks(markdown: str) -> tuple[PlainBlock, ...]:
    """The blocks of a text, in order."""
    return tuple(_blocks(_MARKDOWN.parse(markdown)))


def read_line(markdown: str) -> tuple[PlainBlock, ...]:
    """A text of one line, such as a title: styles and links, but no lists or headings."""
    tokens = _MARKDOWN.parseInline(" ".join(markdown.split()))
    return (PlainBlock("text", tuple(_spans(tokens[0].children or ()) if tokens else ())),)


def write(blocks: Sequence[PlainBlock], dialect: Dialect) -> str:
    """The text again, in another way of writing."""
    lines: list[str] = []
    for before, block in zip((None, *blocks), blocks, strict=False):
        if before is not None and not (before.depth and block.depth):
            lines.append("")
        lines.append(write_block(block, dialect))
    return "\n".join(lines)


def write_block(block: PlainBlock, dialect: Dialect) -> str:
    """One block, with its marker and its place in lists and quotes."""
    match block.kind:
        case "code":
            text = dialect.block(block.code)
        case "line":
            text = "———"
        case "heading":
            text = dialect.bold("".join(_draw_span(replace(span, bold=False), dialect) for span in block.spans))
        case _:
            text = "".join(_draw_span(span, dialect) for span in block.spans)
    if block.marker:
        marker = dialect.bullet if block.marker == "•" else block.marker
        text = f"{marker} {text}"
    indent = "    " * max(0, block.depth - 1) + ("  " if block.depth and not block.marker else "")
    start = dialect.quote if block.quoted else ""
    return "\n".join(f"{start}{indent}{line}" for line in text.split("\n"))


def plain(markdown: str) -> str:
    """What people would read, without any marks: for a notification, a mail's text, a log."""
    return write(read_blocks(markdown), _PLAIN)


def html(markdown: str) -> str:
    """The text as HTML; raw HTML in it stays text, and so do links that run programs."""
    return str(_HTML.render(markdown))


def html_line(markdown: str) -> str:
    """A text of one line as HTML, without a paragraph around it."""
    return str(_HTML.renderInline(" ".join(markdown.split())))


def _draw_span(span: TextSpan, dialect: Dialect) -> str:
    text = dialect.code(span.text) if span.code else dialect.plain(span.text)
    inner = text.strip()
    if not inner:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    for wanted, styled in ((span.struck, dialect.struck), (span.italic, dialect.italic), (span.bold, dialect.bold)):
        if wanted:
            inner = styled(inner)
    if span.link:
        inner = dialect.link(inner, span.link)
    return f"{before}{inner}{after}"


class _Reading:
    """The lists and quotes around the place that is read."""

    def __init__(self) -> None:
        self._lists: list[int | None] = []
        self._marker = ""
        self._quotes = 0
        self._is_heading = False

    def enter(self, token: Token) -> None:
        """Take note of the beginning or end of something that holds blocks."""
        match token.type:
            case "bullet_list_open":
                self._lists.append(None)
            case "ordered_list_open":
                self._lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                number = self._lists[-1]
                self._marker = "•" if number is None else f"{number}."
                self._lists[-1] = None if number is None else number + 1
            case "blockquote_open" | "blockquote_close":
                self._quotes += token.nesting
            case "heading_open" | "heading_close":
                self._is_heading = token.nesting > 0

    def block(self, kind: BlockKind, *, spans: Sequence[TextSpan] = (), code: str = "") -> PlainBlock:
        """A block at this place; the first of a list item has its marker."""
        marker = self._marker if kind == "text" else ""
        self._marker = ""
        kind = "heading" if self._is_heading and kind == "text" else kind
        return PlainBlock(kind, tuple(spans), code, len(self._lists), marker, self._quotes > 0)


def _blocks(tokens: Sequence[Token]) -> Iterator[PlainBlock]:
    place = _Reading()
    rest = iter(tokens)
    for token in rest:
        match token.type:
            case "inline":
                yield place.block("text", spans=tuple(_spans(token.children or ())))
            case "fence" | "code_block":
                yield place.block("code", code=token.content.rstrip("\n"))
            case "hr":
                yield place.block("line")
            case "table_open":
                yield place.block("code", code=_table(rest))
            case _:
                place.enter(token)


def _spans(children: Sequence[Token]) -> Iterator[TextSpan]:
    style = TextSpan("")
    for token in children:
        match token.type:
            case "text":
                if token.content:
                    yield replace(style, text=token.content)
            case "code_inline":
                yield replace(style, text=token.content, code=True)
            case "softbreak" | "hardbreak":
                yield replace(style, text="\n")
            case "strong_open" | "strong_close":
                style = replace(style, bold=token.nesting > 0)
            case "em_open" | "em_close":
                style = replace(style, italic=token.nesting > 0)
            case "s_open" | "s_close":
                style = replace(style, struck=token.nesting > 0)
            case "link_open" | "link_close":
                style = replace(style, link=str(token.attrs.get("href", "")))
            case "image":
                yield replace(style, text=token.content or "image", link=str(token.attrs.get("src", "")))


def _table(rest: Iterator[Token]) -> str:
    """A table as aligned columns, its emoji as letters, for it is a block of code; takes its tokens up to its end."""
    rows: list[list[str]] = []
    for token in rest:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            cell = "".join(span.text for span in _spans(token.children or ()))
            rows[-1].append(replace_emoji_names(cell.replace("\n", " ")))
    widths = [max(len(row[n]) for row in rows if n < len(row)) for n in range(max(map(len, rows), default=0))]
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join([drawn[0], "  ".join("-" * width for width in widths), *drawn[1:]]) if drawn else ""


def _as_it_is(text: str) -> str:
    return text


def _plain_link(text: str, url: str) -> str:
    return url if text == url else f"{text} ({url})"


_PLAIN: Final = Dialect(
    plain=_as_it_is,
    bold=_as_it_is,
    italic=_as_it_is,
    struck=_as_it_is,
    code=_as_it_is,
    link=_plain_link,
    block=_as_it_is,
    bullet="-",
)


def _reader(**options: bool) -> MarkdownIt:
    asked = {"html": False, "linkify": True, **options}
    reader = MarkdownIt("commonmark", asked).enable(["table", "strikethrough", "linkify"])
    if reader.linkify is not None:
        reader.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    return reader


_MARKDOWN: Final = _reader()
_HTML: Final = _reader(breaks=True)
