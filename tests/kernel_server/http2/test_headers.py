"""Header blocks, read beside ``hpack``: what is remembered must never differ from what is said."""

from __future__ import annotations

import random

import pytest
from hpack import Decoder, Encoder

from kernel_server.http2.frames import ConnectionFault
from kernel_server.http2.headers import HeaderReader, write_headers

POST = b"\x83"
TABLE_OF_100, TABLE_OF_4096 = b"\x3f\x45", b"\x3f\xe1\x1f"


@pytest.mark.parametrize("seed", range(10))
def test_any_conversation_of_any_encoder(seed: int) -> None:
    generator = random.Random(seed)
    reader, decoder, encoder = HeaderReader(), Decoder(), Encoder()
    values = [b"v" * generator.randrange(200) for _ in range(8)]
    for _ in range(1000):
        if generator.random() < 0.02:
            encoder.header_table_size = generator.choice([0, 40, 200, 4096])
        fields = [
            (b"x%d" % generator.randrange(6), generator.choice(values), generator.random() < 0.1)
            for _ in range(generator.randrange(5))
        ]
        block = encoder.encode([(b":method", b"POST"), *fields], huffman=generator.random() < 0.5)
        assert reader.read(block) == dict(decoder.decode(block, raw=True))


def test_a_table_resized_by_a_block_that_is_known() -> None:
    """The third block must shrink the table again, so that the fourth adds nothing to it."""
    reader = HeaderReader()
    for block in (TABLE_OF_100 + POST, TABLE_OF_4096 + POST, TABLE_OF_100 + POST):
        assert reader.read(block) == {b":method": b"POST"}
    assert reader.read(b"\x40\x01x\x7f\x49" + b"v" * 200) == {b"x": b"v" * 200}
    with pytest.raises(ConnectionFault, match="unreadable headers"):
        reader.read(b"\xbe")


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 256, 5000])
def test_what_is_written_can_be_read(size: int) -> None:
    fields = [(b"grpc-message", b"x" * size), (b"n" * (size + 1), b"")]
    block = write_headers(fields, with_status=True)
    assert Decoder().decode(block, raw=True) == [(b":status", b"200"), *fields]
