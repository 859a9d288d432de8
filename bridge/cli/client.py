"""Speaks to the running daemon over its HTTP API, and turns its errors into words a person can act on."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bridge.cli.command_context import Context
from bridge.cli.output import Failed

_TIMEOUT_S = 30.0
_HINTS = {
    403: " The token is known, but its roles do not allow this.",
    503: " The daemon is up, but its store is not: see /readyz.",
}


_ABOUT_SOMEBODY_ELSE = ":verifyPushEndpoint"
"""Where a 401 tells of the push endpoint, in AMS's way, and not of whoever asks."""


class Unreached(Failed):
    """The daemon does not answer."""


class Client:
    """One command's connection to the daemon."""

    def __init__(self, base_url: str, token: str, certificate: Path | None) -> None:
        verify: ssl.SSLContext | bool = True
        if certificate is not None and certificate.exists():
            verify = ssl.create_default_context(cafile=certificate)
        self._base_url = base_url
        self._http = httpx.Client(
            base_url=base_url,
            headers={"x-api-key": token} if token else {},
            timeout=_TIMEOUT_S,
            verify=verify,
            trust_env=False,
        )

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer to a GET. None values are left out of the query. Raises Failed."""
        return self._answer("GET", path, params=_given(query))

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON answer to a POST of ``body``. Raises Failed."""
        return self._answer("POST", path, content=msgspec.json.encode(body if body is not None else {}))

    def put(self, path: str, body: Any = None) -> Any:
        """The JSON answer to a PUT of ``body``. Raises Failed."""
        return self._answer("PUT", path, content=msgspec.json.encode(body if body is not None else {}))

    def delete(self, path: str) -> Any:
        """The JSON answer to a DELETE. Raises Failed."""
        return self._answer("DELETE", path)

    def events(self, path: str, **query: Any) -> Iterator[Any]:
        """The values of a server-sent event stream, as they come, until it ends. Raises Failed."""
        with self._reached(), self._http.stream("GET", path, params=_given(query), timeout=None) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                raise Failed(self._refusal(response))
            for line in _lines(response.iter_bytes()):
                if line.startswith(b"data:"):
                    yield msgspec.json.decode(line.removeprefix(b"data:"))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _answer(self, method: str, path: str, **request: Any) -> Any:
        with self._reached():
            response = self._http.request(method, path, **request)
        if response.status_code != httpx.codes.OK:
            raise Failed(self._refusal(response))
        return msgspec.json.decode(response.content) if response.content else {}

    def _refusal(self, response: httpx.Response) -> str:
        """The daemon's own words, with what they are about and a hint where the status has a usual cause."""
        code = response.status_code
        if code == httpx.codes.UNAUTHORIZED and not response.url.path.endswith(_ABOUT_SOMEBODY_ELSE):
            known = "does not take this token" if "x-api-key" in self._http.headers else "asks for a token"
            return (
                f"the daemon at {self._base_url} {known} (HTTP 401). Give one of the service or of a service_admin "
                "with --token or $AMS_BRIDGE_TOKEN, or name auth.service_token in the settings."
            )
        return f"{_about(response.url.path)}{_said(response)} (HTTP {code}).{_HINTS.get(code, '')}"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise Unreached(
                f"the daemon at {self._base_url} does not answer ({error}). "
                "Is it running (`systemctl status ams-bridge`)? Another address: --url."
            ) from error


@contextmanager
def connected(context: Context) -> Iterator[Client]:
    """A client for the daemon that the options or the settings name."""
    from bridge.cli.setup import daemon_address  # settings are read by who calls, and not for the help

    address = daemon_address(context)
    client = Client(address.url, address.token, address.certificate)
    try:
        yield client
    finally:
        client.close()


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream. Only a line feed ends one: texts within JSON may hold whatever else ends lines."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _about(path: str) -> str:
    """The thing of the AMS API that a path names, such as ``ARGO/alarms: ``; "" where the answer says it itself."""
    match path.partition(":")[0].strip("/").split("/"):
        case ["v1", "projects", project]:
            return f"{project}: "
        case ["v1", "projects", project, _]:
            return f"{project}: "
        case ["v1", "projects", project, _, name, *_]:
            return f"{project}/{name}: "
        case ["v1", "users", name]:
            return f"{name}: "
    return ""


def _said(response: httpx.Response) -> str:
    try:
        said = str(msgspec.json.decode(response.content)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        said = response.text.strip()[:300] or response.reason_phrase
    return said.removesuffix(".")


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
