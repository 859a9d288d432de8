"""Takes up certificates that were renewed, while everything goes on: connections made from then on use the new ones."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bridge.app.certificate import Tls
from bridge.app.server import CannotListen, HttpServer
from bridge.push.http import PushHttp
from bridge.settings.model import ServerSettings, TlsFiles

log = structlog.get_logger("certificates")


class CertificateRenewal:
    """What holds certificates besides destinations and sources, which are made anew when a file of theirs changed."""

    def __init__(self, push_http: PushHttp, servers: Sequence[HttpServer]) -> None:
        self._push_http = push_http
        self._servers = servers

    async def take_up(self, server: ServerSettings) -> None:
        """Read all files again; they were judged before. What cannot be used all the same stays, and is told."""
        await self._push_http.renew()
        if server.tls == "off":
            return
        tls = server.tls
        files = Tls(tls.certificate, tls.key, tls.client_ca) if isinstance(tls, TlsFiles) else None
        for http_server in self._servers:
            try:
                http_server.renew(files)
            except CannotListen as error:
                log.error("the server goes on with its old certificate", reason=str(error))


def differs_but_for_files(server: ServerSettings, other: ServerSettings) -> bool:
    """Whether there is more between two settings of the server than other certificate files."""
    if isinstance(server.tls, TlsFiles) and isinstance(other.tls, TlsFiles):
        server = server.model_copy(update={"tls": other.tls})
    return server != other
