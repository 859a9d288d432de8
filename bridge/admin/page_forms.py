"""Forms of the pages: small, urlencoded, and read only after it is known who sends them."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from bridge.control.http_answers import Refusal
from bridge.core.bounded_body import BodyCutOff, BodyOverLimit, read_body

MOST_FORM_BYTES: Final = 64 * 1024
MOST_LOGIN_BYTES: Final = 8 * 1024
"""Nobody knows yet who sends this one."""
_MOST_FIELDS: Final = 1000
_URLENCODED: Final = "application/x-www-form-urlencoded"


async def read_page_form(request: Request, most_bytes: int = MOST_FORM_BYTES) -> FormData:
    """The fields of a form. Raises Refusal: 415 for files and whatever else is not urlencoded, 413, 400."""
    kind = request.headers.get("content-type", _URLENCODED).partition(";")[0].strip().lower()
    if kind != _URLENCODED:
        raise Refusal(415, f"A form is sent as {_URLENCODED}.")
    try:
        text = (await read_body(request.receive, most_bytes)).decode("ascii", "replace")
        fields = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
        return FormData(list[tuple[str, str | UploadFile]](fields))
    except BodyOverLimit as error:
        raise Refusal(413, f"A form has {most_bytes} bytes at most.") from error
    except BodyCutOff as error:
        raise Refusal(400, "The form did not arrive.") from error
    except ValueError as error:
        raise Refusal(400, f"A form has {_MOST_FIELDS} fields at most.") from error
