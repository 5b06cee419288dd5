"""Batching parameters from a text-proto file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kernel_server.batching.parameters import BatchingParameters
from kernel_server.config.config_files_pb2 import BatchingParameters as BatchingProto
from kernel_server.config.text_format import read_text_proto
from kernel_server.errors import InvalidArgument

PER_MODEL_FILE = "batching_params.pbtxt"
"""Name of the file in a version folder that holds the parameters of that version."""


def read_batching_parameters(path: Path) -> BatchingParameters:
    """The parameters that ``path`` sets; what it leaves out keeps its default.

    Raises :class:`~kernel_server.config.text_format.InvalidTextProto`, or ``InvalidArgument`` for values
    that break a rule.
    """
    return batching_parameters(read_text_proto(path, BatchingProto), path)


def batching_parameters(proto: BatchingProto, path: Path) -> BatchingParameters:
    """The parameters that a message from ``path`` sets. Raises ``InvalidArgument`` as above."""
    try:
        return BatchingParameters(**_present_values(proto))
    except InvalidArgument as error:
        raise InvalidArgument(f"{error.message} (in '{path}')") from error


def _present_values(proto: BatchingProto) -> dict[str, Any]:
    """The fields that are set; of the wrappers the value inside."""
    values: dict[str, Any] = {}
    for field, value in proto.ListFields():
        if field.name == "allowed_batch_sizes":
            values[field.name] = tuple(value)
        else:
            values[field.name] = value.value if field.message_type else value
    return values
