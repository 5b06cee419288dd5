"""Sends damaged HTTP/2, HPACK and protobufs to a server and tells what became of it.

From the folder ``tests``: ``python -m benchmarks.fuzz_http2 --inputs 100000 --seed 1``.
The same seed gives the same inputs. The server must survive all of them, close every connection that is
half closed, grow no further once it is warm, and log no traceback.
"""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Callable

from benchmarks.fuzzing import Report, bitten, main, watching
from hpack import Encoder
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame
from support.raw_client import PREFACE, prefixed, request_headers
from support.servers import Server
from support.stubs import predict_request

PREDICT = "/tensorflow.serving.PredictionService/Predict"
PATIENCE = 30.0
"""Seconds in which a server must close a connection that its client has half closed."""

Frames = list[bytes]


def fuzz(server: Server, inputs: int, seed: int) -> Report:
    """Send so many inputs, one connection each."""
    host, port = server.state["grpc_address"].rsplit(":", 1)
    with watching(server, inputs) as (report, take):
        for number in range(inputs):
            words = b"".join(damaged_session(random.Random(f"{seed}/{number}"), "half"))
            outcome = _say((host, int(port)), words, patient=number % 8 == 0)
            take(outcome)
            if outcome == "left open":
                report.faults.append(f"input {number} was left open")
    return report


def damaged_session(generator: random.Random, model: str) -> Frames:
    """A few calls on one connection, damaged once or several times, but seldom before they begin."""
    greeting = [PREFACE, _frame(4, 0, 0, b"\0\4\0\x10\0\0")]
    frames: Frames = []
    encoder = Encoder()
    for stream in range(1, 2 * generator.randrange(1, 5), 2):
        frames += _call(generator, encoder, stream, model)
    for _ in range(generator.choice((0, 1, 1, 2, 5))):
        frames = generator.choice(_DAMAGES)(generator, frames)
    if generator.random() < 0.03:
        greeting = generator.choice(_DAMAGES)(generator, greeting)
    return greeting + frames


def _call(generator: random.Random, encoder: Encoder, stream: int, model: str) -> Frames:
    fields = {"grpc-timeout": f"{generator.randrange(10**9)}{generator.choice('HMSmunx')}"}
    if generator.random() < 0.2:
        fields["grpc-encoding"] = generator.choice(["gzip", "deflate", "identity", "what"])
    block = encoder.encode(request_headers(PREDICT, **fields))
    if generator.random() < 0.2:
        block = bitten(generator, block)
    message = predict_request(model, [generator.random()]).SerializeToString()
    while generator.random() < 0.5:
        message = bitten(generator, message)
    body = prefixed(message, compressed=int(generator.random() < 0.1))
    cut = generator.randrange(len(body))
    return [
        _frame(1, 4, stream, block),
        _frame(0, 0, stream, body[:cut]),
        _frame(8, 0, generator.choice((0, stream)), generator.randbytes(4)),
        _frame(0, 1, stream, body[cut:]),
    ]


def _change_a_bit(generator: random.Random, frames: Frames) -> Frames:
    data = bytearray(b"".join(frames))
    data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    return [bytes(data)]


def _change_a_head(generator: random.Random, frames: Frames) -> Frames:
    at = generator.randrange(len(frames))
    head = bytearray(frames[at])
    head[generator.randrange(min(9, len(head)))] = generator.randrange(256)
    return [*frames[:at], bytes(head), *frames[at + 1 :]]


def _drop(generator: random.Random, frames: Frames) -> Frames:
    at = generator.randrange(len(frames))
    return [*frames[:at], *frames[at + 1 :]] or frames


def _repeat(generator: random.Random, frames: Frames) -> Frames:
    at = generator.randrange(len(frames))
    return [*frames[:at], *frames[at : at + 2] * generator.randrange(1, 50), *frames[at:]]


def _shuffle(generator: random.Random, frames: Frames) -> Frames:
    return generator.sample(frames, len(frames))


def _insert(generator: random.Random, frames: Frames) -> Frames:
    at = generator.randrange(len(frames) + 1)
    payload = generator.randbytes(generator.choice((0, 1, 4, 5, 6, 8, 8, 100, 17_000)))
    strange = _frame(generator.randrange(12), generator.randrange(256), generator.randrange(12), payload)
    return [*frames[:at], strange, *frames[at:]]


def _cut(generator: random.Random, frames: Frames) -> Frames:
    data = b"".join(frames)
    return [data[: generator.randrange(len(data) + 1)] or b"\0"]


_DAMAGES: list[Callable[[random.Random, Frames], Frames]] = [
    _change_a_bit,
    _change_a_head,
    _drop,
    _repeat,
    _shuffle,
    _insert,
    _cut,
]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _say(address: tuple[str, int], words: bytes, *, patient: bool) -> str:
    """The kind of the server's last words; a patient client lets it answer before it half closes."""
    with socket.create_connection(address, PATIENCE) as connection:
        answer = b""
        try:
            connection.sendall(words)
            if patient:
                select.select([connection], [], [], 0.02)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(1 << 16):
                answer += received
        except TimeoutError:
            return "left open"
        except OSError:
            pass
    return _last_words(answer)


def _last_words(answer: bytes) -> str:
    if answer.startswith(b"HTTP/1.1"):
        return "answered in HTTP/1.1"
    words = "closed without a word"
    while len(answer) >= 9:
        frame, size = Frame.parse_frame_header(memoryview(answer[:9]))
        if isinstance(frame, GoAwayFrame):
            frame.parse_body(memoryview(answer[9 : 9 + size]))
            return f"sent away with code {frame.error_code}"
        words = "answered" if isinstance(frame, HeadersFrame) or words == "answered" else "closed"
        answer = answer[9 + size :]
    return words


if __name__ == "__main__":
    main(__doc__, fuzz)
