"""Platform ``tensorflow``: a SavedModel, or else what the files in the version folder say.

A folder with ``saved_model.pb`` is a SavedModel, whatever else it holds; except that, with
``--prefer_tflite_model``, one with ``model.tflite`` is a TFLite model. In one without, the first file of
:data:`PLATFORMS` that is there tells the platform. Each can also be named as ``model_platform``; platform
``python`` must be: see :mod:`.python`.
"""

from __future__ import annotations

from pathlib import Path

from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Servable, ServableId
from kernel_server.servables import saved_model
from kernel_server.servables.platforms import Platforms
from kernel_server.settings import Settings

TFLITE = {"model.tflite": "tflite"}
PLATFORMS = {
    "chain.json": "chain",
    "model.onnx": "onnx",
    "model.skops": "sklearn",
    **TFLITE,
    "embeddings.npy": "embeddings",
    "hashmap.csv": "hashmap",
    "vocabulary.txt": "vocabulary",
}
"""The platform of a folder without a SavedModel, by a file in it."""


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``tensorflow``; raises when the device is not there."""
    saved_models, others = saved_model.platform(settings), Platforms(settings)

    def choose(servable: ServableId, folder: Path) -> Loader:
        kind = _kind(folder, settings.prefer_tflite_model)
        factory = others.require(servable.name, kind) if kind else saved_models
        return factory(servable, folder)

    return lambda servable, folder: LoaderByContent(servable, folder, choose)


class LoaderByContent(Loader):
    """Does what the loader of the right kind does; looks into the folder no earlier than it is asked."""

    def __init__(self, servable: ServableId, folder: Path, choose: LoaderFactory) -> None:
        self._id = servable
        self._folder = folder
        self._choose = choose

    def resource_estimate(self) -> int:
        """That of the kind."""
        return self._choose(self._id, self._folder).resource_estimate()

    def load(self) -> Servable:
        """Load; raises what the loader of the kind and :meth:`Platforms.require` raise."""
        return self._choose(self._id, self._folder).load()


def _kind(folder: Path, prefer_tflite: bool) -> str | None:
    """The platform of what is no SavedModel; ``None`` for SavedModels and for folders without any model."""
    preferred = TFLITE if prefer_tflite else {}
    kinds: dict[str, str | None] = {**preferred, **dict.fromkeys(saved_model.SAVED_MODEL_FILES), **PLATFORMS}
    return next((kind for name, kind in kinds.items() if (folder / name).is_file()), None)
