"""One call to a server, apart from how it travels: where to, what, and how to read the answer.

Both protocols build such calls and every transport sends them, so nothing is written twice for
sync and async.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from workbench.metadata import ModelMetadata, Signature
from workbench.versions import VersionList
from workbench.wire.codec import Array

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model and which of its versions; with neither version nor label the highest available."""

    model: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """``body`` goes to ``path``; ``parse`` reads the answer. Without a body it is a plain retrieval."""

    path: str
    body: bytes | None
    parse: Callable[[bytes], T_co]


class Calls(Protocol):
    """The calls of one protocol."""

    def predict(
        self,
        ref: ModelRef,
        signature: Signature,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str],
    ) -> Call[Mapping[str, Array]]:
        """Run ``signature`` on ``inputs``; an empty filter asks for all outputs."""

    def status(self, ref: ModelRef) -> Call[VersionList]:
        """The state of every version, or of the one asked for."""

    def metadata(self, ref: ModelRef) -> Call[ModelMetadata]:
        """The signatures."""
