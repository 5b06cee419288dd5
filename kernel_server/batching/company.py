"""Whether a request that is alone may have company soon: a lone client must not pay for others' absence."""

from __future__ import annotations

_FORGETTING = 15 / 16
"""What a batch leaves of the company that an earlier one had."""

_TWO = 2.0


class Company:
    """Remembers for some dozens of batches how many requests were there at once.

    Before the first batch nothing is known, so company is expected.
    """

    def __init__(self) -> None:
        self._lately = _TWO

    def note(self, in_flight: int) -> None:
        """A batch leaves while ``in_flight`` requests are unanswered, its own included."""
        self._lately = max(in_flight, self._lately * _FORGETTING)

    def is_complete(self, in_flight: int) -> bool:
        """Whether there is one request, and lately there was never more than one."""
        return in_flight == 1 and self._lately < _TWO
