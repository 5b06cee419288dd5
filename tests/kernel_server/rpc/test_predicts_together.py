"""Predict requests that arrive at once are answered in one piece, and nobody can tell.

Two servers answer each test: one by itself, and one with a front end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from support.children import children_running
from support.h2_client import H2Client
from support.servers import Server, until
from support.stubs import Client, model_config, predict_request, typed
from support.together import PREDICT, ask, ask_bytes, begin, outputs, rows
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.config import model_server_config_pb2

CALLS = 40
MODELS = ("half", "pair", "picky", "fixed", "words", "gate")
OK, INVALID, DEADLINE, NOT_FOUND, PRECONDITION, UNAUTHENTICATED = 0, 3, 4, 5, 9, 16


@pytest.fixture(scope="module", params=[0, 1], ids=["alone", "with a front end"])
def server(
    request: pytest.FixtureRequest, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Batches of at most 16 rows, so that what comes at once needs several."""
    running = Server(
        tmp_path_factory.mktemp("together"),
        **flags(models, tmp_path_factory.mktemp("configuration"), request.param),
    )
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


def flags(models: dict[str, Path], folder: Path, front_ends: int) -> dict[str, object]:
    configs = [model_config(name, models[name], "all" if name == "half" else "") for name in MODELS]
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    (folder / "batching.txt").write_text(
        "max_batch_size { value: 16 } batch_timeout_micros { value: 2000 } "
        "max_enqueued_batches { value: 1000 } num_batch_threads { value: 1 }"
    )
    return {
        "model_config_file": folder / "models.txt",
        "enable_batching": True,
        "batching_parameters_file": folder / "batching.txt",
        "grpc_front_ends": front_ends,
    }


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server.channel())


@pytest.fixture
def wire(server: Server) -> Iterator[H2Client]:
    host, port = server.state["grpc_address"].rsplit(":", 1)
    with H2Client((host, int(port))) as wire:
        yield wire


def test_every_call_gets_its_own_answer(wire: H2Client, client: Client) -> None:
    before = _succeeded(client)
    for answer, number in zip(
        ask(wire, [predict_request("half", rows(n)) for n in range(CALLS)]), range(CALLS), strict=True
    ):
        assert outputs(answer) == {"y": (rows(number) / 2 + 3).tolist(), "z": (-rows(number)).tolist()}
        spec = predict_pb2.PredictResponse.FromString(answer.message).model_spec
        assert (spec.name, spec.version.value, spec.signature_name) == ("half", 2, "serving_default")
    assert _succeeded(client) == before + CALLS


def _succeeded(client: Client) -> int:
    return sum(found.succeeded for found in client.statistics("half").signatures if found.version == 2)


def test_they_share_batches_that_hold_only_one_of_them(wire: H2Client, client: Client) -> None:
    """One call of nine rows is all that fits into a batch of sixteen, but together they are cut as needed."""
    before = _batches(client)
    nine = [np.arange(9, dtype=np.float32) + 100 * number for number in range(CALLS)]
    for answer, sent in zip(ask(wire, [predict_request("half", x) for x in nine]), nine, strict=True):
        assert outputs(answer) == {"y": (sent / 2 + 3).tolist(), "z": (-sent).tolist()}
    assert _batches(client) - before < CALLS


def test_values_in_typed_fields_share_the_way_too(wire: H2Client, client: Client) -> None:
    before = _batches(client)
    sent = [rows(number) for number in range(CALLS)]
    for answer, x in zip(
        ask(wire, [predict_request("half", {"x": typed(x)}) for x in sent]), sent, strict=True
    ):
        assert outputs(answer) == {"y": (x / 2 + 3).tolist(), "z": (-x).tolist()}
    assert _batches(client) - before < CALLS


def test_fewer_values_than_the_shape_asks_for_are_repeated(wire: H2Client) -> None:
    requests = [predict_request("half", {"x": typed(rows(number))}) for number in range(CALLS)]
    for request in requests:
        request.inputs["x"].tensor_shape.dim[0].size = 5
    for number, answer in enumerate(ask(wire, requests)):
        assert outputs(answer)["z"] == (-np.append(rows(number), [rows(number)[-1]] * 2)).tolist()


def _batches(client: Client) -> int:
    return sum(found.batches for found in client.statistics("half").signatures)


def test_calls_that_differ_are_told_apart(wire: H2Client) -> None:
    kinds: list[Callable[[np.ndarray], predict_pb2.PredictRequest]] = [
        lambda x: predict_request("half", x),
        lambda x: predict_request("half", x, version=1),
        lambda x: predict_request("half", x, output_filter=["z"]),
        lambda x: predict_request("half", x[:2]),
        lambda x: predict_request("picky", x),
    ]
    expected: list[Callable[[np.ndarray], dict[str, list[float]]]] = [
        lambda x: {"y": (x / 2 + 3).tolist(), "z": (-x).tolist()},
        lambda x: {"y": (x / 2 + 2).tolist(), "z": (-x).tolist()},
        lambda x: {"z": (-x).tolist()},
        lambda x: {"y": (x[:2] / 2 + 3).tolist(), "z": (-x[:2]).tolist()},
        lambda x: {"y": x.tolist()},
    ]
    requests = [kinds[number % len(kinds)](rows(number)) for number in range(CALLS)]
    for number, answer in enumerate(ask(wire, requests)):
        assert outputs(answer) == expected[number % len(kinds)](rows(number))


def test_several_inputs_and_answers_of_integers(wire: H2Client) -> None:
    def request(number: int) -> predict_pb2.PredictRequest:
        return predict_request("pair", {"a": np.full((2, 2), number, np.float32), "b": np.array([1, number])})

    for number, answer in enumerate(ask(wire, [request(number) for number in range(CALLS)])):
        assert outputs(answer) == {"sum": [2 * number + 1, 3 * number], "twice": [2, 2 * number]}


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_inputs_in_any_order(wire: H2Client, names: str) -> None:
    """Both take as many bytes, and where they lie in a message is for the client to choose."""

    def request(number: int) -> bytes:
        inputs = {"a": np.full((2, 2), number, np.float32), "b": np.array([1, number])}
        parts = [predict_pb2.PredictRequest(model_spec={"name": "pair"}, output_filter=["sum"])]
        parts += [
            predict_pb2.PredictRequest(inputs={name: tf.make_tensor_proto(inputs[name])}) for name in names
        ]
        return b"".join(part.SerializeToString() for part in parts)

    for number, answer in enumerate(ask_bytes(wire, [request(number) for number in range(CALLS)])):
        assert outputs(answer) == {"sum": [2 * number + 1, 3 * number]}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        predict_request("half", rows(0)).SerializeToString().replace(b"half", b"\xff\xff\xff\xff"),
    ],
    ids=["empty", "no message", "no text"],
)
def test_messages_that_cannot_be_read(wire: H2Client, message: bytes) -> None:
    alone = wire.exchange(message, PREDICT)
    assert alone.status == INVALID
    told = [(answer.status, answer.headers["grpc-message"]) for answer in ask_bytes(wire, [message] * CALLS)]
    assert told == [(INVALID, alone.headers["grpc-message"])] * CALLS


def test_signatures_that_are_not_batched(wire: H2Client) -> None:
    fixed = [predict_request("fixed", np.full((4, 2), number, np.float32)) for number in range(CALLS)]
    for number, answer in enumerate(ask(wire, fixed)):
        assert outputs(answer) == {"y": [[2.0 * number] * 2] * 4}


def test_one_that_the_model_refuses_fails_alone(wire: H2Client) -> None:
    answers = ask(
        wire,
        [predict_request("picky", rows(number) * (number != 7) - (number == 7)) for number in range(CALLS)],
    )
    assert answers[7].status == INVALID
    assert "x must not be negative" in answers[7].headers["grpc-message"]
    for number, answer in enumerate(answers):
        if number != 7:
            assert outputs(answer) == {"y": rows(number).tolist()}


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (predict_request("nobody", rows(0)), NOT_FOUND, "Servable not found for request: Latest(nobody)"),
        (
            predict_request("half", rows(0), version=9),
            NOT_FOUND,
            "Servable not found for request: Specific(half, 9)",
        ),
        (
            predict_request("half", {"q": rows(0)}),
            INVALID,
            "Signature input alias: x(feed name: serving_default_x:0) not found in request",
        ),
        (
            predict_request("half", {"x": np.arange(3)}),
            INVALID,
            "Expects arg[0] to be float but int64 is provided",
        ),
        (
            predict_request("half", np.zeros(17)),
            INVALID,
            "Task size 17 is larger than maximum input batch size 16",
        ),
        (
            predict_request("half", rows(0), signature="no"),
            PRECONDITION,
            'Serving signature key "no" not found',
        ),
    ],
    ids=["model", "version", "input", "type", "size", "signature"],
)
def test_what_is_refused_is_refused_as_it_would_be_alone(
    wire: H2Client, request_: predict_pb2.PredictRequest, status: int, message: str
) -> None:
    alone = wire.exchange(request_.SerializeToString(), PREDICT)
    assert alone.status == status
    assert alone.headers["grpc-message"].startswith(message.replace("%", "%25"))
    told = [(answer.status, answer.headers["grpc-message"]) for answer in ask(wire, [request_] * CALLS)]
    assert told == [(alone.status, alone.headers["grpc-message"])] * CALLS


@pytest.fixture
def held(client: Client) -> Iterator[None]:
    with holding(client):
        yield


@contextmanager
def holding(client: Client) -> Iterator[None]:
    """The only thread is inside of a model until the end."""
    inside = client.start(predict_request("gate", [0]))
    until(lambda: client.in_flight("gate") == 1, "the thread is inside")
    yield
    client.replace_batching("gate", num_batch_threads=2)
    client.predict("gate", [1], signature="release")
    assert inside.result().outputs["y"].float_val == [0]
    client.replace_batching("gate", num_batch_threads=1)


@pytest.mark.usefixtures("held")
def test_deadlines_are_kept(wire: H2Client, client: Client) -> None:
    before = _outcomes(client)
    requests = [predict_request("half", rows(number)) for number in range(CALLS)]
    hasty, patient = begin(wire, requests, grpc_timeout="200m"), begin(wire, requests, grpc_timeout="1H")
    assert [wire.answer(stream).status for stream in hasty] == [DEADLINE] * CALLS
    until(lambda: client.in_flight("half") == CALLS, "those without time wait no more")
    assert _outcomes(client) - before == Counter(cancelled=CALLS)
    for stream in patient:
        wire.h2.reset_stream(stream)
    wire.flush()
    until(lambda: client.in_flight("half") == 0, "nobody waits any more")
    assert _outcomes(client) - before == Counter(cancelled=2 * CALLS)


def _outcomes(client: Client) -> Counter[str]:
    found: Counter[str] = Counter()
    for reading in client.statistics("half").signatures:
        found.update({name: getattr(reading, name) for name in ("succeeded", "failed", "shed", "cancelled")})
    return found


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("weights", [{}, {1: 3, 2: 1}], ids=["of one version", "of two"])
def test_some_leave_and_the_others_are_answered(
    wire: H2Client, client: Client, weights: dict[int | str, float]
) -> None:
    client.split("half", weights)
    streams = begin(wire, [predict_request("half", rows(number)) for number in range(CALLS)])
    until(lambda: client.in_flight("half") == CALLS, "all wait")
    for stream in streams[::2]:
        wire.h2.reset_stream(stream)
    wire.flush()
    client.replace_batching("half", num_batch_threads=2)
    client.replace_batching("gate", num_batch_threads=2)
    for number, stream in list(enumerate(streams))[1::2]:
        assert outputs(wire.answer(stream))["z"] == (-rows(number)).tolist()
    until(lambda: client.in_flight("half") == 0, "nobody waits any more")
    client.replace_batching("half", num_batch_threads=1)
    client.split("half", {})


@pytest.mark.parametrize("front_ends", [0, 1])
def test_tokens(
    start_server: Callable[..., Server], models: dict[str, Path], tmp_path: Path, front_ends: int
) -> None:
    (tmp_path / "token").write_text("secret\n")
    flags = {"model_name": "half", "model_base_path": models["half"], "enable_batching": True}
    server = start_server(token_file=tmp_path / "token", grpc_front_ends=front_ends, **flags)
    host, port = server.wait_until_ready().state["grpc_address"].rsplit(":", 1)
    requests = [predict_request("half", rows(number)) for number in range(CALLS)]
    with H2Client((host, int(port))) as wire:
        right = begin(wire, requests, authorization="Bearer secret")
        wrong = begin(wire, requests, authorization="Bearer secreT")
        assert [wire.answer(stream).status for stream in wrong] == [UNAUTHENTICATED] * CALLS
        assert [wire.answer(stream).status for stream in right] == [OK] * CALLS


@pytest.mark.parametrize("front_ends", [0, 1])
def test_answers_as_content(
    start_server: Callable[..., Server], models: dict[str, Path], front_ends: int
) -> None:
    flags = {"model_name": "pair", "model_base_path": models["pair"], "enable_batching": True}
    server = start_server(enable_serialization_as_tensor_content=True, grpc_front_ends=front_ends, **flags)
    host, port = server.wait_until_ready().state["grpc_address"].rsplit(":", 1)
    with H2Client((host, int(port))) as wire:
        test_several_inputs_and_answers_of_integers(wire)


def test_a_front_end_dies_while_calls_wait(
    start_server: Callable[..., Server], models: dict[str, Path], tmp_path: Path
) -> None:
    server = start_server(grpc_socket_path=tmp_path / "s", **flags(models, tmp_path, front_ends=1))
    host, port = server.wait_until_ready().state["grpc_address"].rsplit(":", 1)
    with grpc.insecure_channel(f"unix:{tmp_path / 's'}") as channel, H2Client((host, int(port))) as wire:
        client = Client(channel)
        with holding(client):
            begin(wire, [predict_request("half", rows(number)) for number in range(CALLS)])
            until(lambda: client.in_flight("half") == CALLS, "all wait")
            (front_end,) = children_running("kernel_server.front_ends", server.process.pid)
            front_end.kill()
            until(lambda: client.in_flight("half") <= 1, "nobody waits but for what is to run next")
        assert _outcomes(client) == Counter(cancelled=CALLS)
