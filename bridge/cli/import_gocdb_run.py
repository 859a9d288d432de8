"""``import gocdb``: the service endpoints of GOCDB as users that log in with their certificates."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import httpx
import msgspec

from bridge.cli.command_context import Context
from bridge.cli.connection import connect_client
from bridge.cli.import_ams_run import tell_taken
from bridge.cli.output import BadConfiguration, Failed
from bridge.core.trust import explain_unusable, trust_file, trust_system
from bridge.operate.gocdb_feed import BadFeed, check_topic_name, read_feed

_TIMEOUT_S: Final = 60.0


def carry_over_gocdb(
    context: Context,
    place: str,
    project: str,
    service_types: tuple[str, ...],
    topic_name: str,
    consumer: str,
    email: str,
    cert: Path | None,
    cert_key: Path | None,
    from_ca: Path | None,
    dry_run: bool,
) -> None:
    """Take over service endpoints of GOCDB, and tell what was done."""
    try:
        check_topic_name(topic_name)
    except ValueError as error:
        raise BadConfiguration(f"--topic {error}") from error
    if "://" in place:
        feed = _fetch(place, cert, cert_key, from_ca)
    else:
        try:
            feed = Path(place).read_bytes()
        except OSError as error:
            raise Failed(f"cannot read {place}: {error.strerror}") from error
    with connect_client(context) as client:
        known = {
            certificate["subject"]: certificate["user"]
            for certificate in client.get("/api/certificates")["certificates"]
        }
        try:
            result = read_feed(
                feed,
                project=project,
                service_types=service_types,
                email=email,
                known=known,
                topic_name=topic_name,
                consumer=consumer,
            )
        except BadFeed as error:
            raise BadConfiguration(f"{place}: {error}. Nothing was changed.") from error
        body = {"manifest": msgspec.to_builtins(result.manifest), "dry_run": dry_run}
        done = client.post("/api/manifest", body)["done"]
    tell_taken(context.output, done, list(result.left_out), dry_run=dry_run)


def _fetch(url: str, cert: Path | None, key: Path | None, ca: Path | None) -> bytes:
    """What is at the URL. Raises Failed."""
    try:
        trusted = trust_file(ca) if ca is not None else trust_system()
    except OSError as error:
        raise Failed(f"--from-ca {ca} cannot be used: {explain_unusable(error)}") from error
    if cert is not None:
        try:
            trusted.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise Failed(f"--cert {cert} cannot be used: {error}") from error
    try:
        answer = httpx.get(url, timeout=_TIMEOUT_S, verify=trusted)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Failed(f"{url} does not answer: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise Failed(f"{url} answers HTTP {answer.status_code}")
    return answer.content
