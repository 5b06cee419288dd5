"""Server reflection: what services there are and what their messages look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from kernel_server.rpc.methods import Methods, conversation

SERVICE = reflection.SERVICE_NAME


class ReflectionService:
    """Answers from the descriptors of the given services, with grpcio's own implementation."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._answers: Any = reflection.ReflectionServicer((*names, SERVICE)).ServerReflectionInfo

    def methods(self) -> Methods:
        """The methods by full name."""
        return {f"/{SERVICE}/ServerReflectionInfo": conversation(self.answer, ServerReflectionRequest)}

    def answer(self, request: ServerReflectionRequest) -> Iterable[ServerReflectionResponse]:
        """One answer to each request."""
        answers: Iterable[ServerReflectionResponse] = self._answers(iter([request]), None)
        return answers
