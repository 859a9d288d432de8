"""The types of an Avro schema, each of which checks bare datums and default values as AMS's Avro library does.

Logical types are not looked at, texts need not be UTF-8, and a variable-length number may be of any length: what that
library passes, passes here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from struct import unpack
from typing import Any, Final

_INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)
_WORD: Final = 2**64
_LARGEST_BLOCK: Final = 2**31 - 1
_FREE_STEPS: Final = 10_000
_STEPS_PER_BYTE: Final = 8
_MOST_STEPS: Final = 4_000_000
_SHOWN: Final = 200


class Unfit(Exception):
    """A datum or a value is not of the type; the text says why, in the library's words."""


class DatumCursor:
    """A place in a datum, and how many more steps reading it may take: little bytes can stand for a lot of work."""

    def __init__(self, datum: bytes) -> None:
        self._datum = datum
        self._at = 0
        self._steps = min(_FREE_STEPS + _STEPS_PER_BYTE * len(datum), _MOST_STEPS)

    def step(self) -> None:
        """Count one value. Raises Unfit when there were too many."""
        self._steps -= 1
        if self._steps < 0:
            raise Unfit("the datum is too complex")

    def take(self, n: int) -> bytes:
        """Take the next bytes of the datum. Raises Unfit."""
        if n > len(self._datum) - self._at:
            raise Unfit("short buffer")
        self._at += n
        return self._datum[self._at - n : self._at]

    def read_long(self) -> int:
        """A number of variable length, cut to 64 bits. Raises Unfit."""
        value = shift = 0
        for at in range(self._at, len(self._datum)):
            byte = self._datum[at]
            if shift < 64:
                value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                self._at = at + 1
                value %= _WORD
                return -(value + 1 >> 1) if value & 1 else value >> 1
            shift += 7
        raise Unfit("short buffer")


class AvroType(ABC):
    """A type of an Avro schema: ``name`` is its full name, ``is_weightless`` says that its values take no bytes."""

    is_weightless = False

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def read(self, at: DatumCursor) -> Any:
        """Read the next value of this type from a datum. Raises Unfit, RecursionError."""

    @abstractmethod
    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """Whether a JSON value can be the default of a field of this type. Raises Unfit, RecursionError."""


class Null(AvroType):
    """The type ``null``."""

    is_weightless = True

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType."""
        if value is not None:
            raise Unfit(f"cannot encode binary null: expected: Go nil; received: {json_kind_of(value)}")


class Boolean(AvroType):
    """``boolean``: a byte that is 0 or 1."""

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        byte = at.take(1)[0]
        if byte > 1:
            raise Unfit(f"cannot decode binary boolean: expected: Go byte(0) or byte(1); received: byte({byte})")
        return byte == 1

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType."""
        if not isinstance(value, bool):
            raise Unfit(f"boolean: expected: Go bool; received: {json_kind_of(value)}")


class Number(AvroType):
    """``int``, ``long``, ``float`` and ``double``."""

    _SIZES: Final = {"float": 4, "double": 8}

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        size = self._SIZES.get(self.name)
        return at.read_long() if size is None else unpack("<f" if size == 4 else "<d", at.take(size))[0]

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unfit(f"cannot encode binary {self.name}: expected: Go numeric; received: {json_kind_of(value)}")
        if self.name not in self._SIZES:
            whole = _INT32 if self.name == "int" else _INT64
            if value != int(value) or int(value) not in whole:
                raise Unfit(
                    f"cannot encode binary {self.name}: provided Go float64 would lose precision: {float(value):f}"
                )


class Text(AvroType):
    """``string`` and ``bytes``."""

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        size = at.read_long()
        if size < 0:
            raise Unfit(f"cannot decode binary {self.name}: negative size: {size}")
        taken = at.take(size)
        return taken.decode("utf-8", "replace") if self.name == "string" else taken

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType."""
        if not isinstance(value, str):
            raise Unfit(f"cannot encode binary bytes: expected: string; received: {json_kind_of(value)}")


class Fixed(AvroType):
    """``fixed``: so many bytes."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name)
        self._size = size

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        return at.take(self._size)

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType: JSON has no bytes, so there is none."""
        raise Unfit(f'cannot encode binary fixed "{self.name}": expected []byte; received: {json_kind_of(value)}')


class Enum(AvroType):
    """``enum``: the index of a symbol."""

    def __init__(self, name: str, symbols: Sequence[str]) -> None:
        super().__init__(name)
        self._symbols = symbols

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        index = at.read_long()
        if not 0 <= index < len(self._symbols):
            last = len(self._symbols) - 1
            raise Unfit(
                f'cannot decode binary enum "{self.name}": index ought to be between 0 and {last}; read index: {index}'
            )
        return self._symbols[index]

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType."""
        if value not in self._symbols:
            raise Unfit(f'cannot encode binary enum "{self.name}": value ought to be member of symbols')


class Blocks(AvroType):
    """``array`` and ``map``: blocks of values, in a map each after its key."""

    def __init__(self, name: str, of: AvroType) -> None:
        super().__init__(name)
        self._of = of

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        items: list[Any] = []
        named: dict[bytes, Any] = {}
        while count := self._count(at):
            for _ in range(count):
                if self.name == "map":
                    key = self._key(at, named)
                    named[key] = self._of.read(at)
                else:
                    items.append(self._of.read(at))
        if self.name == "array":
            return items
        return {key.decode("utf-8", "replace"): value for key, value in named.items()}

    def _count(self, at: DatumCursor) -> int:
        count = at.read_long()
        if count < 0:
            count = -count
            at.read_long()
        if count > _LARGEST_BLOCK:
            raise Unfit(
                f"cannot decode binary {self.name} when block count exceeds MaxBlockCount: {count} > {_LARGEST_BLOCK}"
            )
        return count

    def _key(self, at: DatumCursor, seen: Container[bytes]) -> bytes:
        size = at.read_long()
        key = at.take(size) if size >= 0 else b""
        if size < 0 or key in seen:
            raise Unfit(f"cannot decode binary map: {'negative size' if size < 0 else 'duplicate key'}")
        return key

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType."""
        budget.step()
        fits = isinstance(value, Mapping) if self.name == "map" else isinstance(value, list)
        if not fits:
            raise Unfit(f"cannot encode binary {self.name}: received: {json_kind_of(value)}")
        for member in value.values() if isinstance(value, Mapping) else value:
            self._of.check_default(member, budget)


class Union(AvroType):
    """A union: the index of a member, then its value."""

    def __init__(self, members: Sequence[AvroType]) -> None:
        super().__init__("union")
        self._members = members

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        index = at.read_long()
        if not 0 <= index < len(self._members):
            last = len(self._members) - 1
            raise Unfit(f"cannot decode binary union: index ought to be between 0 and {last}; read index: {index}")
        return self._members[index].read(at)

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType. As a value within another it names its member: null, or an object with one key."""
        budget.step()
        named = {member.name: member for member in self._members}
        if value is None and "null" in named:
            return
        if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in named:
            raise Unfit("cannot encode binary union: no member schema types support datum")
        for name, below in value.items():
            named[name].check_default(below, budget)

    def check_field_default(self, value: Any, budget: DatumCursor) -> None:
        """Whether a value can be the default of a field: it belongs to the union's first member. Raises Unfit."""
        first = self._members[0]
        short = first.name.rpartition(".")[2]
        default = None if value == "null" else value
        self.check_default(None if default is None and short == "null" else {short: default}, budget)


class AvroRecord(AvroType):
    """``record``; its fields are filled in after it is made, for they may refer to it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.fields: dict[str, AvroType] = {}
        self.defaults: dict[str, Any] = {}

    @property
    def namespace(self) -> str:
        """The namespace of the names within."""
        return self.name.rpartition(".")[0]

    def read(self, at: DatumCursor) -> Any:
        """See AvroType."""
        at.step()
        return {name: field.read(at) for name, field in self.fields.items()}

    def check_default(self, value: Any, budget: DatumCursor) -> None:
        """See AvroType."""
        budget.step()
        if not isinstance(value, Mapping):
            raise Unfit(f'cannot encode binary record "{self.name}": received: {json_kind_of(value)}')
        for name, field in self.fields.items():
            if name in value:
                field.check_default(value[name], budget)
            elif name not in self.defaults:
                raise Unfit(
                    f'cannot encode binary record "{self.name}" field "{name}": schema does not specify default value '
                    "and no value provided"
                )


def json_kind_of(value: Any) -> str:
    """The kind of a JSON value, as the library says it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int() | float():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"


def show_value(value: Any) -> str:
    """A JSON value as the library prints it, its beginning only."""
    return _show(value)[:_SHOWN]


def _show(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case Mapping():
            return "map[" + " ".join(f"{key}:{_show(value[key])}" for key in sorted(value)) + "]"
        case list():
            return "[" + " ".join(_show(member) for member in value) + "]"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)
