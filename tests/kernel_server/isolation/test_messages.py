"""Messages between the server and a model's process, over a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array
from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.isolation.connection import Connection
from kernel_server.isolation.messages import Message, packed
from kernel_server.isolation.signatures import signatures_message, signatures_of

NUMBERS = sorted(set(DataType) - {DataType.INVALID, DataType.STRING})
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)

Ends = tuple[Connection, Connection]

unhurried = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
"""A busy machine is no failure."""


@pytest.fixture(scope="module")
def ends() -> Iterator[Ends]:
    here, there = map(Connection, socket.socketpair())
    yield here, there
    here.close()
    there.close()


def sent(ends: Ends, message: Message) -> Message:
    """What arrives, while somebody else sends: nothing larger than a socket's memory goes through at once."""
    here, there = ends
    sender = threading.Thread(target=here.send, args=(packed(message),))
    sender.start()
    arrived = there.receive()
    sender.join()
    return arrived


@st.composite
def tensors(draw: st.DrawFn) -> Array:
    """Arrays of every element type and any bits, strings included."""
    shape, kind = draw(SHAPES), draw(st.sampled_from([*NUMBERS, DataType.STRING]))
    array: Array = np.empty(shape, kind.numpy)
    if kind is DataType.STRING:
        array.flat = draw(st.lists(st.binary(max_size=8), min_size=array.size, max_size=array.size))
        return array
    bits = draw(st.binary(min_size=array.nbytes, max_size=array.nbytes))
    return np.frombuffer(bits, kind.numpy).reshape(shape)


def assert_same(arrived: Array, array: Array) -> None:
    assert (arrived.dtype, arrived.shape) == (array.dtype, array.shape)
    if array.dtype == object:
        assert arrived.tolist() == array.tolist()
    else:
        assert arrived.tobytes() == array.tobytes()


@unhurried
@given(
    st.text(st.characters(codec="utf-8")), st.lists(tensors(), max_size=4), st.sampled_from(["", "INTERNAL"])
)
def test_what_is_sent_arrives(ends: Ends, text: str, arrays: list[Array], code: str) -> None:
    arrived = sent(ends, Message(text, arrays, code))
    assert (arrived.text, arrived.code, len(arrived.arrays)) == (text, code, len(arrays))
    for one, other in zip(arrived.arrays, arrays, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("megabytes", [1, 20])
def test_large_ones_and_others_behind_them(ends: Ends, megabytes: int) -> None:
    large = np.arange(megabytes << 17, dtype=np.int64).reshape(2, -1)
    arrays = [np.ones(3, np.int8), large, large[:, ::2], np.asfortranarray(large[:, :9])]
    for one, other in zip(sent(ends, Message("", arrays)).arrays, arrays, strict=True):
        assert_same(one, other)


def test_strings_as_models_may_answer_them(ends: Ends) -> None:
    answers = [np.array("text"), np.array(["ü", "b"]), np.array(["c", b"d", 1], object)]
    arrived = [array.tolist() for array in sent(ends, Message("", answers)).arrays]
    assert arrived == [b"text", ["ü".encode(), b"b"], [b"c", b"d", b"1"]]


def test_no_tensor(ends: Ends) -> None:
    with pytest.raises(TypeError, match="datetime64"):
        packed(Message("", [np.array(["2026-11-22"], "datetime64[D]")]))


@unhurried
@given(st.binary(max_size=64))
def test_an_end_in_the_middle(junk: bytes) -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    with theirs:
        theirs.sendall(b"\x40\0\0\0" + junk[:63])
    with pytest.raises(EOFError):
        connection.receive()
    connection.close()


def test_signatures() -> None:
    x = TensorSpec("x:0", DataType.FLOAT, (-1, 2))
    word, old = TensorSpec("ü:0", DataType.STRING, ()), TensorSpec("old:0", 101, None)
    defaults = {"word": np.array(b"none", object), "x": np.ones((1, 2), np.float32)}
    signatures = {
        "serving_default": Signature("serving_default", {"x": x, "word": word}, {"old": old}, "m", defaults),
        "other": Signature("other", {}, {}),
    }
    arrived = signatures_of(signatures_message(signatures))
    assert list(arrived) == list(signatures)
    assert arrived["other"] == signatures["other"]
    default, expected = arrived["serving_default"], signatures["serving_default"]
    assert (default.inputs, default.outputs, default.method_name) == (expected.inputs, expected.outputs, "m")
    for name, array in default.defaults.items():
        assert_same(array, defaults[name])
