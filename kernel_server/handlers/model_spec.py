"""Which model, version and signature a request names."""

from __future__ import annotations

from dataclasses import dataclass

from kernel_server.core.signature import DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """TensorFlow Serving's ``ModelSpec``; of ``version`` and ``label`` at most one is given.

    Without either the highest available version is meant.
    """

    name: str
    version: int | None = None
    label: str | None = None
    signature_name: str = ""

    @property
    def signature(self) -> str:
        """The signature asked for: ``serving_default`` when the request left it open."""
        return self.signature_name or DEFAULT_SIGNATURE
