"""The daemon's state folder: where the store lies, with the key that seals tokens and the trial certificate."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bridge.app.certificate import Tls, make_self_signed
from bridge.core.host_and_port import host_and_port
from bridge.core.systemd import credentials_folder
from bridge.settings.model import ServerSettings
from broker.engines import is_postgres
from broker.errors import StoreUnavailable, StoreUnusable
from broker.tokens import SEALING_KEY_BYTES

SEALING_KEY_FILE = "sealing.key"
SEALING_KEY_CREDENTIAL = "sealing-key"
_NOBODY_WAITS = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What stays as it is until somebody changes it; a folder that is mounted late is waited for."""


_NO_KEY = (
    "a store in a database needs a sealing key that lasts, the same on every node: give it as the systemd credential "
    f"{SEALING_KEY_CREDENTIAL}, or as {SEALING_KEY_FILE} in a folder that STATE_DIRECTORY names"
)


class BadSealingKey(Exception):
    """The sealing key cannot be used; the text says which and why."""


def state_folder(store_url: str, environ: Mapping[str, str]) -> Path | None:
    """The folder of a store that is a file, made if it is missing; of a database the one that systemd made, if any.

    None for a store in memory. Raises StoreUnavailable.
    """
    path = store_path(store_url)
    if path is None:
        given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
        return Path(given) if given and is_postgres(store_url) else None
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        refusal = StoreUnusable if error.errno in _NOBODY_WAITS else StoreUnavailable
        raise refusal(f"the state folder {folder} cannot be made: {error.strerror}; see who owns it") from error
    return folder


def guard_folder(store_url: str, environ: Mapping[str, str]) -> Path | None:
    """Where to note what is under decision: the state folder, else the one that systemd made for the unit, if any."""
    folder = state_folder(store_url, environ)
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return folder or (Path(given) if given else None)


def store_path(store_url: str) -> Path | None:
    """The file of a store that is one; None for other stores."""
    path = store_url.removeprefix("sqlite://")
    return None if path == store_url else Path(path)


def sealing_key(folder: Path | None, environ: Mapping[str, str], *, lasts: bool = False) -> bytes:
    """The key that opens stored tokens: a systemd credential, else a file in the state folder, made at first start.

    Without a state folder (a store in memory) it is made anew each time, unless the store ``lasts``. Raises
    BadSealingKey, OSError.
    """
    credentials = credentials_folder(environ)
    if credentials is not None and (credentials / SEALING_KEY_CREDENTIAL).exists():
        given = (credentials / SEALING_KEY_CREDENTIAL).read_text()
        return _key_of(given, f"credential {SEALING_KEY_CREDENTIAL}")
    if folder is None and lasts:
        raise BadSealingKey(_NO_KEY)
    if folder is None:
        return os.urandom(SEALING_KEY_BYTES)
    path = folder / SEALING_KEY_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(os.urandom(SEALING_KEY_BYTES).hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    return _key_of(path.read_text(), str(path))


def tls_of(settings: ServerSettings, folder: Path | None, now_us: int) -> Tls | None:
    """What the server shows its clients; None without TLS. Makes the trial certificate when it is asked for."""
    if settings.tls == "off":
        return None
    if settings.tls == "self-signed":
        host = host_and_port(settings.listen)[0]
        hosts = [] if host in ("0.0.0.0", "::") else [host]  # noqa: S104 - compared, not bound
        certificate, key = make_self_signed(folder or Path(tempfile.mkdtemp(prefix="ams-bridge-")), hosts, now_us)
        return Tls(certificate, key)
    return Tls(settings.tls.certificate, settings.tls.key, settings.tls.client_ca)


def _key_of(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise BadSealingKey(f"{where} is not hex") from error
    if len(key) != SEALING_KEY_BYTES:
        raise BadSealingKey(f"{where} has {len(key)} bytes; {SEALING_KEY_BYTES} are needed (64 hex characters)")
    return key
