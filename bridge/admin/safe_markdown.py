"""Posts as people will see them: Markdown to safe HTML.

Nothing is fetched for it and nothing is styled in place, as the pages' Content-Security-Policy demands: an image
becomes a link to it, and the side on which a table's column stands becomes a class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from bridge.core.emoji import replace_emoji_names

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_KEPT: Final = 512


_SHOWN_AS_TEXT: Final = {"text", "code_inline", "code_block", "fence", "html_inline", "html_block"}


@lru_cache(maxsize=_KEPT)
def to_html(text: str) -> Markup:
    """A post's Markdown as HTML that is safe to put into a page."""
    return Markup(_markdown().render(replace_emoji_names(text)))  # noqa: S704 - rendered with raw HTML switched off


@lru_cache(maxsize=_KEPT)
def to_line(text: str) -> Markup:
    """A line of Markdown, such as a field's value, as HTML without a paragraph around it."""
    return Markup(_markdown().renderInline(replace_emoji_names(text)))  # noqa: S704 - as above


@lru_cache(maxsize=4 * _KEPT)
def to_words(text: str) -> str:
    """What a reader sees of some Markdown, as plain text on one line: for titles that are links, and for lists."""
    words: list[str] = []
    for block in _markdown().parse(replace_emoji_names(text)):
        words += [" ", *_words(block.children or [block])]
    return " ".join("".join(words).split())


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "image":
            yield from _words(token.children or [])
        elif token.type in _SHOWN_AS_TEXT:
            yield token.content
        elif token.type in ("softbreak", "hardbreak"):
            yield " "


@cache
def _markdown() -> MarkdownIt:
    from bridge.admin.markdown_it_html import MARKDOWN  # not before the first page is asked for

    return MARKDOWN
