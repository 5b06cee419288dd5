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
from workbench.export.model import ExportedModel, export_model
from workbench.export.signature import Signature, TensorInfo
from workbench.export.versions import version_directories

__all__ = [
    "ExportedModel",
    "ExportError",
    "NoServingSignature",
    "NotBatchable",
    "NotExportable",
    "Signature",
    "TensorInfo",
    "VersionExists",
    "WarmupRefused",
    "export_model",
    "version_directories",
]
