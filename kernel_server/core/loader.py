"""How a servable comes into being: one loader per version, made by a factory from its folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from kernel_server.core.servable import Servable, ServableId


class Loader(ABC):
    """Knows how to load one version; making it costs nothing, loading it may take minutes.

    Unloading is the servable's own :meth:`~kernel_server.core.servable.Servable.close`.
    """

    @abstractmethod
    def load(self) -> Servable:
        """Load and return the servable, ready to answer.

        Blocks; runs on a load thread, and again only after it raised. Raises a
        :class:`~kernel_server.errors.ServingError` that says what is wrong with the version.
        """

    def resource_estimate(self) -> int:
        """Main memory in bytes that the servable will need at most; 0 when unknown."""
        return 0


LoaderFactory = Callable[[ServableId, Path], Loader]
"""Makes the loader of a version that lies in the given folder."""
