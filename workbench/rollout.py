"""Which versions are served: load, unload, make one live, roll back.

Done with TensorFlow Serving's own means: the model configuration is read, one model's version policy is set
to ``specific`` versions, and the server is asked to take it. It loads the new before it unloads the old, so
something keeps serving; this module waits for the outcome and puts the former configuration back if it is a
failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

from workbench.control import GET_MODEL_CONFIG, RELOAD_CONFIG, Control
from workbench.errors import (
    ModelNotServed,
    NothingToUndo,
    RequestFailed,
    VersionFailed,
    VersionNotFound,
    VersionTimedOut,
)
from workbench.export.versions import version_directories
from workbench.versions import VersionList, VersionStatus, mark_live
from workbench.wire import control_pb2, serving_pb2
from workbench.wire.calls import ModelRef
from workbench.wire.proto_calls import ProtoCalls

POLL_SECONDS = 0.05

OLD_ERROR_SECONDS = 3.0
"""A version that failed before still shows that error until the server takes the new configuration up, at its
next look at the disk. Unchanged for this long, it is the answer."""


class Rollout:
    """Changes and watches the versions of one server's models."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def models(self) -> dict[str, Path]:
        """The base path of every model the server is configured for, by name."""
        return {entry.name: Path(entry.base_path) for entry in self._configuration().model_config_list.config}

    def choose(self, model: str | None) -> str:
        """``model``, or the only one there is.

        Raises :class:`ModelNotServed` when there is no such model or no way to choose.
        """
        models = tuple(self.models())
        if model in models:
            return str(model)
        if model is None and len(models) == 1:
            return models[0]
        raise ModelNotServed(model, models)

    def versions(self, model: str) -> VersionList:
        """Every version on disk or known to the server, highest first."""
        on_disk = version_directories(self.models()[model])
        known = {status.version: status for status in self._status(model)}
        missing = {version: VersionStatus(version, "UNKNOWN") for version in on_disk if version not in known}
        return mark_live(
            replace(status, on_disk=status.version in on_disk) for status in (known | missing).values()
        )

    def make_live(self, model: str, version: int, timeout: float) -> VersionList:
        """Serve ``version`` and no other; returns when the swap is over.

        Raises :class:`VersionNotFound`, :class:`VersionFailed` with what was live still live, or
        :class:`VersionTimedOut` after ``timeout`` seconds.
        """
        return self._serve(model, {version}, version, timeout)

    def load(self, model: str, versions: Iterable[int], timeout: float) -> VersionList:
        """Serve ``versions`` beside those available now. Raises what :meth:`make_live` does."""
        added = set(versions)
        return self._serve(model, self._available(model) | added, max(added, default=0), timeout)

    def unload(self, model: str, version: int, timeout: float) -> VersionList:
        """Serve ``version`` no longer; requests in flight are answered first."""
        return self._serve(model, self._available(model) - {version}, version, timeout)

    def roll_back(self, model: str, timeout: float) -> VersionList:
        """Make the next lower version on disk live that did not fail to load.

        Raises :class:`NothingToUndo` when there is none.
        """
        statuses = self.versions(model)
        live = next((status.version for status in statuses if status.live), None)
        for status in statuses:
            if status.on_disk and not status.failed and live is not None and status.version < live:
                return self.make_live(model, status.version, timeout)
        raise NothingToUndo(model, "version")

    def _serve(self, model: str, wanted: set[int], version: int, timeout: float) -> VersionList:
        configuration = self._configuration()
        base_path = self.models()[model]
        on_disk = sorted(version_directories(base_path))
        for missing in sorted(wanted.difference(on_disk)):
            raise VersionNotFound(model, missing, on_disk, base_path)
        before = self._status(model)
        self._apply(_with_versions(configuration, model, wanted))
        try:
            self._wait(model, wanted, version, before, timeout)
        except VersionFailed:
            self._apply(configuration)
            raise
        return self.versions(model)

    def _wait(
        self, model: str, wanted: set[int], version: int, before: Iterable[VersionStatus], timeout: float
    ) -> None:
        start = monotonic()
        while True:
            now = self._status(model)
            old_errors = set(before) if monotonic() - start < OLD_ERROR_SECONDS else set()
            for status in now:
                if status.version in wanted and status.failed and status not in old_errors:
                    live = next((other.version for other in now if other.live), None)
                    raise VersionFailed(model, status.version, str(status.error), live)
            if {status.version for status in now if status.available} == wanted and all(
                status.settled for status in now
            ):
                return
            if monotonic() - start > timeout:
                state = next((status.state for status in now if status.version == version), "UNKNOWN")
                raise VersionTimedOut(model, version, timeout, state)
            sleep(POLL_SECONDS)

    def _available(self, model: str) -> set[int]:
        return {status.version for status in self._status(model) if status.available}

    def _status(self, model: str) -> VersionList:
        call = ProtoCalls().status(ModelRef(model))
        try:
            return call.parse(self._control.send(call.path, call.body))
        except RequestFailed as error:
            if error.code == "NOT_FOUND":
                return VersionList()
            raise

    def _configuration(self) -> serving_pb2.ModelServerConfig:
        reply = self._control.call(GET_MODEL_CONFIG, control_pb2.GetModelConfigRequest())
        return serving_pb2.ModelServerConfig.FromString(reply.model_server_config)

    def _apply(self, configuration: serving_pb2.ModelServerConfig) -> None:
        self._control.call(RELOAD_CONFIG, serving_pb2.ReloadConfigRequest(config=configuration))


def _with_versions(
    configuration: serving_pb2.ModelServerConfig, model: str, versions: Iterable[int]
) -> serving_pb2.ModelServerConfig:
    changed = serving_pb2.ModelServerConfig()
    changed.CopyFrom(configuration)
    for entry in changed.model_config_list.config:
        if entry.name == model:
            specific = serving_pb2.VersionPolicy.Specific(versions=sorted(versions))
            entry.model_version_policy.CopyFrom(serving_pb2.VersionPolicy(specific=specific))
    return changed
