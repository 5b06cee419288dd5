"""What an export wrote, as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from workbench.export.signatures import obstacle_to_batching
from workbench.metadata import Signature, TensorInfo
from workbench.tables import Row, html_table

_COLUMNS = ("Signature", "Inputs", "Outputs", "Batching")
_TEMPLATE = Template((Path(__file__).parents[1] / "templates" / "exported_model.html").read_text())


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """One version on disk, and how a server will present it."""

    path: Path
    """The version's directory."""

    version: int

    signatures: tuple[Signature, ...]
    """How it can be called, the default signature first."""

    warmup_records: int = 0
    """How many requests a server runs while loading it."""

    @property
    def base_path(self) -> Path:
        """The directory of all versions, which is what a server is started on."""
        return self.path.parent

    @property
    def name(self) -> str:
        """What the model is called unless the server is told otherwise."""
        return self.base_path.name

    def __str__(self) -> str:
        lines = [f"{self.name}, version {self.version}: {self.path}"]
        for signature in self.signatures:
            lines += [f"  {signature}", f"    {_batching(signature)}"]
        if self.warmup_records:
            lines.append(f"  warm-up requests: {self.warmup_records}")
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return _TEMPLATE.substitute(
            name=escape(self.name),
            version=self.version,
            path=escape(str(self.path)),
            warmup=f" · warm-up requests: {self.warmup_records}" if self.warmup_records else "",
            signatures=html_table("Signatures", _COLUMNS, map(_row, self.signatures)),
        )


def _batching(signature: Signature) -> str:
    obstacle = obstacle_to_batching(signature)
    return "batchable" if obstacle is None else f"not batchable: {obstacle}"


def _row(signature: Signature) -> Row:
    return signature.name, _listed(signature.inputs), _listed(signature.outputs), _batching(signature)


def _listed(tensors: Mapping[str, TensorInfo]) -> str:
    return ", ".join(f"{name}: {info}" for name, info in tensors.items())
