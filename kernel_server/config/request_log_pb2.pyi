from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class RequestLogOptions(_message.Message):
    __slots__ = ("redacted_inputs", "redacted_outputs", "max_file_bytes", "max_file_records", "max_files")
    REDACTED_INPUTS_FIELD_NUMBER: _ClassVar[int]
    REDACTED_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    MAX_FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_FILE_RECORDS_FIELD_NUMBER: _ClassVar[int]
    MAX_FILES_FIELD_NUMBER: _ClassVar[int]
    redacted_inputs: _containers.RepeatedScalarFieldContainer[str]
    redacted_outputs: _containers.RepeatedScalarFieldContainer[str]
    max_file_bytes: int
    max_file_records: int
    max_files: int
    def __init__(self, redacted_inputs: _Optional[_Iterable[str]] = ..., redacted_outputs: _Optional[_Iterable[str]] = ..., max_file_bytes: _Optional[int] = ..., max_file_records: _Optional[int] = ..., max_files: _Optional[int] = ...) -> None: ...
