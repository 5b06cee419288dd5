"""``--grpc_channel_arguments``: options of the gRPC server, as ``key=value,key=value``."""

from __future__ import annotations

from collections.abc import Mapping

from kernel_server.errors import InvalidArgument

MOST_BYTES = 2**31 - 1
"""TensorFlow Serving's limit of one message."""

_MOST_RECEIVED = "grpc.max_receive_message_length"


class BadChannelArguments(InvalidArgument):
    """The flag does not read as options."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(f"--grpc_channel_arguments={text}: {problem}")


def most_received_bytes(text: str) -> int:
    """The longest message to take; raises :class:`BadChannelArguments`."""
    value = _arguments(text).get(_MOST_RECEIVED, "-1")
    try:
        limit = int(value)
    except ValueError:
        raise BadChannelArguments(text, f"{_MOST_RECEIVED} must be a number; was {value!r}") from None
    return MOST_BYTES if limit < 0 else min(limit, MOST_BYTES)


def without_effect(text: str) -> list[str]:
    """The options that change nothing here; raises :class:`BadChannelArguments`."""
    return [key for key in _arguments(text) if key != _MOST_RECEIVED]


def _arguments(text: str) -> Mapping[str, str]:
    arguments = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadChannelArguments(text, f"expected key=value,key=value; {pair!r} has no value")
        arguments[key] = value
    return arguments
