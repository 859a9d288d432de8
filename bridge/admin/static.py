"""The style sheet, the script and the icon: named by their content, so browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


class StaticFolder(StaticFiles):
    """Serves a folder; ``url`` gives the address of a file as it is now."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)
        self._hashes = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in folder.iterdir() if path.is_file()
        }

    def url(self, name: str) -> str:
        """Where the file ``name`` is; another content has another address."""
        return f"/static/{name}?v={self._hashes[name]}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See StaticFiles."""
        answer = await super().get_response(path, scope)
        wanted: Any = scope.get("query_string", b"")
        current = wanted.decode("latin-1") == f"v={self._hashes.get(path, '-')}"
        answer.headers["Cache-Control"] = _FOR_EVER if current else _ASK_AGAIN
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer
