"""Models in processes of their own, in a running server: answers, versions, crashes, ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
import tensorflow as tf
from support.children import children_running
from support.examples import (
    CLASSIFY,
    REGRESS,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.other_models import python_file, sklearn_model
from support.saved_models import DTYPES
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, model_config, predict_request, refused
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from kernel_server.lifetime import ProcessId

MODULE = "kernel_server.isolation"
HERE = "_here"
"""What the name of a model ends with that runs in the server itself, beside the isolated one."""

SAVED_MODELS = ("echo", "examples")

HEADER = """
import os, re, signal, time
from pathlib import Path
import numpy as np
from kernel_server.servables.python import Tensor, signature

PLACE = Path(__file__).parent
"""

GATE = """
@signature(inputs={"x": Tensor("float32", [None])}, outputs={"y": Tensor("float32", [None])})
def call(x):
    while not (PLACE / "open").exists():
        time.sleep(0.01)
    return x * 0 + len(x)

@signature(inputs={"x": Tensor("float32", [None])}, outputs={"y": Tensor("float32", [None])}, name="broken")
def broken(x):
    raise KeyError("x")
"""
"""Answers how many rows came together, once the file ``open`` lies beside it."""

BALLAST = 'ballast = np.ones(200 << 17)\nclose = lambda: (PLACE.parent / "closed").touch()\n'
"""Two hundred megabytes, and a trace of being unloaded."""


def write(path: Path, lines: str) -> None:
    """A Python servable that is there all at once."""
    partial = path.with_name(f"partial {path.name}")
    partial.mkdir(parents=True)
    (partial / "servable.py").write_text(HEADER + lines)
    partial.rename(path)


def processes(server: Server, model: str) -> list[psutil.Process]:
    return children_running(MODULE, server.process.pid, model)


def process(server: Server, model: str) -> psutil.Process:
    """The only one of a model."""
    (found,) = processes(server, model)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("isolated")
    write(folder / "gate" / "1", GATE)
    write(folder / "heavy" / "1", GATE + BALLAST)
    (folder / "heavy" / "1" / "open").touch()
    sklearn_model(folder / "sklearn" / "1")
    python_file(folder / "warm" / "1")
    warm_up = folder / "warm" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    warm_up.parent.mkdir()
    with tf.io.TFRecordWriter(str(warm_up)) as writer:
        log = prediction_log_pb2.PredictionLog(predict_log={"request": predict_request("warm", [1.0])})
        writer.write(log.SerializeToString())
    return folder


@pytest.fixture(scope="module")
def configs(folder: Path, models: dict[str, Path]) -> list[Any]:
    """Every model as it is served at the start."""
    python = [model_config(name, folder / name, platform="python") for name in ("gate", "heavy", "warm")]
    saved = [model_config(name + end, models[name]) for name in SAVED_MODELS for end in ("", HERE)]
    gate = model_config(f"gate{HERE}", folder / "gate", platform="python")
    sklearn = [model_config(f"sklearn{end}", folder / "sklearn", platform="sklearn") for end in ("", HERE)]
    return [*python, *saved, gate, *sklearn]


@pytest.fixture(scope="module")
def server(folder: Path, configs: list[Any]) -> Iterator[Server]:
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": configs})
    (folder / "models.txt").write_text(str(config))
    isolated = ("gate", "heavy", "warm", "sklearn", "broken", "crash", *SAVED_MODELS)
    running = Server(
        folder / "server",
        model_config_file=folder / "models.txt",
        isolated_models=",".join(isolated),
        enable_batching=True,
    )
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.channel())


@pytest.fixture
def closed_gate(folder: Path) -> Iterator[Path]:
    """The file that lets the requests of ``gate`` be answered, which is there only when the test is over."""
    gate = folder / "gate" / "1" / "open"
    gate.unlink(missing_ok=True)
    yield gate
    gate.touch()


class TestTheSameAsInTheServer:
    """What a model answers does not depend on where it runs."""

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_values_of_every_type(self, client: Client, dtype: str) -> None:
        values = [b"a", b"\0\xff", b""] if dtype == "string" else [0, 1, 2]
        inputs = {"x": tf.cast(values, dtype) if dtype != "string" else tf.constant(values)}
        replies = [
            client.send(predict_request(name, {"x": inputs["x"].numpy()}, signature=dtype)).outputs
            for name in ("echo", f"echo{HERE}")
        ]
        assert replies[0] == replies[1]

    @pytest.mark.parametrize(
        ("method", "make"),
        [
            ("Predict", lambda name: _examples_to_predict(name)),
            ("Classify", lambda name: classification_request(name, [{"x": 2.0}, {"x": 3.0}], "classify")),
            ("Regress", lambda name: regression_request(name, [{"x": 2.0}], context={"shift": 1.0})),
            (
                "MultiInference",
                lambda name: multi_inference_request(
                    [(model_spec(name, "classify"), CLASSIFY), (model_spec(name, "column"), REGRESS)],
                    [{"x": 2.0}, {"x": 4.0}],
                ),
            ),
        ],
    )
    def test_methods(self, client: Client, method: str, make: Callable[[str], Any]) -> None:
        call = getattr(client.prediction, method)
        one, other = (str(call(make(name), TIMEOUT)) for name in ("examples", f"examples{HERE}"))
        assert one == other.replace(HERE, "")

    def test_metadata(self, client: Client) -> None:
        for name in SAVED_MODELS:
            (_, one), (_, other) = client.signature_defs(name), client.signature_defs(name + HERE)
            assert one == other

    @pytest.mark.parametrize(
        ("model", "request_"),
        [
            ("examples", {"inputs": {"inputs": [b"no example"]}}),
            ("sklearn", {"inputs": {"inputs": np.ones((1, 3))}}),
            ("gate", {"inputs": [1.0], "signature": "broken"}),
        ],
    )
    def test_errors(self, client: Client, model: str, request_: dict[str, Any]) -> None:
        one, other = (failure(client, name, **request_) for name in (model, model + HERE))
        assert one == other

    @pytest.mark.parametrize("lines", ["1 / 0", "os.kill(1", "x = 1"])
    def test_versions_that_do_not_load(
        self, client: Client, configs: list[Any], tmp_path: Path, lines: str
    ) -> None:
        write(tmp_path / "1", lines)
        broken = [model_config(f"broken{end}", tmp_path, platform="python") for end in ("", HERE)]
        with refused(grpc.StatusCode.UNKNOWN, "2 model(s) did not become available"):
            client.reload(*configs, *broken)
        assert client.status("broken") == client.status(f"broken{HERE}")
        client.reload(*configs)


def _examples_to_predict(name: str) -> Any:
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(3.0)
    return predict_request(name, {"inputs": [example.SerializeToString()]}, signature="three")


def ended(client: Client, model: str) -> bool:
    return [state for _, state, _ in client.status(model)] == ["END"]


def failure(client: Client, model: str, inputs: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        client.predict(model, inputs, **options)
    return caught.value.code(), caught.value.details()


def test_scikit_learn(client: Client, server: Server) -> None:
    assert client.predict("sklearn", {"inputs": np.array([[0.0, 0.0], [3.0, 2.0]])})["outputs"].tolist() == [
        0,
        1,
    ]
    assert len(processes(server, "sklearn")) == 1


def test_recorded_requests_run_before_a_version_serves(server: Server, folder: Path) -> None:
    assert server.ready
    assert (folder / "warm" / "1" / "called").exists()


def test_requests_share_batches(client: Client, closed_gate: Path) -> None:
    client.replace_batching("gate", num_batch_threads=1, max_batch_size=8)
    first = client.start(predict_request("gate", [1.0]))
    until(lambda: client.in_flight("gate") == 1, "the first request runs")
    others = [client.start(predict_request("gate", [1.0])) for _ in range(8)]
    until(lambda: client.in_flight("gate") == 9, "the others wait")
    closed_gate.touch()
    assert [tf.make_ndarray(call.result().outputs["y"]) for call in (first, *others)] == [[1.0]] + [[8.0]] * 8


def test_batches_run_at_once(client: Client, closed_gate: Path) -> None:
    client.replace_batching("gate", num_batch_threads=4)
    waiting = [client.start(predict_request("gate", [1.0])) for _ in range(3)]
    until(lambda: client.in_flight("gate") == 3, "three requests wait")
    assert failure(client, "gate", [1.0], signature="broken")[0] is grpc.StatusCode.INTERNAL
    closed_gate.touch()
    assert all(tf.make_ndarray(call.result().outputs["y"]).size == 1 for call in waiting)


def test_versions_swap(client: Client, server: Server, folder: Path) -> None:
    first = process(server, "warm")
    python_file(folder / "next", 10.0)
    (folder / "next").rename(folder / "warm" / "2")
    until(lambda: client.status("warm")[-1] == (1, "END", ""), "version 1 is unloaded")
    assert client.predict("warm", [1.0])["y"].tolist() == [11.0]
    assert process(server, "warm") != first


def test_unloading_gives_memory_back(
    client: Client, server: Server, configs: list[Any], folder: Path
) -> None:
    heavy = process(server, "heavy")
    assert heavy.memory_info().rss > 200e6
    client.reload(*(config for config in configs if config.name != "heavy"))
    until(lambda: ended(client, "heavy"), "it is unloaded")
    assert not heavy.is_running()
    assert (folder / "heavy" / "closed").exists()
    client.reload(*configs)


def test_a_process_leaves_only_when_its_server_tells_it(client: Client, server: Server) -> None:
    one = process(server, "echo")
    for number in (signal.SIGINT, signal.SIGTERM):
        one.send_signal(number)
    assert client.predict("echo", [1.0], signature="float32")["y"] == [1.0]
    assert process(server, "echo") == one


def test_a_crash_takes_only_its_model_along_until_that_comes_back(
    client: Client, server: Server, folder: Path, closed_gate: Path
) -> None:
    waiting = client.start(predict_request("gate", [1.0]))
    until(lambda: client.in_flight("gate") == 1, "a request runs")
    file, away = folder / "gate" / "1" / "servable.py", folder / "away.py"
    file.rename(away)  # so that it cannot come back yet
    process(server, "gate").kill()
    ending = (
        "The process of {name: gate version: 1} was ended by signal 9 (Killed); another one takes its place"
    )
    assert (waiting.code(), waiting.details()) == (grpc.StatusCode.UNAVAILABLE, ending)
    assert failure(client, "gate", [1.0]) == (grpc.StatusCode.UNAVAILABLE, ending)
    assert client.predict("echo", [1.0], signature="float32")["y"] == [1.0]
    until(lambda: "{name: gate version: 1} does not answer: Platform python" in server.log, "it has tried to")
    away.rename(file)
    closed_gate.touch()
    until(lambda: answers(client, "gate"), "the model is back")


def answers(client: Client, model: str) -> bool:
    try:
        client.predict(model, [1.0])
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        return False
    return True


def test_a_crash_while_loading_is_an_error_of_the_version(
    client: Client, configs: list[Any], tmp_path: Path
) -> None:
    write(tmp_path / "1", "signal.raise_signal(signal.SIGSEGV)")
    with refused(grpc.StatusCode.UNKNOWN, "1 model(s) did not become available"):
        client.reload(*configs, model_config("crash", tmp_path, platform="python"))
    ending = "The process of {name: crash version: 1} was ended by signal 11 (Segmentation fault)"
    assert client.status("crash") == [(1, "END", ending)]
    client.reload(*configs)


def test_no_process_outlives_a_server_that_is_killed(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    models = tmp_path / "models"
    write(models / "1", GATE)
    gate = model_config("gate", models, platform="python")
    config = model_server_config_pb2.ModelServerConfig(model_config_list={"config": [gate]})
    (tmp_path / "models.txt").write_text(str(config))
    server = start_server(model_config_file=tmp_path / "models.txt", isolated_models="all").wait_until_ready()
    client = Client(server.channel())
    waiting = client.start(predict_request("gate", [1.0]))
    until(lambda: client.in_flight("gate") == 1, "a request runs")
    keeping_the_interpreter = 're.match("(a|a)*$", "a" * 60 + "b")'
    write(models / "2", f'(PLACE / "begun").touch()\n{keeping_the_interpreter}')
    until(lambda: (models / "2" / "begun").exists(), "version 2 loads")
    children = [ProcessId.of(child.pid) for child in processes(server, "gate")]
    assert len(children) == 2
    server.process.kill()
    server.wait()
    until(lambda: not any(child.alive() for child in children), "they have ended")
    assert waiting.code() is grpc.StatusCode.UNAVAILABLE
    server.state_path.unlink()
