"""Typed calls to one server: its control service and TensorFlow Serving's model service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from workbench.transport.over_grpc import GrpcTransport
from workbench.wire import control_pb2, serving_pb2


class Message(Protocol):
    """What the generated message classes have in common."""

    def SerializeToString(self) -> bytes:  # noqa: N802
        """The bytes for the wire."""


T_co = TypeVar("T_co", covariant=True)


class MessageType(Protocol[T_co]):
    """A generated message class."""

    def FromString(self, data: bytes, /) -> T_co:  # noqa: N802
        """The message in ``data``."""


@dataclass(frozen=True, slots=True)
class Method(Generic[T_co]):
    """One remote call: where it is and what it answers."""

    path: str
    reply: MessageType[T_co]


_CONTROL = "/kernel_server.control.v1.Control/"
_MODELS = "/tensorflow.serving.ModelService/"

GET_BATCHING = Method(_CONTROL + "GetBatching", control_pb2.Batching)
REPLACE_BATCHING = Method(_CONTROL + "ReplaceBatching", control_pb2.Batching)
GET_TRAFFIC = Method(_CONTROL + "GetTraffic", control_pb2.Traffic)
REPLACE_SPLIT = Method(_CONTROL + "ReplaceSplit", control_pb2.Traffic)
REPLACE_SHADOW = Method(_CONTROL + "ReplaceShadow", control_pb2.Traffic)
GET_STATISTICS = Method(_CONTROL + "GetStatistics", control_pb2.Statistics)
WATCH_STATISTICS = Method(_CONTROL + "WatchStatistics", control_pb2.Statistics)
GET_MODEL_CONFIG = Method(_CONTROL + "GetModelConfig", control_pb2.ModelConfiguration)
GET_SERVER_INFO = Method(_CONTROL + "GetServerInfo", control_pb2.ServerInfo)
SET_OWNER = Method(_CONTROL + "SetOwner", control_pb2.ServerInfo)
DRAIN = Method(_CONTROL + "Drain", control_pb2.DrainResponse)
STOP = Method(_CONTROL + "Stop", control_pb2.StopResponse)
RELOAD_CONFIG = Method(_MODELS + "HandleReloadConfigRequest", serving_pb2.ReloadConfigResponse)


class Control:
    """A connection to one server. Threads may share it; it connects with the first call."""

    def __init__(self, target: str, token: str | None, timeout: float = 10.0) -> None:
        self._transport = GrpcTransport(target, token)
        self._timeout = timeout

    def call(self, method: Method[T_co], request: Message, timeout: float | None = None) -> T_co:
        """The server's answer.

        Raises :class:`~workbench.errors.RequestFailed` with its error, or after ``timeout`` seconds.
        """
        seconds = self._timeout if timeout is None else timeout
        return method.reply.FromString(
            self._transport.send(method.path, request.SerializeToString(), seconds)
        )

    def watch(self, method: Method[T_co], request: Message) -> Iterator[T_co]:
        """The server's answers, one after the other, until the iterator is closed."""
        for data in self._transport.stream(method.path, request.SerializeToString()):
            yield method.reply.FromString(data)

    def send(self, path: str, body: bytes | None) -> bytes:
        """Bytes to ``path``, the answer as bytes."""
        return self._transport.send(path, body, self._timeout)

    def close(self) -> None:
        """Give the connection back. No call follows."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
