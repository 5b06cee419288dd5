"""What is the same for every Predict of one signature of one version."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kernel_server.batching.queue import BatchQueue
from kernel_server.core.signature import Signature
from kernel_server.handlers.inputs import check_filter

MOST_FILTERS = 16
"""Output filters of one signature that get a queue of their own, of the 2^n that its outputs allow.

Each costs memory, and time to prepare, for as long as the version is loaded. Answers to any further filter
are picked from all outputs, so that no client can make the server grow by sending new ones.
"""


class Route(NamedTuple):
    """Some outputs of a signature, and the queue whose batches compute them."""

    outputs: tuple[str, ...]
    queue: BatchQueue


class PredictPlan:
    """What is the same for every Predict of one signature: its input types, and its routes.

    ``add_queue`` makes a queue that computes the outputs it is given.
    """

    def __init__(self, signature: Signature, add_queue: Callable[[tuple[str, ...]], BatchQueue]) -> None:
        self.signature = signature
        self.dtypes = [spec.dtype.numpy for spec in signature.inputs.values()]
        self._add_queue = add_queue
        self._routes: dict[tuple[str, ...], Route] = {}

    @property
    def queues(self) -> list[BatchQueue]:
        """The queues that requests have needed so far."""
        return [route.queue for route in self._routes.values()]

    def route(self, output_filter: tuple[str, ...]) -> Route:
        """The way to at least these outputs, to all if none is named.

        Raises ``UnknownOutput`` or ``DuplicateOutput``.
        """
        return self._routes.get(output_filter) or self._find_route(output_filter)

    def _find_route(self, output_filter: tuple[str, ...]) -> Route:
        """Filters of the same outputs share a route, whatever their order; that of all outputs is ``()``."""
        check_filter(self.signature, output_filter)
        known = tuple(self.signature.outputs)
        outputs = tuple(name for name in known if name in output_filter)
        if outputs == known or (outputs not in self._routes and len(self._routes) >= MOST_FILTERS):
            outputs = ()
        route = self._routes.get(outputs)
        if route is None:
            route = self._routes[outputs] = Route(outputs or known, self._add_queue(outputs or known))
        return route
