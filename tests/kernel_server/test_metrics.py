"""Metrics of a running server: what gRPC calls count, what Prometheus reads, what an unload removes."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from support.examples import (
    REGRESS,
    classification_request,
    model_spec,
    multi_inference_request,
    regression_request,
)
from support.metrics import TENSORFLOW_SERVING_PATH, Page, lint, scrape
from support.servers import Server, until
from support.stubs import TIMEOUT, Client, model_config, predict_request, refused
from tensorflow_serving.apis import model_management_pb2

StartServer = Callable[..., Server]

LINE = re.compile(r'# TYPE \S+ (counter|gauge|histogram|summary)|[\w:]+\{(\w+="[^"]*",?)*\} \S+')


def page(server: Server, path: str = TENSORFLOW_SERVING_PATH) -> Page:
    return scrape(server.state["rest_address"], path)


def calls(server: Server) -> Counter[tuple[str, str]]:
    """Calls so far by model and status."""
    series = page(server).series(":tensorflow:serving:request_count")
    return Counter({(labels["model_name"], labels["status"]): int(value) for labels, value in series})


class TestCalls:
    def test_answers(self, server: Server, client: Client) -> None:
        before = calls(server)
        for _ in range(3):
            client.predict("half", [1, 2])
        assert calls(server) - before == Counter({("half", "OK"): 3})

    def test_refusals(self, server: Server, client: Client) -> None:
        before = calls(server)
        for code, request in (
            (grpc.StatusCode.FAILED_PRECONDITION, predict_request("half", [1], signature="none")),
            (grpc.StatusCode.INVALID_ARGUMENT, predict_request("half", {"x": [1]})),
            (grpc.StatusCode.INVALID_ARGUMENT, predict_request("picky", [-1])),
            (grpc.StatusCode.NOT_FOUND, predict_request("half", [1], version=99)),
            (grpc.StatusCode.NOT_FOUND, predict_request("none", [1])),
            (grpc.StatusCode.NOT_FOUND, predict_request("none either", [1])),
            (grpc.StatusCode.INVALID_ARGUMENT, predict_request("", [1])),
        ):
            with refused(code, ""):
                client.send(request)
        assert calls(server) - before == Counter(
            {
                ("half", "FAILED_PRECONDITION"): 1,
                ("half", "INVALID_ARGUMENT"): 1,
                ("picky", "INVALID_ARGUMENT"): 1,
                ("half", "NOT_FOUND"): 1,
                ("", "NOT_FOUND"): 2,
                ("", "INVALID_ARGUMENT"): 1,
            }
        )

    def test_a_deadline_that_passes(self, server: Server, client: Client) -> None:
        before = calls(server)
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED, ""):
            client.send(predict_request("spin", [500_000]), timeout=0.1)
        until(lambda: client.in_flight("spin") == 0, "the model is done with it")
        assert calls(server) - before == Counter({("spin", "DEADLINE_EXCEEDED"): 1})

    def test_a_client_that_leaves(self, server: Server, client: Client) -> None:
        before = calls(server)
        leaving = client.start(predict_request("gate", [1]))
        until(lambda: client.in_flight("gate") == 1, "the request is in flight")
        leaving.cancel()
        gone = Counter({("gate", "CANCELLED"): 1})
        until(lambda: calls(server) - before == gone, "it is counted as gone")
        client.predict("gate", [1], signature="release")
        until(lambda: client.in_flight("gate") == 0, "the model is done with it")
        assert calls(server) - before == gone + Counter({("gate", "OK"): 1})

    def test_inference_on_examples(self, server: Server, client: Client) -> None:
        before, earlier = calls(server), page(server)
        prediction, examples = client.prediction, [{"x": 2.0}, {"x": 4.0}]
        prediction.Classify(classification_request("examples", examples, "classify"), TIMEOUT)
        prediction.Regress(regression_request("examples", examples, "column"), TIMEOUT)
        tasks = [(model_spec("examples", "column"), REGRESS)]
        prediction.MultiInference(multi_inference_request(tasks, examples), TIMEOUT)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, ""):
            prediction.Regress(regression_request("examples", [], "column"), TIMEOUT)
        counted = Counter({("examples", "OK"): 3, ("examples", "INVALID_ARGUMENT"): 1})
        assert calls(server) - before == counted
        now = page(server)
        for api in ("Classify", "Regress", "MultiInference"):
            name, labels = ":tensorflow:serving:request_latency_count", {"API": api, "entrypoint": "GRPC"}
            assert now(name, **labels) - earlier(name, **labels) == 1
        for name in ("request_example_count_total", "request_example_counts_sum"):
            name = f":tensorflow:serving:{name}"
            assert now(name, model="examples") - earlier(name, model="examples") == 2

    def test_latencies(self, server: Server, client: Client) -> None:
        before = page(server)
        client.predict("words", {"text": ["a"]})
        after = page(server)
        for name, labels in (
            ("request_latency", {"model_name": "words", "API": "Predict", "entrypoint": "GRPC"}),
            ("runtime_latency", {"model_name": "words", "API": "Predict", "runtime": "TF1"}),
            ("batching_session:queuing_latency", {"thread_pool_name": "batch_threads"}),
        ):
            count, total = f":tensorflow:serving:{name}_count", f":tensorflow:serving:{name}_sum"
            assert after(count, **labels) - before(count, **labels) == 1
            assert after(total, **labels) > before(total, **labels)


class TestPages:
    def test_the_configured_one_reads_as_tensorflow_serving_writes_it(
        self, server: Server, client: Client
    ) -> None:
        client.predict("half", [1])
        lines = page(server).text.splitlines()
        assert [line for line in lines if not LINE.fullmatch(line)] == []
        unlabelled = ":tensorflow:serving:batching_session:wrapped_run_count{} "
        assert [line for line in lines if line.startswith(unlabelled)]

    def test_promtool_finds_no_fault_with_the_other(self, server: Server, client: Client) -> None:
        client.predict("half", [1])
        assert lint(page(server, "/metrics").text) == ""

    def test_each_signature_of_each_version(self, server: Server, client: Client) -> None:
        client.predict("half", [1, 2, 3], version=1)
        generation = client.replace_batching("half", batch_timeout_micros=1500).generation
        found = page(server, "/metrics")
        labels = {"model": "half", "version": "1", "signature": "serving_default"}
        succeeded = found("kernel_server_requests_total", outcome="succeeded", **labels)
        for stage in ("request", "queue", "compute"):
            assert found(f"kernel_server_{stage}_duration_seconds_count", **labels) == succeeded >= 1
        assert found("kernel_server_batch_rows_sum", **labels) >= 3
        assert found("kernel_server_batch_fill_ratio_sum", **labels) > 0
        batches = found("kernel_server_batches_total", **labels)
        assert batches == found("kernel_server_batch_fill_ratio_count", **labels)
        assert found("kernel_server_batching_generation", **labels) == generation
        for gauge in ("requests_in_flight", "requests_queued", "batches_queued"):
            assert found.series(f"kernel_server_{gauge}")

    def test_the_process(self, server: Server) -> None:
        found = page(server, "/metrics")
        assert found("process_resident_memory_bytes") > 100e6
        assert found("process_cpu_seconds_total") > 0
        assert found("process_start_time_seconds") == pytest.approx(server.state["start_time"], abs=1)


def test_series_go_with_their_version_and_totals_stay(
    start_server: StartServer, models: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "monitoring.txt").write_text("prometheus_config { enable: true }")
    server = start_server(
        model_base_path=models["half"],
        model_name="half",
        rest_api_port="auto",
        monitoring_config_file=tmp_path / "monitoring.txt",
    ).wait_until_ready()
    client = Client(server.channel())
    client.reload(model_config("half", models["half"], "all"))
    both = [(2, "AVAILABLE", ""), (1, "AVAILABLE", "")]
    until(lambda: client.status("half") == both, "both versions are available")
    for version in (1, 2):
        client.predict("half", [1], version=version)
    assert page(server, "/metrics").values_of("version") == {"1", "2"}
    paths = {str(models["half"] / version) for version in ("1", "2")}
    assert page(server).values_of("model_path") == paths
    client.reload(model_config("half", models["half"], [2]))
    until(lambda: page(server, "/metrics").values_of("version") == {"2"}, "version 1 has no series any more")
    assert page(server, "/metrics")("tensorflow_serving_request_count_total", model_name="half") == 2
    assert page(server, "/metrics").values_of("model_path") == {str(models["half"] / "2")}


def test_loads_are_counted_by_folder(
    start_server: StartServer, models: dict[str, Path], tmp_path: Path
) -> None:
    attempts = "/tensorflow/cc/saved_model/load_attempt_count"
    (tmp_path / "models.txt").write_text("model_config_list {}")
    server = start_server(model_config_file=tmp_path / "models.txt", rest_api_port="auto").wait_until_ready()
    shutil.copytree(models["half"] / "1", tmp_path / "half" / "1")
    request = model_management_pb2.ReloadConfigRequest(metric_names=[attempts, "/none"])
    request.config.model_config_list.config.append(model_config("half", tmp_path / "half"))
    reply = Client(server.channel()).models.HandleReloadConfigRequest(request, TIMEOUT)
    assert [(each.name, each.int64_value_increase) for each in reply.metric] == [(attempts, 1), ("/none", 0)]

    (tmp_path / "half" / "2").mkdir()
    count, latency = (f"tensorflow_cc_saved_model_load_{what}_total" for what in ("attempt_count", "latency"))
    good, bad = (str(tmp_path / "half" / version) for version in ("1", "2"))
    until(lambda: page(server, "/metrics")(count, model_path=bad, status="fail") == 1, "version 2 has failed")
    found = page(server, "/metrics")
    assert found(count, model_path=good, status="success") == 1
    assert [labels for labels, micros in found.series(latency) if micros > 0] == [{"model_path": good}]
