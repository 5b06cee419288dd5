"""SavedModels of TensorFlow 1 and 2, run through one prepared session call per signature.

Every SavedModel loads into a session: with ``mlp 784-512-512-10`` a prepared session call took a
third of the time of the eager signature wrapper at one row. ``session.run`` itself would refuse
shapes that TensorFlow Serving accepts; the prepared callable does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework.ops import dismantle_graph

from kernel_server.core.loader import Loader, LoaderFactory
from kernel_server.core.servable import Array, Runner, Servable
from kernel_server.core.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from kernel_server.errors import DataLoss, NotFound
from kernel_server.servables.tensorflow_device import session_config
from kernel_server.servables.tensorflow_errors import tensorflow_errors
from kernel_server.servables.tensorflow_variables import initialize_remaining_variables
from kernel_server.settings import Settings

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
RESOURCE_FACTOR = 1.2
"""TensorFlow Serving's estimate: a loaded model needs this many times the size of its files."""


class TagsNotFound(NotFound):
    """No graph of the SavedModel carries all the tags."""

    def __init__(self, tags: Sequence[str], reason: str) -> None:
        super().__init__(
            f"Could not find meta graph def matching supplied tags: {{ {', '.join(tags)} }}. {reason}"
        )


class CorruptSavedModel(DataLoss):
    """The files of a version are no SavedModel, or not all of it."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"Could not load SavedModel {directory}: {reason}. Export the version again.")


def platform(settings: Settings) -> LoaderFactory:
    """The loader factory of platform ``tensorflow``; raises when the device is not there."""
    tf.get_logger().setLevel("ERROR")
    config = session_config(settings)
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

        Raises ``NotFound`` without a SavedModel or without its tags and ``DataLoss`` when its files are
        corrupt.
        """
        if not any((self._directory / name).is_file() for name in SAVED_MODEL_FILES):
            raise NotFound(
                "Could not find SavedModel .pb or .pbtxt at supplied export directory path: "
                f"{self._directory}. Check that the version folder holds a complete export."
            )
        session = tf.compat.v1.Session(graph=tf.Graph(), config=self._config)
        try:
            with tensorflow_errors():
                model = SavedModel(session, self._load_into(session))
                _prepare_default(model)
                return model
        except BaseException:
            _end(session)
            raise

    def _load_into(self, session: Any) -> meta_graph_pb2.MetaGraphDef:
        try:
            with session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(session, self._tags, str(self._directory))
            initialize_remaining_variables(session, meta_graph, self._directory)
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
            raise CorruptSavedModel(self._directory, error.message) from error
        except tf.errors.OpError:
            raise
        except Exception as error:  # whatever the parsers of a corrupt file raise
            if "MetaGraphDef associated with tags" in str(error):
                raise TagsNotFound(self._tags, str(error)) from error
            raise CorruptSavedModel(self._directory, str(error)) from error
        return meta_graph


class SavedModel(Servable):
    """A loaded SavedModel; sessions run from many threads at once."""

    def __init__(self, session: Any, meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
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
        call = self._prepare_call(feeds, fetches)
        return lambda inputs: call([inputs[0]] * len(feeds))

    def _make_runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        spec = self._signatures[signature]
        feeds = [tensor.tensor_name for tensor in spec.inputs.values()]
        return self._prepare_call(feeds, [spec.outputs[name].tensor_name for name in outputs])

    def _prepare_call(self, feeds: Sequence[str], fetches: Sequence[str]) -> Runner:
        options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
        # The calling thread runs the graph: a hop to TensorFlow's own pool costs small models a third.
        options.run_options.inter_op_thread_pool = -1
        with tensorflow_errors():
            call = self._session._make_callable_from_options(options)

        def run(inputs: Sequence[Array]) -> Sequence[Array]:
            with tensorflow_errors():
                answer: Sequence[Array] = call(*inputs)
            return answer

        return run

    def close(self) -> None:
        """End the session, which frees its variables, and its graph."""
        _end(self._session)


def _end(session: Any) -> None:
    session.close()
    # A graph is full of cycles, and the server's first ones are hidden from the garbage collector.
    dismantle_graph(session.graph)


def _prepare_default(model: SavedModel) -> None:
    """Optimise the graph, for which a first request would pay."""
    default = model.signatures.get(DEFAULT_SIGNATURE)
    if default is not None:
        model.runner(DEFAULT_SIGNATURE, tuple(default.outputs))


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
