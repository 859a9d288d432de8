"""An error as an HTTP answer, in the one shape, for every surface but the AMS API, which answers without Starlette."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from bridge.core.error_body import error_body


def error_answer(code: int, message: str, status: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as an HTTP answer; ``status`` is the word of the code."""
    return Response(error_body(code, message, status), code, headers, media_type="application/json")
