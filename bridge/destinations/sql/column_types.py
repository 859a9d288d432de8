"""What a column of a database takes, by the type that the database says it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from bridge.destinations.sql.columns import (
    anything,
    boolean,
    day,
    decimal_number,
    fraction,
    integer,
    json_value,
    text,
    utc_moment,
)


def conversion_of(kind: sa.types.TypeEngine[Any], dialect: str) -> Callable[[object], Any]:
    """How a value becomes one that a column of this type takes."""
    if isinstance(kind, sa.JSON):
        return json_value
    if isinstance(kind, sa.DateTime) and not kind.timezone:
        return lambda value: utc_moment(value).replace(tzinfo=None)
    try:
        python_type = kind.python_type
    except NotImplementedError:
        return anything
    if python_type is Decimal and dialect == "sqlite":
        python_type = float  # SQLite has no decimals
    return _CONVERSIONS.get(python_type, text)


_CONVERSIONS: Final[Mapping[type, Callable[[object], Any]]] = {
    bool: boolean,
    int: integer,
    float: fraction,
    Decimal: decimal_number,
    datetime: utc_moment,
    date: day,
    list: json_value,
    str: text,
    UUID: lambda value: UUID(str(value).strip()),
}
