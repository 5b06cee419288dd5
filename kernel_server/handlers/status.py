"""GetModelStatus: the state of every version that was ever aspired."""

from __future__ import annotations

from kernel_server.core.state import StateMonitor, VersionState
from kernel_server.errors import NotFound
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import MissingModelName


class ModelNotFound(NotFound):
    """Nothing is known of the model, or of the version."""

    def __init__(self, name: str, version: int | None, known: tuple[str, ...]) -> None:
        if version is None:
            text = f"Could not find any versions of model {name}"
        else:
            text = f"Could not find version {version} of model {name}"
        hint = "" if name in known else f". Known models: {', '.join(known) or 'none'}"
        super().__init__(text + hint)


class StatusHandler:
    """Answers from the state monitor; works while the server drains."""

    def __init__(self, monitor: StateMonitor) -> None:
        self._monitor = monitor

    def model_status(self, spec: ModelSpec) -> list[VersionState]:
        """The versions of a model, highest first, ended ones included; or the one asked for.

        A label is ignored, as in TensorFlow Serving. Raises :class:`ModelNotFound`.
        """
        if not spec.name:
            raise MissingModelName
        states = self._monitor.versions(spec.name)
        if spec.version is not None:
            states = [state for state in states if state.id.version == spec.version]
        if not states:
            raise ModelNotFound(spec.name, spec.version, self._monitor.names())
        return states
