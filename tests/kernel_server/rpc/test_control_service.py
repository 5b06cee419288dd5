"""The control service: batching parameters, statistics and the process, over gRPC."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import grpc
import psutil
import pytest
from support.servers import Server
from support.stubs import TIMEOUT, Client, refused

from kernel_server import __version__
from kernel_server.config.model_server import ModelServerConfig
from kernel_server.rpc import control_pb2 as pb


class TestBatching:
    def test_parameters_come_from_the_file(self, client: Client) -> None:
        batching = client.batching("words")
        assert (batching.model, batching.enabled, batching.generation) == ("words", True, 1)
        parameters = batching.parameters
        assert (parameters.max_batch_size, parameters.batch_timeout_micros) == (8, 2000)
        assert (parameters.max_enqueued_batches, parameters.num_batch_threads) == (1000, 2)
        assert parameters.thread_pool_name == "batch_threads"

    def test_a_replacement_keeps_the_rest_and_counts_a_generation(self, client: Client) -> None:
        before = client.batching("pair")
        after = client.replace_batching("pair", max_batch_size=16, allowed_batch_sizes=[4, 16])
        assert after.generation == before.generation + 1
        assert (after.parameters.max_batch_size, list(after.parameters.allowed_batch_sizes)) == (16, [4, 16])
        assert after.parameters.batch_timeout_micros == before.parameters.batch_timeout_micros
        assert after == client.batching("pair")

    def test_one_model_is_replaced_and_no_other(self, client: Client) -> None:
        others = client.batching("words")
        client.replace_batching("fixed", max_batch_size=4)
        assert client.batching("words") == others

    def test_the_list_of_sizes_is_kept_only_when_asked(self, client: Client) -> None:
        client.replace_batching("keras", allowed_batch_sizes=[8])
        kept = client.replace_batching("keras", batch_timeout_micros=1)
        assert list(kept.parameters.allowed_batch_sizes) == [8]
        request = pb.ReplaceBatchingRequest(model="keras", parameters=pb.BatchingParameters())
        assert not client.control.ReplaceBatching(request, timeout=TIMEOUT).parameters.allowed_batch_sizes

    def test_batching_can_be_turned_off_and_on(self, client: Client) -> None:
        off = client.control.ReplaceBatching(
            pb.ReplaceBatchingRequest(model="tf1", disable=True, keep_allowed_batch_sizes=True),
            timeout=TIMEOUT,
        )
        assert not off.enabled
        assert client.predict("tf1", [[1.0]] * 20)["y"].shape == (20, 1)
        assert client.replace_batching("tf1").enabled
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "Task size 20"):
            client.predict("tf1", [[1.0]] * 20)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"max_batch_size": 0}, "input_batch_size_limit must be positive; was 0"),
            ({"batch_timeout_micros": -1}, "batch_timeout_micros must be non-negative; was -1"),
            ({"num_batch_threads": 0}, "num_batch_threads must be positive; was 0"),
            ({"max_enqueued_batches": 0}, "max_enqueued_batches must be positive; was 0"),
            (
                {"allowed_batch_sizes": [2, 4]},
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
            ),
        ],
    )
    def test_parameters_that_break_a_rule_change_nothing(
        self, client: Client, fields: dict[str, Any], message: str
    ) -> None:
        before = client.batching("words")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, message):
            client.replace_batching("words", **fields)
        assert client.batching("words") == before

    def test_of_two_that_replace_the_same_generation_one_wins(self, client: Client) -> None:
        present = client.batching("spin").generation
        request = pb.ReplaceBatchingRequest(model="spin", expected_generation=present)
        request.parameters.max_batch_size = 2
        assert client.control.ReplaceBatching(request, timeout=TIMEOUT).generation == present + 1
        request.parameters.max_batch_size = 3
        message = f"The batching parameters of spin are at generation {present + 1}, not {present}"
        with refused(grpc.StatusCode.FAILED_PRECONDITION, message):
            client.control.ReplaceBatching(request, timeout=TIMEOUT)
        assert client.batching("spin").parameters.max_batch_size == 2

    def test_an_unknown_model(self, client: Client) -> None:
        for call in (client.batching, client.replace_batching):
            with refused(grpc.StatusCode.NOT_FOUND, "Could not find any versions of model none"):
                call("none")


class TestStatistics:
    def test_every_request_is_counted_once(self, client: Client) -> None:
        before = reading(client, "half", "serving_default", version=1)
        for count in (1, 2, 3):
            client.predict("half", [1] * count, version=1)
        client.predict("half", [1], version=1, output_filter=["z"])
        after = reading(client, "half", "serving_default", version=1)
        assert after.succeeded - before.succeeded == after.batches - before.batches == 4
        assert after.rows - before.rows == after.executed_rows - before.executed_rows == 7
        assert sum(after.close_reasons.values()) - sum(before.close_reasons.values()) == 4
        assert sum(after.batch_size.counts) - sum(before.batch_size.counts) == 4
        for stage in ("decode", "queue", "assemble", "compute", "encode", "total"):
            histogram = after.stage_micros[stage]
            assert sum(histogram.counts) - sum(before.stage_micros[stage].counts) == 4
            assert len(histogram.counts) == len(histogram.limits) + 1
            assert histogram.sum > before.stage_micros[stage].sum
        assert (after.queued_requests, after.enqueued_batches, after.in_flight_requests) == (0, 0, 0)

    def test_refused_requests_are_counted(self, client: Client) -> None:
        before = reading(client, "picky", "serving_default")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, ""):
            client.predict("picky", [-1])
        after = reading(client, "picky", "serving_default")
        assert (after.failed, after.succeeded) == (before.failed + 1, before.succeeded)

    def test_a_reading_names_the_generation(self, client: Client) -> None:
        generation = client.replace_batching("half", batch_timeout_micros=1000).generation
        assert reading(client, "half", "serving_default").generation == generation

    def test_the_process_is_measured(self, client: Client) -> None:
        first, second = client.statistics(), client.statistics()
        assert 0 < first.uptime_seconds < second.uptime_seconds
        assert first.resident_bytes > 100e6
        assert 0 < first.cpu_seconds <= second.cpu_seconds

    def test_watching_answers_again_and_again(self, client: Client) -> None:
        stream = client.control.WatchStatistics(
            pb.WatchStatisticsRequest(model="half", period_ms=1), timeout=TIMEOUT
        )
        seen = [next(stream).uptime_seconds for _ in range(3)]
        stream.cancel()
        assert all(later > earlier for earlier, later in pairwise(seen))


def reading(client: Client, model: str, signature: str, version: int | None = None) -> pb.SignatureStatistics:
    """The counters of one signature, zero before its first request."""
    for found in client.statistics(model).signatures:
        if found.signature == signature and version in (None, found.version):
            return found
    return pb.SignatureStatistics()


class TestProcess:
    def test_the_server_says_who_it_is(self, client: Client, server: Server) -> None:
        info = client.control.GetServerInfo(pb.GetServerInfoRequest(), timeout=TIMEOUT)
        state = server.state
        assert (info.pid, info.start_time) == (server.process.pid, state["start_time"])
        assert (info.version, info.device, info.state) == (__version__, "cpu", "serving")
        assert (info.grpc_address, info.rest_address) == (state["grpc_address"], state["rest_address"])
        assert not info.HasField("owner")

    def test_the_configuration_in_force(self, client: Client, models: dict[str, Any]) -> None:
        answer = client.control.GetModelConfig(pb.GetModelConfigRequest(), timeout=TIMEOUT)
        proto = ModelServerConfig().to_proto()
        proto.ParseFromString(answer.model_server_config)
        assert {model.name: model.base_path for model in proto.model_config_list.config} == {
            name: str(path) for name, path in models.items()
        }

    def test_an_owner_is_set_told_and_taken_away(self, client: Client, server: Server) -> None:
        me = pb.Owner(pid=os.getpid(), start_time=psutil.Process().create_time())
        info = client.control.SetOwner(pb.SetOwnerRequest(owner=me), timeout=TIMEOUT)
        assert info.owner == me
        assert server.state["owner"] == {"pid": me.pid, "start_time": me.start_time}
        info = client.control.SetOwner(pb.SetOwnerRequest(), timeout=TIMEOUT)
        assert not info.HasField("owner")
        assert server.state["owner"] is None
