"""Speaks to the running daemon over its HTTP API, and turns its errors into words a person can act on."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from bridge.cli.connection import Unreached
from bridge.cli.output import Failed
from bridge.core.tls_failure import look_at_certificate, tls_fault, tls_text
from bridge.core.trust import explain_unusable, trust_file, trust_system

if TYPE_CHECKING:
    from bridge.cli.daemon_address import DaemonAddress

_TIMEOUT_S = 30.0
_HTTPS_PORT = 443
_HINTS = {
    403: " The token is known, but its roles do not allow this.",
    503: " The daemon is up, but its store is not: see /readyz.",
}


_ABOUT_SOMEBODY_ELSE = ":verifyPushEndpoint"
"""Where a 401 tells of the push endpoint, in AMS's way, and not of whoever asks."""


class Client:
    """One command's connection to the daemon."""

    def __init__(self, address: DaemonAddress) -> None:
        self._base_url = address.url
        self._unread = ""
        self._http = httpx.Client(
            base_url=address.url,
            headers={"x-api-key": address.token} if address.token else {},
            timeout=_TIMEOUT_S,
            verify=self._trust(address) if address.url.startswith("https://") else False,
            trust_env=False,
        )
        self._how = {"sni_hostname": address.name} if address.name else {}

    def _trust(self, address: DaemonAddress) -> ssl.SSLContext:
        """Whom to trust: the file that --ca names, else the system's authorities and the daemon's own certificate."""
        if address.ca is not None:
            try:
                return trust_file(address.ca)
            except OSError as error:
                raise Failed(f"--ca {address.ca} cannot be used: {explain_unusable(error)}") from error
        if address.certificate is not None:
            try:
                return trust_system(address.certificate)
            except FileNotFoundError:
                pass  # the daemon has not made it yet: then nobody answers, and that is told
            except OSError as error:
                self._unread = (
                    f" Its own certificate {address.certificate} cannot be used ({explain_unusable(error)}): "
                    "run this as the daemon's user, or name a copy with --ca."
                )
        return trust_system()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer to a GET. None values are left out of the query. Raises Failed."""
        return self._answer("GET", path, params=_drop_missing(query))

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
        with (
            self._reach(),
            self._http.stream("GET", path, params=_drop_missing(query), timeout=None, extensions=self._how) as response,
        ):
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
        with self._reach():
            response = self._http.request(method, path, extensions=self._how, **request)
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
        return f"{_about(response.url.path)}{_error_text(response)} (HTTP {code}).{_HINTS.get(code, '')}"

    @contextmanager
    def _reach(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise Unreached(self._explain_unreached(error)) from error

    def _explain_unreached(self, error: httpx.TransportError) -> str:
        """Why there is no answer; of one that is not trusted the certificate's own words, and whose it is."""
        fault = tls_fault(error)
        if fault is None:
            return (
                f"the daemon at {self._base_url} does not answer ({error}). "
                "Is it running (`systemctl status ams-bridge`)? Another address: --url."
            )
        text = f"the daemon at {self._base_url} answers, but {tls_text(fault)}"
        if not isinstance(fault, ssl.SSLCertVerificationError):
            return f"{text}. Is that its address (server.listen, server.tls)? Another one: --url."
        url = self._http.base_url
        shown = look_at_certificate(url.host, url.port or _HTTPS_PORT)
        hint = self._unread or " Trust who signed it: --ca FILE, or $SSL_CERT_FILE. Ask by a name it is for: --url."
        return f"{text}{f' ({shown})' if shown else ''}.{hint}"


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


def _error_text(response: httpx.Response) -> str:
    try:
        text = str(msgspec.json.decode(response.content)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        text = response.text.strip()[:300] or response.reason_phrase
    return text.removesuffix(".")


def _drop_missing(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
