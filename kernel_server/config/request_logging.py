"""Which requests of a model are logged, and where: ``LoggingConfig`` as a dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from google.protobuf.message import DecodeError
from tensorflow_serving.config.logging_config_pb2 import LoggingConfig, SamplingConfig

from kernel_server.config.request_log_pb2 import RequestLogOptions
from kernel_server.errors import InvalidArgument

MAX_FILE_BYTES = 64 << 20
MAX_FILE_RECORDS = 1000
"""Warm-up reads no more records of a file, so that every file can be one to warm up from."""


@dataclass(frozen=True, slots=True)
class RequestLogging:
    """What to log of a model, and how.

    ``sampling`` is the message as it was given; :meth:`rate` says what it means for one server.
    ``max_files`` of 0 removes none.
    """

    collector: str
    filename_prefix: str
    sampling: SamplingConfig
    redacted_inputs: frozenset[str] = frozenset()
    redacted_outputs: frozenset[str] = frozenset()
    max_file_bytes: int = MAX_FILE_BYTES
    max_file_records: int = MAX_FILE_RECORDS
    max_files: int = 0

    @classmethod
    def from_bytes(cls, config: bytes) -> Self:
        """Take over a serialized ``LoggingConfig``, with :class:`RequestLogOptions` in its custom part.

        Raises ``InvalidArgument`` for a rate that is none and for another custom part.
        """
        message = LoggingConfig.FromString(config)
        options = _options(message)
        found = cls(
            collector=message.log_collector_config.type,
            filename_prefix=message.log_collector_config.filename_prefix,
            sampling=message.sampling_config,
            redacted_inputs=frozenset(options.redacted_inputs),
            redacted_outputs=frozenset(options.redacted_outputs),
            max_file_bytes=options.max_file_bytes or MAX_FILE_BYTES,
            max_file_records=options.max_file_records or MAX_FILE_RECORDS,
            max_files=options.max_files,
        )
        found._validate()
        return found

    def rate(self, dc: str, task_index: int) -> float:
        """The share of requests that the server with this place in a deployment logs: the first that fits."""
        for task in self.sampling.per_task_sampling_configs:
            if (task.dc, task.task_index) == (dc, task_index):
                return float(task.sampling_rate)
        return float(self.sampling.sampling_rate)

    def _validate(self) -> None:
        for rates in (self.sampling, *self.sampling.per_task_sampling_configs):
            if not 0.0 <= rates.sampling_rate <= 1.0:
                raise InvalidArgument(f"sampling_rate must lie between 0 and 1; was {rates.sampling_rate:g}")
        for limit in ("max_file_bytes", "max_file_records", "max_files"):
            if getattr(self, limit) < 0:
                raise InvalidArgument(f"{limit} must not be negative; was {getattr(self, limit)}")


def _options(message: LoggingConfig) -> RequestLogOptions:
    options = RequestLogOptions()
    custom, wanted = message.custom_logging_config, options.DESCRIPTOR.full_name
    if not message.HasField("custom_logging_config"):
        return options
    if not custom.Is(options.DESCRIPTOR):
        raise InvalidArgument(f"custom_logging_config must hold a {wanted}; was {custom.type_url or 'empty'}")
    try:
        custom.Unpack(options)
    except DecodeError as error:
        raise InvalidArgument(f"custom_logging_config holds no {wanted}: {error}") from error
    return options
