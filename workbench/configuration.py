"""What a server is started with: checked, comparable, and kept on disk for restart."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from google.protobuf import text_format

from workbench.batching import BatchingParameters
from workbench.errors import InvalidSetting
from workbench.export.versions import version_directories
from workbench.home import ServerFolder, write_private
from workbench.lifetime import Lifetime
from workbench.wire import serving_pb2

Models = str | Path | Mapping[str, str | Path]
Batching = BatchingParameters | Mapping[str, Any] | Literal[False] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that makes one server differ from another. Times are in seconds."""

    models: Mapping[str, str]
    """Absolute base path by model name."""

    batching: BatchingParameters | None
    """``None``: every request runs alone."""

    lifetime: Lifetime
    owner_timeout: float

    idle_timeout: float
    """0: never."""

    device: str
    tcp: bool
    rest: bool
    platform: str = "tensorflow"
    """``model_platform`` of all models."""

    flags: Mapping[str, str] = field(default_factory=dict)
    """Further flags of ``kernel-server``, which win over the others."""

    python: str = sys.executable

    @classmethod
    def of(
        cls,
        models: Models,
        *,
        batching: Batching,
        idle_timeout: float | None,
        flags: Mapping[str, object],
        **others: Any,
    ) -> Configuration:
        """The configuration that ``Server.start`` was asked for.

        Raises :class:`InvalidSetting` for a model folder that cannot be served or an unknown batching field.
        """
        return cls(
            models=_model_paths(models),
            batching=None if batching is False else BatchingParameters.of(batching),
            idle_timeout=idle_timeout or 0.0,
            flags={name: _flag_text(value) for name, value in sorted(flags.items())},
            **others,
        )

    @property
    def default_name(self) -> str:
        """The model's name, or the names of all, as a name for the server."""
        joined = "-".join(self.models)
        return re.sub(r"[^A-Za-z0-9._-]+", "-", joined).strip("-._")[:64] or "server"

    @property
    def fingerprint(self) -> str:
        """A digest that is equal for equal configurations."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def differences(self, other: Configuration) -> dict[str, tuple[object, object]]:
        """What ``self`` and ``other`` have, by the name of every field in which they differ."""
        pairs = {
            field.name: (getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def to_json(self) -> str:
        """The same as JSON text."""
        return json.dumps(asdict(self), sort_keys=True, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """The configuration in ``text``. Raises ``ValueError`` or ``TypeError`` when there is none."""
        content = json.loads(text)
        if content["batching"] is not None:
            content["batching"] = BatchingParameters.of(content["batching"])
        return cls(**content)

    def save(self, folder: ServerFolder) -> None:
        """Write it, and the files that the server reads, into ``folder``."""
        write_private(folder.configuration, self.to_json())
        write_private(folder.models, _models_text(self.models, self.platform))
        if self.batching is not None:
            write_private(folder.batching, self.batching.to_text())


def saved_configuration(folder: ServerFolder) -> Configuration | None:
    """What the server in ``folder`` was last started with; ``None`` when that is not known."""
    try:
        return Configuration.from_json(folder.configuration.read_text())
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _model_paths(models: Models) -> dict[str, str]:
    named = models if isinstance(models, Mapping) else {Path(models).expanduser().absolute().name: models}
    if not named:
        raise InvalidSetting("models", {}, "name at least one model")
    return {name: str(_base_path(name, Path(path))) for name, path in named.items()}


def _base_path(name: str, path: Path) -> Path:
    """``path`` made absolute. A server would wait for ever for a base path without versions."""
    base = path.expanduser().absolute()
    if (base / "saved_model.pb").exists():
        raise InvalidSetting(
            "models", str(path), f"this is a version; give the folder above it, {base.parent}"
        )
    if not base.is_dir():
        raise InvalidSetting("models", str(path), f"there is no such folder; export model '{name}' first")
    if not version_directories(base):
        raise InvalidSetting(
            "models", str(path), "it holds no version: a folder named by a number, such as 1"
        )
    return base


def _flag_text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _models_text(models: Mapping[str, str], platform: str) -> str:
    entries = [
        serving_pb2.ModelConfig(name=name, base_path=path, model_platform=platform)
        for name, path in models.items()
    ]
    configuration = serving_pb2.ModelServerConfig(
        model_config_list=serving_pb2.ModelConfigList(config=entries)
    )
    return text_format.MessageToString(configuration)
