"""Posts as people will see them: Markdown to safe HTML.

Nothing is fetched for it and nothing is styled in place, as the pages' Content-Security-Policy demands: an image
becomes a link to it, and the side on which a table's column stands becomes a class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from bridge.emoji import with_emoji

_KEPT: Final = 512


class _Renderer(RendererHTML):
    """HTML without images and without styles."""

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """A link to the image, named by what stands for it."""
        token = tokens[idx]
        link = Token("link_open", "a", 1, attrs={"href": str(token.attrs["src"]), "class": "image"})
        name = self.renderInlineAsText(token.children or [], options, env) or "image"
        escaped = str(Markup.escape(name))
        return f"{self.renderToken([link], 0, options, env)}{escaped}</a>"

    def renderToken(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: N802 - theirs
        """A tag; see RendererHTML."""
        token = tokens[idx]
        side = str(token.attrs.pop("style", "")).removeprefix("text-align:")
        if side:
            token.attrs["class"] = f"side-{side}"
        return super().renderToken(tokens, idx, options, env)


# Raw HTML stays text, and links are limited to what markdown-it's own validator lets through (no javascript:).
_MARKDOWN: Final = MarkdownIt(
    "commonmark", {"html": False, "breaks": True, "linkify": True}, renderer_cls=_Renderer
).enable(["table", "strikethrough", "linkify"])


_SHOWN_AS_TEXT: Final = {"text", "code_inline", "code_block", "fence", "html_inline", "html_block"}


@lru_cache(maxsize=_KEPT)
def to_html(text: str) -> Markup:
    """A post's Markdown as HTML that is safe to put into a page."""
    return Markup(_MARKDOWN.render(with_emoji(text)))  # noqa: S704 - rendered with raw HTML switched off


@lru_cache(maxsize=_KEPT)
def to_line(text: str) -> Markup:
    """A line of Markdown, such as a field's value, as HTML without a paragraph around it."""
    return Markup(_MARKDOWN.renderInline(with_emoji(text)))  # noqa: S704 - as above


@lru_cache(maxsize=4 * _KEPT)
def to_words(text: str) -> str:
    """What a reader sees of some Markdown, as plain text on one line: for titles that are links, and for lists."""
    words: list[str] = []
    for block in _MARKDOWN.parse(with_emoji(text)):
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
