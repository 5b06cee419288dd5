"""Which parameters batch which model, and their replacement while requests flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.core.servable import ServableId

if TYPE_CHECKING:
    from kernel_server.batching.queue import BatchQueue


class ModelBatching:
    """How a model is batched now, shared by the queues of its versions and signatures.

    A version that came with parameters of its own has one for itself.
    """

    def __init__(self, parameters: BatchingParameters, enabled: bool, generation: int = 1) -> None:
        self.parameters = parameters
        self.enabled = enabled
        self.generation = generation
        self.running = 0
        self.queues: list[BatchQueue] = []


class ModelBatchings:
    """The batching of every model, which starts with the ``defaults``. Event-loop thread only."""

    def __init__(self, defaults: BatchingParameters, enabled: bool) -> None:
        self._defaults = defaults
        self._enabled = enabled
        self._models: dict[str, ModelBatching] = {}
        self._versions: dict[ServableId, ModelBatching] = {}

    def __iter__(self) -> Iterator[ModelBatching]:
        return chain(self._models.values(), self._versions.values())

    @property
    def num_threads(self) -> int:
        """Batches that may run at once when the most generous parameters are used up."""
        allowed = (batching.parameters.num_batch_threads for batching in self)
        return max(allowed, default=self._defaults.num_batch_threads)

    def of_version(self, servable: ServableId) -> ModelBatching:
        """What batches a version."""
        return self._versions.get(servable) or self._of_name(servable.name)

    def of_model(self, name: str) -> ModelBatching:
        """What batches a model; where versions have parameters of their own, the highest of them."""
        highest = max((servable for servable in self._versions if servable.name == name), default=None)
        return self._of_name(name) if highest is None else self._versions[highest]

    def adopt(self, servable: ServableId, parameters: BatchingParameters | None) -> None:
        """Batch a version by parameters of its own, or not at all if it has none, until they are replaced.

        Threads are shared, so their number and name stay those of the defaults. A version that follows
        another counts as a replacement, so that the generation of a model never falls.
        """
        known = servable.name in self._models
        model = self._of_name(servable.name)
        model.generation += int(known)
        own = replace(
            parameters or self._defaults,
            num_batch_threads=self._defaults.num_batch_threads,
            thread_pool_name=self._defaults.thread_pool_name,
        )
        self._versions[servable] = ModelBatching(own, parameters is not None, model.generation)

    def forget(self, servable: ServableId) -> None:
        """Drop what a version brought along."""
        self._versions.pop(servable, None)

    def replace(self, name: str, parameters: BatchingParameters, enabled: bool) -> list[ModelBatching]:
        """Put ``parameters`` in force for all present versions of a model, and count a generation."""
        own = [batching for servable, batching in self._versions.items() if servable.name == name]
        changed = [self._of_name(name), *own]
        generation = self._of_name(name).generation + 1
        for batching in changed:
            batching.parameters, batching.enabled, batching.generation = parameters, enabled, generation
        return changed

    def _of_name(self, name: str) -> ModelBatching:
        found = self._models.get(name)
        if found is None:
            found = self._models[name] = ModelBatching(self._defaults, self._enabled)
        return found
