"""From a model in a notebook to a version that a server can load."""

from __future__ import annotations

from workbench.export.errors import (
    ExportError,
    NoServingSignature,
    NotBatchable,
    NotExportable,
    VersionExists,
    WarmupRefused,
)
from workbench.export.model import export_model
from workbench.export.result import ExportedModel
from workbench.export.signatures import obstacle_to_batching
from workbench.export.versions import version_directories

__all__ = [
    "ExportedModel",
    "ExportError",
    "NoServingSignature",
    "NotBatchable",
    "NotExportable",
    "VersionExists",
    "WarmupRefused",
    "export_model",
    "obstacle_to_batching",
    "version_directories",
]
