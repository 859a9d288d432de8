"""Avro schemas over bare datums, judged and read as AMS's Avro library does.

Binary without header or schema, bytes after the datum ignored (ams-api.md section 10).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from broker.avro_types import (
    AvroRecord,
    AvroType,
    Blocks,
    Boolean,
    DatumCursor,
    Enum,
    Fixed,
    Null,
    Number,
    Text,
    Unfit,
    Union,
    json_kind_of,
    show_value,
)
from broker.errors import SchemaInvalid

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LARGEST_FIXED: Final = 2**31 - 1
_AT_LEAST: Final = " (a value must take at least a byte)"
_TOO_DEEP: Final = "it is nested too deeply"


def compile_avro_schema(definition: Mapping[str, Any]) -> AvroSchema:
    """The schema, ready to read datums. Raises SchemaInvalid."""
    return _build(definition, is_stored=False)


def load_avro_schema(definition: Mapping[str, Any]) -> AvroSchema:
    """A schema that was accepted once, when names and defaults were not judged yet. Raises SchemaInvalid."""
    return _build(definition, is_stored=True)


def _build(definition: Any, *, is_stored: bool) -> AvroSchema:
    try:
        return AvroSchema(_Builder(is_stored=is_stored).of("", definition))
    except Unfit as wrong:
        raise SchemaInvalid(str(wrong)) from wrong
    except RecursionError as deep:
        raise SchemaInvalid(_TOO_DEEP) from deep


class AvroSchema:
    """A parsed Avro schema, which reads bare datums."""

    def __init__(self, root: AvroType) -> None:
        self._root = root

    def read(self, datum: bytes) -> Any:
        """The value of one bare datum. Raises ValueError saying why it cannot be read."""
        try:
            return self._root.read(DatumCursor(datum))
        except Unfit as wrong:
            text = str(wrong)
            raise ValueError(text if text.startswith("cannot decode") else f"cannot decode binary: {text}") from wrong
        except RecursionError as deep:
            raise ValueError(f"cannot decode binary: {_TOO_DEEP}") from deep


class _Builder:
    """Makes types of a definition, and keeps those that have a name. All methods raise Unfit.

    Of one that is stored nothing is asked but what reading a datum needs.
    """

    def __init__(self, *, is_stored: bool) -> None:
        self._is_stored = is_stored
        self._named: dict[str, AvroType] = {"null": Null("null"), "boolean": Boolean("boolean")}
        self._named |= {name: Number(name) for name in ("int", "long", "float", "double")}
        self._named |= {name: Text(name) for name in ("string", "bytes")}

    def of(self, namespace: str, schema: Any) -> AvroType:
        """The type of a schema of any form."""
        match schema:
            case Mapping():
                return self.of_map(namespace, schema)
            case str():
                return self._of_name(namespace, schema, {})
            case list():
                return self._union(namespace, schema)
            case _:
                raise Unfit(f"unknown schema type: {json_kind_of(schema)}")

    def of_map(self, namespace: str, schema: Mapping[str, Any]) -> AvroType:
        """The type of an object; its ``type`` may be a name, an object itself, or a union."""
        if "type" not in schema:
            raise Unfit(f"missing type: {show_value(schema)}")
        match schema["type"]:
            case str(name):
                return self._of_name(namespace, name, schema)
            case Mapping() as inner:
                return self.of_map(namespace, inner)
            case list(members):
                return self._union(namespace, members)
            case other:
                raise Unfit(
                    "type ought to be either string, map[string]interface{}, or []interface{}; "
                    f"received: {json_kind_of(other)}"
                )

    def _of_name(self, namespace: str, name: str, schema: Mapping[str, Any]) -> AvroType:
        known = self._named.get(name) or (self._named.get(f"{namespace}.{name}") if namespace else None)
        if known is not None:
            return known
        match name:
            case "array":
                return self._blocks(namespace, name, "items", schema)
            case "map":
                return self._blocks(namespace, name, "values", schema)
            case "enum":
                return self._enum(namespace, schema)
            case "fixed":
                return self._fix(namespace, schema)
            case "record":
                return self._record(namespace, schema)
            case _:
                raise Unfit(f'unknown type name: "{name}"')

    def _blocks(self, namespace: str, kind: str, key: str, schema: Mapping[str, Any]) -> AvroType:
        title = kind.capitalize()
        if key not in schema:
            raise Unfit(f"{title} ought to have {key} key")
        try:
            below = self.of(namespace, schema[key])
        except Unfit as wrong:
            raise Unfit(f"{title} {key} ought to be valid Avro type: {wrong}") from wrong
        if kind == "array" and below.is_weightless:
            raise Unfit("an array's items must take at least a byte each, or a few bytes could stand for millions")
        return Blocks(kind, below)

    def _enum(self, namespace: str, schema: Mapping[str, Any]) -> AvroType:
        name = self._name("Enum", namespace, schema)
        if "symbols" not in schema:
            raise Unfit(f'Enum "{name}" ought to have symbols key')
        symbols = schema["symbols"]
        if not isinstance(symbols, list) or not (symbols or self._is_stored):
            raise Unfit(f'Enum "{name}" symbols ought to be non-empty array of strings: {show_value(symbols)}')
        for n, symbol in enumerate(symbols, start=1):
            if not isinstance(symbol, str):
                raise Unfit(f'Enum "{name}" symbol {n} ought to be non-empty string; received: {json_kind_of(symbol)}')
            if (wrong := _wrong_name(symbol)) and not self._is_stored:
                raise Unfit(f'Enum "{name}" symbol {n} ought to {wrong}')
        return self._keep(Enum(name, symbols))

    def _fix(self, namespace: str, schema: Mapping[str, Any]) -> AvroType:
        name = self._name("Fixed", namespace, schema)
        if "size" not in schema:
            raise Unfit(f'Fixed "{name}" ought to have size key')
        size = schema["size"]
        whole = isinstance(size, int | float) and not isinstance(size, bool)
        if not whole or not 0 < size <= _LARGEST_FIXED:
            raise Unfit(f'Fixed "{name}" size ought to be number greater than zero: {show_value(size)}{_AT_LEAST}')
        return self._keep(Fixed(name, int(size)))

    def _record(self, namespace: str, schema: Mapping[str, Any]) -> AvroType:
        record = AvroRecord(self._name("Record", namespace, schema))
        self._keep(record)
        if "fields" not in schema:
            raise Unfit(f'Record "{record.name}" ought to have fields key')
        fields = schema["fields"]
        if not isinstance(fields, list) or not (fields or self._is_stored):
            raise Unfit(f'Record "{record.name}" fields ought to be non-empty array: {show_value(fields)}{_AT_LEAST}')
        for n, field in enumerate(fields, start=1):
            self._add_field(record, f'Record "{record.name}" field {n} ought to', field)
        record.is_weightless = all(below.is_weightless for below in record.fields.values())
        return record

    def _add_field(self, record: AvroRecord, ought: str, field: Any) -> None:
        if not isinstance(field, Mapping):
            raise Unfit(f"{ought} be valid Avro named type; received: {show_value(field)}")
        try:
            below = self.of_map(record.namespace, field)
        except Unfit as wrong:
            raise Unfit(f"{ought} be valid Avro named type: {wrong}") from wrong
        if self._is_stored:
            record.fields[f"{field.get('name', '')}#{len(record.fields)}"] = below
            return
        try:
            name = _full_name(record.namespace, field).rpartition(".")[2]
        except Unfit as wrong:
            raise Unfit(f"{ought} have valid name: {show_value(field)}") from wrong
        if name in record.fields:
            raise Unfit(f'{ought} have unique name: "{name}"')
        if "default" in field:
            self._set_default(record, name, below, field["default"])
            record.defaults[name] = field["default"]
        record.fields[name] = below

    def _set_default(self, record: AvroRecord, name: str, below: AvroType, value: Any) -> None:
        budget = DatumCursor(b"")
        try:
            if isinstance(below, Union):
                below.check_field_default(value, budget)
            else:
                below.check_default(value, budget)
        except Unfit as wrong:
            raise Unfit(
                f'Record "{record.name}" field "{name}": default value ought to encode using field schema: {wrong}'
            ) from wrong

    def _union(self, namespace: str, members: list[Any]) -> AvroType:
        if not members:
            raise Unfit("Union ought to have one or more members")
        types: list[AvroType] = []
        names: set[str] = set()
        for n, member in enumerate(members, start=1):
            try:
                below = self.of(namespace, member)
            except Unfit as wrong:
                raise Unfit(f"Union item {n} ought to be valid Avro type: {wrong}") from wrong
            if below.name in names and not self._is_stored:
                raise Unfit(f"Union item {n} ought to be unique type: {below.name}")
            types.append(below)
            names.add(below.name)
        return Union(types)

    def _name(self, title: str, namespace: str, schema: Mapping[str, Any]) -> str:
        try:
            return _full_name(namespace, schema)
        except Unfit as wrong:
            if self._is_stored:
                return str(schema.get("name", ""))
            raise Unfit(f"{title} ought to have valid name: {wrong}") from wrong

    def _keep(self, named: AvroType) -> AvroType:
        self._named[named.name] = named
        return named


def _full_name(enclosing: str, schema: Mapping[str, Any]) -> str:
    """The full name of a named schema. Raises Unfit."""
    if "name" not in schema:
        raise Unfit("schema ought to have name key")
    name, namespace = schema["name"], schema.get("namespace")
    if not isinstance(name, str) or not name:
        raise Unfit(f"schema name ought to be non-empty string; received: {json_kind_of(name)}")
    if "namespace" in schema and (not isinstance(namespace, str) or not namespace):
        raise Unfit(f"schema namespace, if provided, ought to be non-empty string; received: {json_kind_of(namespace)}")
    space = namespace or enclosing
    full = name if "." in name or not space else f"{space}.{name}"
    for part in full.split("."):
        if wrong := _wrong_name(part):
            raise Unfit(f"schema name ought to {wrong}")
    return full


def _wrong_name(text: str) -> str:
    """What is wrong with a part of a name or a symbol, "" when nothing is."""
    if not text:
        return "be non-empty string"
    if _NAME.match(text[0]) is None:
        return f"start with [A-Za-z_]: {text}"
    if _NAME.fullmatch(text) is None:
        return f"have second and remaining characters contain only [A-Za-z0-9_]: {text}"
    return ""
