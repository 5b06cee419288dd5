"""The choice between versions: cheap, in exact proportion, and the same for the same key."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Mapping
from hashlib import blake2b
from itertools import accumulate

TRAFFIC_KEY = b"x-traffic-key"
"""The gRPC metadata or HTTP header whose values are the keys; values are told apart, not understood."""

_BITS = 64
_MASK = (1 << _BITS) - 1
_GOLDEN = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio."""


class Split:
    """Gives each request to one of several versions, by their positive ``weights``.

    Every request is a point between 0 and 1, and every version owns a part of that interval. Points without
    a key are the multiples of the golden ratio modulo 1. Of all sequences they leave the smallest gaps:
    after any number of requests each version has had its share but for a few, and so has every second or
    third request, which may be those of one client. A key's point is its hash, so it stays with its version
    until the shares move away from under it, on this server and on any other.
    """

    __slots__ = ("_ends", "_point", "_requests", "_returned", "_salt", "_versions")

    def __init__(self, model: str, weights: Mapping[int, float], requests: Counter[int]) -> None:
        """``requests`` counts what each version is given; keys fall differently for each ``model``."""
        self._salt = model.encode() + b"\0"
        self._requests = requests
        self._versions = sorted(weights)
        ends = list(accumulate(weights[version] for version in self._versions))
        self._ends = [int(end / ends[-1] * (1 << _BITS)) for end in ends[:-1]]  # the last owns what is left
        self._point = 0
        self._returned: deque[int] = deque()

    def choose(self, key: bytes | None) -> int:
        """The version for the next request, or for one with ``key``."""
        if key is None and self._returned:
            return self._returned.popleft()
        version = self._find(key)
        self._requests[version] += 1
        return version

    def take_back(self, version: int, count: int) -> None:
        """The version has not answered ``count`` requests without a key: the next ones are given to it."""
        if version in self._versions:
            self._returned.extend([version] * count)

    def _find(self, key: bytes | None) -> int:
        if key is None:
            self._point = point = self._point + _GOLDEN & _MASK
        else:
            point = int.from_bytes(blake2b(self._salt + key, digest_size=_BITS // 8).digest())
        return self._versions[bisect_right(self._ends, point)]
