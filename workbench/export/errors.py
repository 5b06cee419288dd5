"""Why an export was refused.

WorkbenchError
└── ExportError
    ├── NoServingSignature   nothing a server could call
    ├── NotBatchable         batched=True, yet requests could not share a batch
    ├── NotExportable        TensorFlow cannot write this model
    ├── VersionExists        the version asked for is on disk already
    └── WarmupRefused        a warm-up record that would make every load fail
"""

from __future__ import annotations

from pathlib import Path

from workbench.errors import WorkbenchError


class ExportError(WorkbenchError):
    """No version was written; the model directory is as it was before."""


class NoServingSignature(ExportError):
    """The model does not say what a server is to call, or with which inputs."""

    def __init__(self, subject: str, remedy: str) -> None:
        super().__init__(f"{subject}, so a server would have nothing to call. {remedy}")


class NotBatchable(ExportError):
    """``batched=True``, but a signature's shapes forbid joining requests along dimension 0."""

    def __init__(self, signature: str, obstacle: str) -> None:
        super().__init__(
            f"Requests to signature '{signature}' cannot share a batch: {obstacle}. Declare the first "
            "dimension as None in the input signature and keep it in every output, e.g. "
            "tf.TensorSpec([None, 28, 28]); or pass batched=False to serve one request at a time."
        )
        self.signature = signature
        self.obstacle = obstacle


class NotExportable(ExportError):
    """TensorFlow refused to trace or to save the model."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")


class VersionExists(ExportError):
    """A numbered version is never replaced unless the caller says so."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Version {int(path.name)} exists already: {path}. Leave 'version' out to get the next free "
            "number, or pass overwrite=True (a server that has it loaded keeps the old one)."
        )
        self.path = path


class WarmupRefused(ExportError):
    """A record that fails here would fail in the server too, and there it fails the whole load."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"Warm-up record {index} does not run: {reason}")
        self.index = index
