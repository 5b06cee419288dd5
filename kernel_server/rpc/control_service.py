"""``kernel_server.control.v1.Control``: batching, traffic, statistics, and the end of the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from kernel_server.handlers import Handlers
from kernel_server.lifetime import ProcessId
from kernel_server.process import ServerProcess
from kernel_server.rpc import control_messages as messages
from kernel_server.rpc import control_pb2 as pb
from kernel_server.rpc import traffic_messages
from kernel_server.rpc.methods import Methods, streaming, unary

SERVICE = "kernel_server.control.v1.Control"

_DEFAULT_DRAIN_SECONDS = 30.0
_DEFAULT_PERIOD_MS, _SHORTEST_PERIOD_MS = 1000, 50


class ControlService:
    """Translates control messages to the handlers and the process."""

    def __init__(self, handlers: Handlers, process: ServerProcess) -> None:
        self._handlers = handlers
        self._process = process

    def methods(self) -> Methods:
        """The methods by full name."""
        prefix = f"/{SERVICE}/"
        return {
            prefix + "GetBatching": unary(self.get_batching, pb.GetBatchingRequest),
            prefix + "ReplaceBatching": unary(self.replace_batching, pb.ReplaceBatchingRequest),
            prefix + "GetTraffic": unary(self.get_traffic, pb.GetTrafficRequest),
            prefix + "ReplaceSplit": unary(self.replace_split, pb.ReplaceSplitRequest),
            prefix + "ReplaceShadow": unary(self.replace_shadow, pb.ReplaceShadowRequest),
            prefix + "GetStatistics": unary(self.get_statistics, pb.GetStatisticsRequest),
            prefix + "WatchStatistics": streaming(self.watch_statistics, pb.WatchStatisticsRequest),
            prefix + "GetModelConfig": unary(self.get_model_config, pb.GetModelConfigRequest),
            prefix + "GetServerInfo": unary(self.get_server_info, pb.GetServerInfoRequest),
            prefix + "SetOwner": unary(self.set_owner, pb.SetOwnerRequest),
            prefix + "Drain": unary(self.drain, pb.DrainRequest),
            prefix + "Stop": unary(self.stop, pb.StopRequest),
        }

    async def get_batching(self, request: pb.GetBatchingRequest) -> pb.Batching:
        """The parameters in force for one model."""
        return messages.batching(self._handlers.batching.get(request.model))

    async def replace_batching(self, request: pb.ReplaceBatchingRequest) -> pb.Batching:
        """Replace the fields that are given; acts from the next batch on."""
        state = self._handlers.batching.replace(
            request.model, messages.replaced_fields(request), not request.disable, _expected(request)
        )
        return messages.batching(state)

    async def get_traffic(self, request: pb.GetTrafficRequest) -> pb.Traffic:
        """The split and the shadow in force for one model."""
        return traffic_messages.traffic(self._handlers.traffic.get(request.model))

    async def replace_split(self, request: pb.ReplaceSplitRequest) -> pb.Traffic:
        """Divide requests that name no version; acts from the next one on."""
        arms = traffic_messages.arms(request)
        state = self._handlers.traffic.replace_split(request.model, arms, _expected(request))
        return traffic_messages.traffic(state)

    async def replace_shadow(self, request: pb.ReplaceShadowRequest) -> pb.Traffic:
        """Compare the answers of another version."""
        target = traffic_messages.target(request.target) if request.HasField("target") else None
        state = self._handlers.traffic.replace_shadow(request.model, target, _expected(request))
        return traffic_messages.traffic(state)

    async def get_statistics(self, request: pb.GetStatisticsRequest) -> pb.Statistics:
        """One reading of the counters."""
        return messages.statistics(self._handlers.statistics.read(request.model), self._process)

    async def watch_statistics(self, request: pb.WatchStatisticsRequest) -> AsyncIterator[pb.Statistics]:
        """A reading at once and then one per period, until the caller or the server goes."""
        period = max(_SHORTEST_PERIOD_MS, request.period_ms or _DEFAULT_PERIOD_MS) / 1000
        while not self._process.stop_requested.is_set():
            yield messages.statistics(self._handlers.statistics.read(request.model), self._process)
            await asyncio.sleep(period)

    async def get_model_config(self, request: pb.GetModelConfigRequest) -> pb.ModelConfiguration:
        """The model configuration in force."""
        config = self._handlers.reload.config.to_proto()
        return pb.ModelConfiguration(model_server_config=config.SerializeToString())

    async def get_server_info(self, request: pb.GetServerInfoRequest) -> pb.ServerInfo:
        """The process itself."""
        return self._server_info()

    async def set_owner(self, request: pb.SetOwnerRequest) -> pb.ServerInfo:
        """Hand the server to another owner."""
        owner = request.owner if request.HasField("owner") else None
        self._process.hand_over(ProcessId(owner.pid, owner.start_time) if owner else None)
        return self._server_info()

    async def drain(self, request: pb.DrainRequest) -> pb.DrainResponse:
        """Refuse new requests; answer when those in flight are answered."""
        abandoned = await self._handlers.drain.drain(request.timeout_seconds or _DEFAULT_DRAIN_SECONDS)
        return pb.DrainResponse(abandoned=abandoned)

    async def stop(self, request: pb.StopRequest) -> pb.StopResponse:
        """Drain, then let the process end once this answer is out."""
        await self._handlers.drain.drain(request.timeout_seconds or _DEFAULT_DRAIN_SECONDS)
        self._process.stop_requested.set()
        return pb.StopResponse()

    def _server_info(self) -> pb.ServerInfo:
        return messages.server_info(self._process, self._handlers.drain.started.is_set())


def _expected(
    request: pb.ReplaceBatchingRequest | pb.ReplaceSplitRequest | pb.ReplaceShadowRequest,
) -> int | None:
    return request.expected_generation if request.HasField("expected_generation") else None
