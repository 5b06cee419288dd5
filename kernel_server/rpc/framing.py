"""Messages on the wire: prefix, compression, status (gRPC's ``PROTOCOL-HTTP2.md``)."""

from __future__ import annotations

import re
import zlib
from urllib.parse import quote

from kernel_server.errors import InvalidArgument, ResourceExhausted, ServingError, Unimplemented
from kernel_server.http2.headers import write_headers
from kernel_server.rpc.status_codes import status_message, status_number

PREFIX_LENGTH = 5
UNKNOWN = -1

_INFLATE = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
_HEAD_FIELDS = [
    (b"content-type", b"application/grpc"),
    (b"grpc-accept-encoding", b"identity,deflate,gzip"),
]
_PRINTABLE = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"

_OUTER_SPACES = re.compile("^ +| +$")

HEAD = write_headers(_HEAD_FIELDS, with_status=True)
OK = write_headers([(b"grpc-status", b"0")])


class MessageTooLarge(ResourceExhausted):
    """One message is longer than the server takes."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(
            f"Received message larger than max ({size} vs. {most}); raise "
            "grpc.max_receive_message_length in --grpc_channel_arguments or send less at once"
        )


class NotOneMessage(InvalidArgument):
    """The body of a request is not one message with its prefix."""

    def __init__(self, body: bytes | bytearray) -> None:
        super().__init__(
            f"The call must carry exactly one whole message; {len(body)} bytes with prefix "
            f"{body[:PREFIX_LENGTH].hex() or 'missing'} are not one"
        )


class UnknownCompression(Unimplemented):
    """The request uses an encoding that this server does not read."""

    def __init__(self, encoding: bytes) -> None:
        super().__init__(
            f"Message compression {encoding.decode(errors='replace')} is not supported: "
            "use identity, gzip or deflate"
        )


class UnreadableCompression(InvalidArgument):
    """The bytes of a compressed message are damaged."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"The compressed message cannot be read: {reason}")


def announced_size(body: bytes | bytearray) -> int:
    """Bytes that the first message in ``body`` takes with its prefix; ``UNKNOWN`` before that is there."""
    if len(body) < PREFIX_LENGTH:
        return UNKNOWN
    return PREFIX_LENGTH + int.from_bytes(body[1:PREFIX_LENGTH], "big")


def subject(body: bytes | bytearray) -> bytes:
    """What the message in ``body`` is about: its first field, which in every request names the model."""
    begin = PREFIX_LENGTH + 2
    return bytes(body[begin : begin + body[begin - 1]]) if len(body) > begin else b""


def framed(message: bytes) -> bytes:
    """The message with its prefix."""
    return framed_head(len(message)) + message


def framed_head(size: int) -> bytes:
    """The prefix of a message of so many bytes."""
    return b"\x00" + size.to_bytes(4, "big")


def inflated(message: bytes, encoding: bytes, most_bytes: int) -> bytes:
    """A compressed message as it was; raises the errors of this module."""
    if encoding not in _INFLATE:
        raise UnknownCompression(encoding)
    inflater = zlib.decompressobj(_INFLATE[encoding])
    try:
        whole = inflater.decompress(message, most_bytes + 1)
    except zlib.error as error:
        raise UnreadableCompression(error) from error
    if len(whole) > most_bytes:
        raise MessageTooLarge(len(whole), most_bytes)
    if not inflater.eof or inflater.unused_data:
        raise UnreadableCompression("it does not end where its data ends")
    return whole


def trailers(error: ServingError | None, *, with_head: bool) -> bytes:
    """The end of a call: with the status and message of ``error``, or well."""
    fields = list(_HEAD_FIELDS) if with_head else []
    if error is None:
        fields.append((b"grpc-status", b"0"))
    else:
        fields.append((b"grpc-status", str(status_number(error)).encode()))
        fields.append((b"grpc-message", _spelled(status_message(error))))
    return write_headers(fields, with_status=with_head)


def _spelled(message: str) -> bytes:
    """A status message as a header, which must not begin or end with a space (RFC 9113, section 8.2.1)."""
    quoted = quote(message, safe=_PRINTABLE)
    return _OUTER_SPACES.sub(lambda found: "%20" * len(found[0]), quoted).encode()
