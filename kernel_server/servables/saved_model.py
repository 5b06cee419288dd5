"""SavedModels of TensorFlow 1 and 2, loaded and run as TensorFlow Serving does it: in a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Runner, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from kernel_server.errors import DataLoss, InvalidArgument, NotFound
from kernel_server.giving_way import giving_way
from kernel_server.servables.meta_graph_pb2 import MetaGraph
from kernel_server.servables.tensorflow_device import session_config
from kernel_server.servables.tensorflow_errors import tensorflow_errors
from kernel_server.servables.tensorflow_session import Session, prepare_threads
from kernel_server.servables.tensorflow_variables import VALUES, initialize_remaining_variables
from kernel_server.settings import Settings

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
RESOURCE_FACTOR = 1.2
"""TensorFlow Serving's estimate: a loaded model needs this many times the size of its files."""


class CorruptSavedModel(DataLoss):
    """The files of a version are no SavedModel, or not all of it."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"Could not load SavedModel {directory}: {reason}. Export the version again.")


class MissingValues(NotFound):
    """A version comes without the values of its variables."""

    def __init__(self, index: Path) -> None:
        super().__init__(
            f"Could not find the values of the variables: there is no {index}. Copy all of the export."
        )


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``tensorflow``; raises when the device is not there."""
    tf.get_logger().setLevel("ERROR")
    config = session_config(settings)
    prepare_threads(config)
    return lambda servable_id, directory: SavedModelLoader(directory, settings.model_tags, config)


class SavedModelLoader(Loader):
    """Loads one version folder into a session of its own."""

    def __init__(self, directory: Path, tags: Sequence[str], config: config_pb2.ConfigProto) -> None:
        self._directory = directory
        self._tags = list(tags)
        self._config = config

    def resource_estimate(self) -> int:
        """TensorFlow Serving's estimate: 1.2 times the size of the files."""
        sizes = (file.stat().st_size for file in self._directory.rglob("*") if file.is_file())
        return int(RESOURCE_FACTOR * sum(sizes))

    def load(self) -> Servable:
        """Load graph and variables, run the initialisers, give every variable its value.

        Raises ``NotFound`` without a SavedModel, its tags or its values, and ``DataLoss`` when its files are
        corrupt.
        """
        if not any((self._directory / name).is_file() for name in SAVED_MODEL_FILES):
            raise NotFound(
                "Could not find SavedModel .pb or .pbtxt at supplied export directory path: "
                f"{self._directory}. Check that the version folder holds a complete export."
            )
        try:
            with tensorflow_errors():
                return self._load()
        except (DataLoss, InvalidArgument) as error:
            raise CorruptSavedModel(self._directory, error.message) from error

    def _load(self) -> Servable:
        session = Session(self._directory, self._tags, self._config)
        try:
            meta_graph = MetaGraph.FromString(session.meta_graph)
            self._check_values(meta_graph)
            initialize_remaining_variables(session, meta_graph, self._directory)
            model = SavedModel(session, meta_graph)
            _prepare_default(model)
            return model
        except BaseException:
            session.close()
            raise

    def _check_values(self, meta_graph: MetaGraph) -> None:
        """A graph that restores values needs them; TensorFlow itself says so when they are first read."""
        index = self._directory / VALUES.with_suffix(".index")
        if meta_graph.saver_def.restore_op_name and not index.is_file():
            raise MissingValues(index)


class SavedModel(Servable):
    """A loaded SavedModel; sessions run from many threads at once."""

    def __init__(self, session: Session, meta_graph: MetaGraph) -> None:
        self._session = session
        self._signatures = {
            name: signature_from_proto(name, definition)
            for name, definition in meta_graph.signature_def.items()
        }
        self._runners: dict[tuple[str, tuple[str, ...]], Runner] = {}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Every signature of the meta graph, the initialiser's pseudo-signature included."""
        return self._signatures

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        """A prepared session call, the same one each time; see :meth:`Servable.runner`."""
        key = signature, tuple(outputs)
        if key not in self._runners:
            self._runners[key] = self._make_runner(signature, outputs)
        return self._runners[key]

    def joint_runner(self, outputs: Mapping[str, Sequence[str]]) -> Runner:
        """One session call for all signatures, whatever tensors their inputs are."""
        specs = [self._signatures[signature] for signature in outputs]
        feeds = sorted({tensor.tensor_name for spec in specs for tensor in spec.inputs.values()})
        fetches = [spec.outputs[name].tensor_name for spec in specs for name in outputs[spec.name]]
        run = self._session.runner(feeds, fetches)
        return lambda inputs: run([inputs[0]] * len(feeds))

    def _make_runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        spec = self._signatures[signature]
        feeds = [tensor.tensor_name for tensor in spec.inputs.values()]
        return self._session.runner(feeds, [spec.outputs[name].tensor_name for name in outputs])

    def close(self) -> None:
        """End the session, which frees its variables, and its graph."""
        self._session.close()


def _prepare_default(model: SavedModel) -> None:
    """Optimise the graph, for which a first request would pay."""
    default = model.signatures.get(DEFAULT_SIGNATURE)
    if default is not None:
        giving_way(lambda: model.runner(DEFAULT_SIGNATURE, tuple(default.outputs)))


def signature_from_proto(name: str, definition: meta_graph_pb2.SignatureDef) -> Signature:
    """One ``SignatureDef`` as a :class:`Signature`."""
    return Signature(
        name=name,
        inputs={key: _spec(info) for key, info in sorted(definition.inputs.items())},
        outputs={key: _spec(info) for key, info in sorted(definition.outputs.items())},
        method_name=definition.method_name,
        defaults={key: tf.make_ndarray(proto) for key, proto in definition.defaults.items()},
    )


def _spec(info: meta_graph_pb2.TensorInfo) -> TensorSpec:
    shape = info.tensor_shape
    dims = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return TensorSpec(info.name, info.dtype, dims)
