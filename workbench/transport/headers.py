"""What goes along with a call: headers in HTTP, metadata in gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from string import punctuation
from urllib.parse import quote

Headers = Sequence[tuple[str, str]]
"""Names, in lower case, and values."""


def traffic_headers(key: str | None) -> Headers:
    """Have requests with the same ``key`` answered by the same version where traffic is divided.

    What is not a visible ASCII character is percent-encoded, for headers cannot carry it.
    """
    return () if key is None else (("x-traffic-key", quote(key, safe=punctuation)),)
