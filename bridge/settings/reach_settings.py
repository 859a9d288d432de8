"""What of bridge.yaml says how to reach the daemon, read by itself: who only asks it something needs no more.

All records of settings together take longer to import than the daemon to answer. What is written in another way than
plainly is left to ``settings_file.py``, which has the words for what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bridge.core.host_and_port import host_and_port
from bridge.core.references import ReferenceSources, Resolver
from rules.source.places import Document, read_file

LISTEN: Final = "0.0.0.0:8443"
STORE: Final = "sqlite:///var/lib/ams-bridge/bridge.db"
_STORES: Final = ("sqlite://", "postgresql://", "postgres://", "memory")
_BY_FILES: Final = frozenset({"certificate", "key", "client_ca"})


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the daemon listens and how it is known: ``tls`` is ``off``, ``self-signed`` or its certificate's file.

    ``token`` is the service token, "" when none is written or asked for.
    """

    listen: str
    tls: str | Path
    public_url: str
    store: str
    token: str


def read_reach(path: Path, around: ReferenceSources, *, with_token: bool) -> Reach | None:
    """How to reach the daemon of the settings in ``path``; None when it takes the reader of all of them to say."""
    document = read_file(path)
    section = document.value if not document.problems and isinstance(document.value, dict) else None
    server, auth = (section.get(name, {}) if section is not None else None for name in ("server", "auth"))
    if section is None or not isinstance(server, dict) or not isinstance(auth, dict):
        return None
    tls = server.get("tls", "self-signed")
    by_files = isinstance(tls, dict) and _BY_FILES >= tls.keys() >= {"certificate", "key"}
    texts = [
        server.get("listen", LISTEN),
        tls["certificate"] if by_files else tls,
        server.get("public_url", ""),
        section.get("store", STORE),
        auth.get("service_token", "") if with_token else "",
    ]
    read = _resolve(document, around, texts)
    return None if read is None else _check(Reach(*read), around.folder, by_files=by_files)


def store_url(url: str, folder: Path) -> str:
    """``sqlite:PATH`` is relative to the folder of the settings; everything else stands as it is."""
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite" or rest.startswith("//") or not rest:
        return url
    return f"sqlite://{(folder / rest).absolute()}"


def _check(read: Reach, folder: Path, *, by_files: bool) -> Reach | None:
    """What was read, if it can be meant."""
    store = store_url(read.store, folder)
    try:
        host_and_port(read.listen)
    except ValueError:
        return None
    if not store.startswith(_STORES) or (read.public_url and not read.public_url.startswith(("https://", "http://"))):
        return None
    if by_files:
        return replace(read, store=store, tls=folder / read.tls)
    return replace(read, store=store) if read.tls in ("off", "self-signed") else None


def _resolve(document: Document, around: ReferenceSources, texts: list[Any]) -> list[str] | None:
    """The texts with their references replaced; None when one is no text, or a reference stands for nothing."""
    if not all(isinstance(text, str) for text in texts):
        return None
    resolver = Resolver(document, around)
    read: list[str] = resolver.resolve(texts)
    return None if resolver.problems or resolver.empty else read
