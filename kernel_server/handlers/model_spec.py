"""Which model, version and signature a request names."""

from __future__ import annotations

from dataclasses import dataclass

from kernel_server.core.signature import DEFAULT_SIGNATURE
from kernel_server.errors import InvalidArgument

_LARGEST_VERSION = 2**63 - 1


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


def parse_version(digits: str) -> int:
    """The version that decimal ``digits`` mean; raises ``InvalidArgument`` for one beyond 64 bits."""
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(_LARGEST_VERSION)) or int(significant) > _LARGEST_VERSION:
        raise InvalidArgument(f"Failed to convert version: {digits} to numeric.")
    return int(significant)
