"""How the service is, and what it is made of (ams-api.md 11.3 and 11.4)."""

from __future__ import annotations

import platform
import sys

from bridge.api.api_errors import forbidden, unauthorized
from bridge.api.call import Call
from bridge.api.push_texts import UNAVAILABLE
from bridge.api.push_worker import find_worker
from bridge.api.request_pipeline import caller_of
from bridge.api.wire_reports import HealthAnswer, PushServer, VersionAnswer
from broker.access import ADMIN_VIEWER, SERVICE_ADMIN

_VIEWERS = frozenset({ADMIN_VIEWER, SERVICE_ADMIN})


async def status(call: Call) -> HealthAnswer:
    """Whether all is well; ``details`` needs a token, and says 401 and 403 the other way round, as AMS does (Q8)."""
    if call.asks_for("details"):
        caller = caller_of(call.api, call.token) if call.token else None
        if caller is None:
            raise forbidden()
        if _VIEWERS.isdisjoint(caller.roles):
            raise unauthorized()
    settings = call.api.settings
    if settings.push_mode == "off":
        return HealthAnswer("ok", push_functionality="disabled")
    if settings.push_mode == "external":
        serves = call.api.worker_pulls.serves(call.broker.clock.monotonic())
        status = "ok" if find_worker(call.api) is not None else "warning"
        return HealthAnswer(status, push_servers=[PushServer("external", "SERVING" if serves else UNAVAILABLE)])
    return HealthAnswer("ok", push_servers=[PushServer(settings.address, "SERVING")])


async def version(call: Call) -> VersionAnswer:
    """Show which release runs, to viewers, and what it is built of."""
    caller = caller_of(call.api, call.token) if call.token else None
    may_see = caller is not None and not _VIEWERS.isdisjoint(caller.roles)
    settings = call.api.settings
    return VersionAnswer(
        build_time=settings.build_time,
        golang="",
        compiler=f"{platform.python_implementation()} {platform.python_version()}",
        os=sys.platform,
        architecture=platform.machine(),
        release=settings.release if may_see else "",
        distro=_distro(),
        hostname=settings.hostname,
    )


def _distro() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
