"""Reads DER, the encoding of certificates and signatures, as far as a signed message needs: tags, lengths, members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
OID: Final = 0x06
OCTETS: Final = 0x04
INTEGER: Final = 0x02
MAX_MEMBERS: Final = 1_000


class NotDer(Exception):
    """The bytes are no DER of the form that was asked for."""


@dataclass(frozen=True, slots=True)
class DerValue:
    """One value: its tag, its content, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes

    def members(self, least: int = 0) -> Sequence[DerValue]:
        """The values within it, of which so many must be there. Raises NotDer."""
        der_values, place = [], 0
        while place < len(self.content):
            value = _value_at(self.content, place)
            der_values.append(value)
            place += len(value.whole)
            if len(der_values) > MAX_MEMBERS:
                raise NotDer("more members than any signature has")
        if len(der_values) < least:
            raise NotDer(f"{len(der_values)} members where {least} belong")
        return der_values

    def expect(self, tag: int) -> DerValue:
        """The value itself, when it has this tag. Raises NotDer."""
        if self.tag != tag:
            raise NotDer(f"tag {self.tag:#04x} where {tag:#04x} belongs")
        return self


def read_der(content: bytes) -> DerValue:
    """The first value of the bytes; what follows it is padding. Raises NotDer."""
    return _value_at(content, 0)


def oid_text(value: DerValue) -> str:
    """An object identifier in dots. Raises NotDer."""
    content = value.expect(OID).content
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers or (content and content[-1] & 0x80):
        raise NotDer("an object identifier that ends too early")
    first = min(numbers[0] // 40, 2)
    return ".".join(str(number) for number in (first, numbers[0] - 40 * first, *numbers[1:]))


def _value_at(content: bytes, place: int) -> DerValue:
    if place + 2 > len(content) or content[place] & 0x1F == 0x1F:
        raise NotDer("it ends too early")
    length, begin = content[place + 1], place + 2
    if length == 0x80:
        raise NotDer("a length that is not told")
    if length > 0x80:
        size = length & 0x7F
        if size > 4 or begin + size > len(content):
            raise NotDer("a length that cannot be")
        length, begin = int.from_bytes(content[begin : begin + size], "big"), begin + size
    end = begin + length
    if end > len(content):
        raise NotDer("it ends too early")
    return DerValue(content[place], content[begin:end], content[place:end])
