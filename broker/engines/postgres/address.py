"""Where the database is: the URL of the settings, and what a connection needs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker.errors import StoreUnusable

_USUAL: Final[Mapping[str, str]] = {
    "application_name": "ams-bridge",
    "connect_timeout": "5",
    "target_session_attrs": "read-write",
    # A peer that says nothing for so long is gone, and the question goes to another one.
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


@dataclass(frozen=True, slots=True)
class Address:
    """How to connect, and what to call the place in messages: without the user's name and password."""

    conninfo: str
    place: str


def address_as(address: Address, sessions: str) -> Address:
    """The same address for one run of a node, whose sessions bear this name and are ended when it is dead."""
    return Address(make_conninfo(address.conninfo, application_name=sessions), address.place)


def address_of(url: str) -> Address:
    """The address that a ``postgresql://`` URL names. Raises StoreUnusable."""
    try:
        options = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise StoreUnusable("this is no URL of PostgreSQL, such as postgresql://user@host/name") from error
    hosts = str(options.get("host") or options.get("hostaddr") or "localhost")
    place = f"postgresql://{hosts}/{options.get('dbname') or options.get('user') or ''}"
    return Address(make_conninfo("", **(dict(_USUAL) | {key: str(value) for key, value in options.items()})), place)
