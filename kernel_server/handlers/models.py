"""From a request's model spec to a borrowed servable."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from kernel_server.core.handle import ServableHandle
from kernel_server.core.manager import Manager, ServableNotFound
from kernel_server.core.servable import ServableId
from kernel_server.errors import InvalidArgument, ServingError, Unavailable
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.traffic.traffic import Traffic


class MissingModelName(InvalidArgument):
    """The request names no model."""

    def __init__(self) -> None:
        super().__init__("ModelSpec has no name specified.")


class UnknownLabel(InvalidArgument):
    """The model has no such version label."""

    def __init__(self, label: str, known: Mapping[str, int]) -> None:
        super().__init__(f"Unrecognized servable version label: {label}")
        self.known = known


class ServerDraining(Unavailable):
    """The server finishes what it has and takes nothing new."""

    def __init__(self) -> None:
        super().__init__("The server is draining before it stops; send the request to another one.")


class Part(NamedTuple):
    """Of several requests the ``places`` of those that a version answers; ``split`` if traffic is divided."""

    handle: ServableHandle
    places: Sequence[int]
    split: bool


class Models:
    """Resolves names, versions and labels; knows when the last request came.

    :meth:`open` runs once per request on the event loop's thread. ``traffic`` decides for requests that name
    neither a version nor a label.
    """

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._labels: dict[str, dict[str, int]] = {}
        self.traffic = Traffic(manager, self.labels)
        self.draining = False
        self.last_request = time.monotonic()

    def open(self, spec: ModelSpec, key: bytes | None = None) -> ServableHandle:
        """Borrow the version that ``spec`` means; requests with one ``key`` stay with one arm of a split.

        Raises :class:`MissingModelName`, :class:`UnknownLabel`, ``ServableNotFound`` with what there is
        instead, or :class:`ServerDraining`.
        """
        self.last_request = time.monotonic()
        if self.draining:
            raise ServerDraining
        if not spec.name:
            raise MissingModelName
        version = spec.version if spec.label is None else self._version_of_label(spec.name, spec.label)
        try:
            if version is None and self.traffic.models:
                return self._open_routed(spec.name, key)
            return self._manager.handle(spec.name, version)
        except ServableNotFound as error:
            raise self._with_alternatives(error, spec.label) from None

    def open_together(self, spec: ModelSpec, count: int) -> list[Part]:
        """Borrow the versions for ``count`` requests without a key; raises what :meth:`open` raises.

        A part whose requests are asked one by one after all goes to :meth:`take_back`.
        """
        shares: Mapping[int, Sequence[int]] = {}
        if spec.version is None and spec.label is None and self.traffic.models:
            shares = self.traffic.route_together(spec.name, count)
        if not shares:
            return [Part(self.open(spec), range(count), split=False)]
        parts: list[Part] = []
        try:
            for version, places in shares.items():
                parts.append(Part(self.open(replace(spec, version=version)), places, split=True))
        except ServingError:  # one has just been unloaded, or the server drains
            for part in parts:
                part.handle.release()
            for version, places in shares.items():
                self.traffic.take_back(ServableId(spec.name, version), len(places))
            raise
        return parts

    def take_back(self, part: Part) -> None:
        """Release the version, which has not answered these requests."""
        part.handle.release()
        if part.split:
            self.traffic.take_back(part.handle.id, len(part.places))

    def replace_labels(self, labels: Mapping[str, Mapping[str, int]]) -> None:
        """Replace the labels of all models at once."""
        self._labels = {name: dict(versions) for name, versions in labels.items()}
        self.traffic.unsettle()

    def labels(self, name: str) -> Mapping[str, int]:
        """The labels of a model, by name."""
        return self._labels.get(name, {})

    def _open_routed(self, name: str, key: bytes | None) -> ServableHandle:
        while (version := self.traffic.route(name, key)) is not None:
            try:
                return self._manager.handle(name, version)
            except ServableNotFound:  # unloaded since, so that it is not chosen again
                continue
        return self._manager.handle(name)

    def _version_of_label(self, name: str, label: str) -> int:
        labels = self.labels(name)
        if label not in labels:
            raise UnknownLabel(label, labels)
        return labels[label]

    def _with_alternatives(self, error: ServableNotFound, label: str | None) -> ServableNotFound:
        hints = [error.message, self._alternatives(error)]
        if label is not None and error.version is not None:
            state = self._state_text(error.name, error.version)
            hints.insert(1, f"Label {label} waits for version {error.version}, which {state}")
        return error.reworded(". ".join(hints) + ".")

    def _alternatives(self, error: ServableNotFound) -> str:
        versions = self._manager.available(error.name)
        if versions:
            return f"Available versions of {error.name}: {', '.join(map(str, versions))}"
        latest = next(iter(self._manager.monitor.versions(error.name)), None)
        if latest is not None:
            version = latest.id.version
            return f"{error.name} version {version} {self._state_text(error.name, version)}"
        return f"Available models: {', '.join(self._manager.names()) or 'none'}"

    def _state_text(self, name: str, version: int) -> str:
        for state in self._manager.monitor.versions(name):
            if state.id.version == version:
                return f"is {state.state.name}" + (f": {state.error.message}" if state.error else "")
        return "has not appeared"
