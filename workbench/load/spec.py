"""What the generator is told: one JSON object, from and to a frozen dataclass."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from workbench.errors import InvalidSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """One run of load. Exactly one of ``rate`` (open loop) and ``concurrency`` (closed loop) is given.

    ``target`` is ``host:port`` or ``unix:/path``; ``requests`` the path of a saved
    :class:`~workbench.load.requests.RequestSet`. ``rate`` is requests a second; ``duration``,
    ``warmup`` and ``deadline`` are seconds; ``slo_ms`` is the latency that counts as good enough.
    ``max_in_flight`` bounds the unanswered requests: what is due beyond it is skipped and counted,
    never queued here.
    """

    target: str
    requests: str
    rate: float | None = None
    concurrency: int | None = None
    arrivals: str = "poisson"
    seed: int = 0
    duration: float = 3.0
    warmup: float = 0.5
    deadline: float = 5.0
    max_in_flight: int = 4096
    connections: int = 4
    slo_ms: float | None = None
    tolerance: float = 1e-3
    token: str | None = None

    def __post_init__(self) -> None:
        """Raise :class:`~workbench.errors.InvalidSetting` for values no run can have."""
        if (self.rate is None) == (self.concurrency is None):
            raise InvalidSetting("rate", self.rate, "give either a rate or a concurrency")
        for name in ("rate", "concurrency", "duration", "deadline", "max_in_flight", "connections", "slo_ms"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidSetting(name, value, "it must be positive")
        if self.warmup < 0:
            raise InvalidSetting("warmup", self.warmup, "it must not be negative")

    @property
    def mode(self) -> str:
        """``open`` or ``closed``."""
        return "closed" if self.rate is None else "open"

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LoadSpec:
        """The spec that ``text`` holds.

        Raises :class:`~workbench.errors.InvalidSetting` for anything that is not one.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidSetting("spec", text[:80], f"it is not JSON: {error}") from error
        try:
            return cls(**values)
        except TypeError as error:
            known = ", ".join(field.name for field in fields(cls))
            raise InvalidSetting("spec", text[:80], f"{error}; its fields are {known}") from error
