"""What is put under load: a server of ours, or any TensorFlow Serving endpoint by its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

import numpy as np

from workbench.batching import BatchingControl, BatchingFields, BatchingParameters, BatchingState
from workbench.client import Client
from workbench.configuration import Batching
from workbench.control import GET_SERVER_INFO, GET_STATISTICS, Control
from workbench.errors import InvalidSetting, ModelNotServed, RequestFailed
from workbench.load.requests import Answers, RequestSet
from workbench.metadata import DEFAULT_SIGNATURE, Signature
from workbench.statistics import Statistics, read_statistics
from workbench.transport.addresses import is_http
from workbench.wire import control_pb2
from workbench.wire.codec import Array, decode_predict
from workbench.wire.proto_calls import PREDICT

T = TypeVar("T")

_NOT_TOLD = frozenset({"UNIMPLEMENTED", "PERMISSION_DENIED"})


class HasRecord(Protocol):
    """A :class:`~workbench.server.Server`, as far as a measurement needs one."""

    @property
    def record(self) -> Any:
        """Has ``target`` and ``token``."""

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models."""


class Target:
    """One model on one server. What only our own server tells is ``None`` for others."""

    def __init__(self, server: HasRecord | str, model: str | None, token: str | None = None) -> None:
        self.address = server if isinstance(server, str) else str(server.record.target)
        self.token = token if isinstance(server, str) else server.record.token
        if is_http(self.address):
            raise InvalidSetting(
                "target", self.address, "load goes through gRPC; write 'host:port' or 'unix:/path'"
            )
        self.model = model or _only_model(server)
        self._client = Client(self.address, token=self.token)
        self._control = Control(self.address, self.token)
        self._batching = BatchingControl(self._control)

    @property
    def transport(self) -> str:
        """``unix`` or ``tcp``."""
        return "unix" if self.address.startswith("unix:") else "tcp"

    def signature(self, name: str) -> tuple[Signature, int]:
        """The signature called ``name`` (empty: the default one) and the live version."""
        metadata = self._client.metadata(self.model)
        signature = metadata.signatures.get(name or DEFAULT_SIGNATURE)
        if signature is None:
            raise InvalidSetting("signature", name, f"the model has: {', '.join(metadata.signatures)}")
        return signature, metadata.version

    def available_versions(self) -> list[int]:
        """The versions that answer requests."""
        return [status.version for status in self._client.status(self.model) if status.available]

    def info(self) -> control_pb2.ServerInfo | None:
        """What the server says about itself."""
        return _told(lambda: self._control.call(GET_SERVER_INFO, control_pb2.GetServerInfoRequest()))

    def batching(self) -> BatchingState | None:
        """The batching parameters in force."""
        return _told(lambda: self._batching.read(self.model))

    def statistics(self) -> Statistics | None:
        """One reading of the model's counters."""
        request = control_pb2.GetStatisticsRequest(model=self.model)
        return _told(lambda: read_statistics(self._control.call(GET_STATISTICS, request)))

    @contextmanager
    def batching_set_to(self, batching: Batching) -> Iterator[None]:
        """Other batching parameters for a while: all, some of them, or ``False`` for no batching."""
        if batching is None:
            yield
            return
        self._batching.replace(self.model, enabled=batching is not False, **_changes(batching))
        try:
            yield
        finally:
            self._batching.undo(self.model)

    def answers(self, requests: RequestSet) -> Answers:
        """What the server answers to each request when it is asked one at a time."""
        replies = [decode_predict(self._control.send(PREDICT, body)).outputs for body in requests.bodies]
        return {name: _stacked(name, [reply[name] for reply in replies]) for name in replies[0]}

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _only_model(server: HasRecord | str) -> str:
    if isinstance(server, str):
        raise InvalidSetting("model", None, "name the model that the endpoint serves")
    if len(server.models) != 1:
        raise ModelNotServed(None, server.models)
    return server.models[0]


def _changes(batching: Batching) -> BatchingFields:
    values = asdict(batching) if isinstance(batching, BatchingParameters) else batching or {}
    return cast(BatchingFields, {name: value for name, value in values.items() if value is not None})


def _told(ask: Callable[[], T]) -> T | None:
    """The answer, or ``None`` from a server that has no control service or keeps it to others."""
    try:
        return ask()
    except RequestFailed as error:
        if error.code in _NOT_TOLD:
            return None
        raise


def _stacked(name: str, replies: Sequence[Array]) -> Array:
    if len({reply.shape for reply in replies}) > 1:
        raise InvalidSetting("check", True, f"the shape of output '{name}' differs from request to request")
    return np.stack(replies)
