"""Signatures as a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from kernel_server.core.signature import Signature, TensorSpec
from kernel_server.isolation.messages import Message


def signatures_message(signatures: Mapping[str, Signature]) -> Message:
    """The signatures of a servable; their default values are its arrays."""
    described = {
        key: {
            "name": signature.name,
            "inputs": _describe(signature.inputs),
            "outputs": _describe(signature.outputs),
            "method_name": signature.method_name,
            "defaults": list(signature.defaults),
        }
        for key, signature in signatures.items()
    }
    arrays = [array for signature in signatures.values() for array in signature.defaults.values()]
    return Message(orjson.dumps(described).decode(), arrays)


def signatures_of(message: Message) -> dict[str, Signature]:
    """What :func:`signatures_message` was given."""
    arrays = iter(message.arrays)
    return {
        key: Signature(
            name=told["name"],
            inputs=_specs(told["inputs"]),
            outputs=_specs(told["outputs"]),
            method_name=told["method_name"],
            defaults={name: next(arrays) for name in told["defaults"]},
        )
        for key, told in orjson.loads(message.text).items()
    }


def _describe(specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    return {name: (spec.tensor_name, int(spec.wire_dtype), spec.shape) for name, spec in specs.items()}


def _specs(described: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(tensor_name, wire_dtype, None if shape is None else tuple(shape))
        for name, (tensor_name, wire_dtype, shape) in described.items()
    }
