"""Asking a model: predict, status, metadata, over gRPC or REST, sync or async.

What to ask is decided in one place, as generators that yield calls and receive answers
(:class:`_Conversation`); the two clients differ only in how they wait.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from google.protobuf.message import DecodeError

from workbench.errors import InvalidSetting, RequestFailed
from workbench.metadata import DEFAULT_SIGNATURE, ModelMetadata, Signature
from workbench.tensors import to_arrays, to_result
from workbench.transport.addresses import is_http
from workbench.transport.base import AsyncTransport, Transport
from workbench.transport.headers import Headers, traffic_headers
from workbench.transport.over_grpc import AsyncGrpcTransport, GrpcTransport
from workbench.transport.over_http import AsyncHttpTransport, HttpTransport
from workbench.versions import VersionList
from workbench.wire.calls import Call, Calls, ModelRef
from workbench.wire.json_calls import JsonCalls
from workbench.wire.proto_calls import ProtoCalls

T = TypeVar("T")
Steps = Generator[Call[Any], Any, T]
"""Yields calls, is sent their parsed answers, returns the result."""


class Client:
    """A connection to a TensorFlow-Serving-compatible server, ours or any other.

    ``target`` is ``host:port`` or ``unix:/path`` for gRPC, ``http://host:port`` for REST. ``timeout`` is in
    seconds and holds for every call that names none. Threads may share a client::

        with Client("127.0.0.1:8500") as client:
            client.predict("digits", images)

    Raises :class:`InvalidSetting` for a target that is no address; connects with the first call.
    """

    def __init__(self, target: str, *, token: str | None = None, timeout: float = 10.0) -> None:
        self.target = target
        self.timeout = timeout
        self._conversation = _Conversation(JsonCalls() if is_http(target) else ProtoCalls())
        self._transport: Transport = (HttpTransport if is_http(target) else GrpcTransport)(target, token)

    def predict(
        self,
        model: str,
        inputs: Any,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = "",
        output_filter: Sequence[str] = (),
        traffic_key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """What ``model`` answers to ``inputs``.

        ``inputs`` is one array (or nested lists), a mapping from input names to arrays, or a pandas data
        frame. Numbers are converted to the element type that the signature declares where no integer
        changes thereby. Returns the array when there is one output, else a dictionary by name; a data frame
        gets a data frame back where the outputs have its rows. Strings come back as ``bytes``; arrays may be
        read-only.

        Without ``version`` or ``label`` the highest available version answers, or where traffic is divided
        one of its versions: always the same for the same ``traffic_key``, such as the name of a user. An
        empty ``signature`` means ``serving_default``, an empty ``output_filter`` all outputs. Raises
        :class:`RequestFailed` with the server's error, or ``DEADLINE_EXCEEDED`` after ``timeout`` seconds.
        """
        ref = ModelRef(model, version, label)
        steps = self._conversation.predict(ref, inputs, signature, output_filter)
        return self._run(steps, timeout, traffic_headers(traffic_key))

    def status(self, model: str, *, timeout: float | None = None) -> VersionList:
        """Every version the server has seen, highest first. Raises :class:`RequestFailed`."""
        return self._run(self._conversation.status(ModelRef(model)), timeout)

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> ModelMetadata:
        """The signatures of a version, by default the live one. Raises :class:`RequestFailed`."""
        return self._run(self._conversation.metadata(ModelRef(model, version, label)), timeout)

    def close(self) -> None:
        """Give the connection back. No call follows."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.target!r})"

    def _run(self, steps: Steps[T], timeout: float | None, headers: Headers = ()) -> T:
        deadline = monotonic() + (self.timeout if timeout is None else timeout)
        try:
            call = next(steps)
            while True:
                try:
                    data = self._transport.send(call.path, call.body, _remaining(deadline), headers)
                except RequestFailed as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(_parsed(call, data))
        except StopIteration as done:
            result: T = done.value
            return result


class AsyncClient:
    """:class:`Client` for ``async`` code: the same calls, awaited, in one event loop."""

    def __init__(self, target: str, *, token: str | None = None, timeout: float = 10.0) -> None:
        self.target = target
        self.timeout = timeout
        self._conversation = _Conversation(JsonCalls() if is_http(target) else ProtoCalls())
        self._transport: AsyncTransport = (AsyncHttpTransport if is_http(target) else AsyncGrpcTransport)(
            target, token
        )

    async def predict(
        self,
        model: str,
        inputs: Any,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = "",
        output_filter: Sequence[str] = (),
        traffic_key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """What ``model`` answers to ``inputs``; see :meth:`Client.predict`."""
        ref = ModelRef(model, version, label)
        steps = self._conversation.predict(ref, inputs, signature, output_filter)
        return await self._run(steps, timeout, traffic_headers(traffic_key))

    async def status(self, model: str, *, timeout: float | None = None) -> VersionList:
        """Every version the server has seen, highest first. Raises :class:`RequestFailed`."""
        return await self._run(self._conversation.status(ModelRef(model)), timeout)

    async def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> ModelMetadata:
        """The signatures of a version, by default the live one. Raises :class:`RequestFailed`."""
        return await self._run(self._conversation.metadata(ModelRef(model, version, label)), timeout)

    async def close(self) -> None:
        """Give the connection back. No call follows."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.target!r})"

    async def _run(self, steps: Steps[T], timeout: float | None, headers: Headers = ()) -> T:
        deadline = monotonic() + (self.timeout if timeout is None else timeout)
        try:
            call = next(steps)
            while True:
                try:
                    data = await self._transport.send(call.path, call.body, _remaining(deadline), headers)
                except RequestFailed as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(_parsed(call, data))
        except StopIteration as done:
            result: T = done.value
            return result


class _Conversation:
    """What to ask, in which order; knows nothing of waiting. Keeps the signatures it was told."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._known: dict[ModelRef, ModelMetadata] = {}

    def predict(self, ref: ModelRef, inputs: Any, name: str, output_filter: Sequence[str]) -> Steps[Any]:
        signature = yield from self._signature(ref, name or DEFAULT_SIGNATURE)
        arrays = to_arrays(inputs, signature)
        try:
            outputs: Mapping[str, Any] = yield self._calls.predict(ref, signature, arrays, output_filter)
        except RequestFailed:
            # Another version with other signatures may be live by now.
            self._known.pop(ref, None)
            raise
        return to_result(outputs, inputs)

    def status(self, ref: ModelRef) -> Steps[VersionList]:
        statuses: VersionList = yield self._calls.status(ref)
        return statuses

    def metadata(self, ref: ModelRef) -> Steps[ModelMetadata]:
        metadata: ModelMetadata = yield self._calls.metadata(ref)
        self._known[ref] = metadata
        return metadata

    def _signature(self, ref: ModelRef, name: str) -> Steps[Signature]:
        metadata = self._known.get(ref) or (yield from self.metadata(ref))
        if name not in metadata.signatures:
            self._known.pop(ref, None)
            raise InvalidSetting("signature", name, f"the model has: {', '.join(metadata.signatures)}")
        return metadata.signatures[name]


def _remaining(deadline: float) -> float:
    """Seconds until ``deadline``, at least one millisecond: transports refuse what is not positive."""
    return max(deadline - monotonic(), 0.001)


def _parsed(call: Call[T], data: bytes) -> T:
    try:
        return call.parse(data)
    except (DecodeError, ValueError, KeyError, TypeError) as error:
        raise RequestFailed("INTERNAL", f"the answer cannot be read: {error!r}") from error
