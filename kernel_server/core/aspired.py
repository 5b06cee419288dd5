"""A version that should exist, as a source asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from kernel_server.core.loader import Loader
from kernel_server.core.servable import ServableId
from kernel_server.errors import ServingError


@dataclass(frozen=True, slots=True)
class Aspired:
    """A version with its loader, or with the error that kept one from being made."""

    id: ServableId
    loader: Loader | ServingError
