"""GetModelMetadata: the signatures of a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kernel_server.core.servable import ServableId
from kernel_server.core.signature import Signature
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import Models


class MetadataHandler:
    """Answers what a model accepts and gives."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def metadata(self, spec: ModelSpec) -> tuple[ServableId, Mapping[str, Signature]]:
        """The version that ``spec`` means, and its signatures by name; see :meth:`Models.open`.

        Where a split divides the requests, it is the version that most of them go to.
        """
        if spec.version is None and spec.label is None:
            spec = replace(spec, version=self._models.traffic.main_version(spec.name))
        with self._models.open(spec) as handle:
            return handle.id, handle.servable.signatures
