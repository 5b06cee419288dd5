"""Text-proto files that cannot be read: the message names file, place, cause and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel_server.config.config_files_pb2 import BatchingParameters
from kernel_server.config.text_format import InvalidTextProto, read_text_proto
from kernel_server.errors import InvalidArgument, NotFound


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "batching.txt"


def test_comments_and_separators_are_understood(file: Path) -> None:
    file.write_text("# for the GPU\nmax_batch_size: { value: 8 },\npad_variable_length_inputs: true;\n")
    assert read_text_proto(file, BatchingParameters).max_batch_size.value == 8


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("\nmax_batch_size: 128", 2, 17, 'Expected "{".'),
        ("max_batch_size { value: many }", 1, 25, "Couldn't parse integer: many"),
        ("max_batch_size {\n value: 1", 2, 9, 'Expected "}".'),
        ("improperly formatted file", 1, 1, 'has no field named "improperly"'),
    ],
)
def test_parse_error_is_located(
    file: Path, text: str, line: int, column: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    with pytest.raises(InvalidTextProto) as failure:
        read_text_proto(file, BatchingParameters)
    error = failure.value
    assert isinstance(error, InvalidArgument)
    assert (error.path, error.line, error.column) == (file, line, column)
    assert error.message.startswith(f"Invalid protobuf file: '{file}', line {line}, column {column}: ")
    assert problem in error.problem
    told = capsys.readouterr().err
    assert told.startswith(
        f"Error parsing text-format tensorflow.serving.BatchingParameters: {line}:{column}: "
    )


def test_unknown_field_is_answered_with_the_known_ones(file: Path) -> None:
    file.write_text("max_batch_sze { value: 8 }")
    with pytest.raises(
        InvalidTextProto, match=r'no field named "max_batch_sze"\. Its fields are: max_batch_size, '
    ):
        read_text_proto(file, BatchingParameters)


def test_missing_file_is_named(file: Path) -> None:
    with pytest.raises(NotFound, match=f"Cannot read '{file}': No such file or directory"):
        read_text_proto(file, BatchingParameters)


def test_file_that_is_not_text(file: Path) -> None:
    file.write_bytes(b"\x80\x81")
    with pytest.raises(InvalidTextProto, match="not UTF-8 text"):
        read_text_proto(file, BatchingParameters)
