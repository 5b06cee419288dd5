"""Protobuf's wire format, for the few messages that are written by hand because they are many."""

from __future__ import annotations

from functools import lru_cache

_SMALL = [bytes([number]) for number in range(128)]


def varint(number: int) -> bytes:
    """A non-negative number in protobuf's variable-length encoding."""
    if number < 128:
        return _SMALL[number]
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited(field: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def opening(field: int, size: int) -> bytes:
    """What precedes the payload of ``size`` bytes in such a field."""
    return varint(field << 3 | 2) + varint(size)


@lru_cache(maxsize=1024)
def text_field(field: int, text: str) -> bytes:
    """A string field; the same few names are asked for again and again."""
    return delimited(field, text.encode())
