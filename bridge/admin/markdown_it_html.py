"""How the pages write Markdown as HTML, on markdown-it: see markdown.py, which promises what it gives.

A file of its own, so that a daemon whose pages nobody looks at does not read the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup


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
MARKDOWN: Final = MarkdownIt(
    "commonmark", {"html": False, "breaks": True, "linkify": True}, renderer_cls=_Renderer
).enable(["table", "strikethrough", "linkify"])
