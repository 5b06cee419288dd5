"""The command line: flags as tensorflow_model_server spells them, and how a start is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kernel_server.cli import WITHOUT_EFFECT, main, parse
from kernel_server.config.channel_arguments import BadChannelArguments
from kernel_server.errors import InvalidArgument
from kernel_server.settings import Settings

SERVABLE = ["--model_base_path=/models/m"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Settings()),
        (["--port=9000", "--rest_api_port", "9001"], Settings(port=9000, rest_api_port=9001)),
        (["--port=auto"], Settings(port="auto")),
        (["--enable_batching"], Settings(enable_batching=True)),
        (
            ["--enable_batching=1", "--enable_model_warmup=false"],
            Settings(enable_batching=True, enable_model_warmup=False),
        ),
        (["--file_system_poll_wait_seconds", "-1"], Settings(file_system_poll_wait_seconds=-1)),
        (["--model_config_file=a/b.txt"], Settings(model_config_file=Path("a/b.txt"))),
        (["--model_config_file="], Settings()),
        (["--per_process_gpu_memory_fraction=.5"], Settings(per_process_gpu_memory_fraction=0.5)),
        (
            ["--lifetime=kernel", "--owner_pid=7", "--owner_start_time=1.5"],
            Settings(lifetime="kernel", owner_pid=7, owner_start_time=1.5),
        ),
    ],
)
def test_flags(arguments: list[str], expected: Settings) -> None:
    assert parse(arguments) == expected
    assert parse(expected.flags()) == expected


def test_defaults_are_those_of_tensorflow_model_server() -> None:
    settings = Settings()
    assert (settings.port, settings.rest_api_port, settings.host) == (8500, 0, "0.0.0.0")
    assert (settings.max_num_load_retries, settings.load_retry_interval_micros) == (5, 60_000_000)
    assert (settings.model_name, settings.saved_model_tags) == ("default", "serve")
    assert settings.enable_model_warmup and not settings.enable_batching


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--port=grpc", "argument --port: must be a number or auto; was 'grpc'"),
        ("--enable_batching=maybe", "argument --enable_batching: must be true or false; was 'maybe'"),
        ("--num_load_threads=2.5", "argument --num_load_threads: invalid int value: '2.5'"),
        ("--lifetime=ever", "argument --lifetime: invalid choice: 'ever'"),
    ],
)
def test_bad_value_prints_usage_and_exits_255(
    argument: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([argument])
    output = capsys.readouterr()
    assert ended.value.code == 255
    assert output.out.startswith("usage: kernel-server")
    assert output.err.startswith(complaint)


def test_unknown_argument_is_reported_and_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--prot=9", "stray", "--port=9"]) == Settings(port=9)
    output = capsys.readouterr().out
    assert output.startswith("unknown argument: --prot=9\nunknown argument: stray\nusage: kernel-server")


def test_flag_names_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--rest_api_por=9"]) == Settings()
    assert "unknown argument: --rest_api_por=9" in capsys.readouterr().out


@pytest.mark.parametrize("flag", WITHOUT_EFFECT)
def test_flag_without_effect_is_accepted_with_one_warning(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parse([f"--{flag}=false", *SERVABLE])
    output = capsys.readouterr()
    assert output.err == f"warning: --{flag} has no effect: {WITHOUT_EFFECT[flag]}\n"
    assert output.out == ""


@pytest.mark.parametrize(
    ("arguments", "warnings"),
    [
        (
            ["--grpc_channel_arguments=grpc.max_receive_message_length=9,grpc.so_reuseport=1,a=b"],
            [
                "grpc_channel_arguments: grpc.so_reuseport has no effect; this server's HTTP/2 is its own",
                "grpc_channel_arguments: a has no effect; this server's HTTP/2 is its own",
            ],
        ),
        (
            ["--monitoring_config_file=m"],
            ["monitoring_config_file has no effect without rest_api_port, which has the metrics"],
        ),
        (["--monitoring_config_file=m", "--rest_api_port=auto"], []),
        (
            ["--enable_per_model_batching_parameters"],
            ["enable_per_model_batching_parameters has no effect without enable_batching"],
        ),
        (["--enable_per_model_batching_parameters", "--enable_batching"], []),
    ],
)
def test_what_is_set_in_vain_is_known(arguments: list[str], warnings: list[str]) -> None:
    assert parse(arguments).idle_flags() == warnings


def test_every_flag_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    described = capsys.readouterr().out
    assert [name for name in Settings.__slots__ if f"--{name}" not in described] == []


def test_version_needs_no_tensorflow_import() -> None:
    command = "import sys; sys.argv[1:] = ['--version']; import atexit; from kernel_server.cli import main; "
    check = "atexit.register(lambda: print('tensorflow' in sys.modules)); main()"
    done = subprocess.run([sys.executable, "-c", command + check], capture_output=True, text=True, check=True)
    server, library, imported = done.stdout.splitlines()
    assert server.startswith("TensorFlow ModelServer: ") and library.startswith("TensorFlow Library: ")
    assert imported == "False"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--port=0", *SERVABLE],
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.",
        ),
        (
            ["--use_alts_credentials", "--ssl_config_file=x", *SERVABLE],
            "Either use_alts_credentials must be false or ssl_config_file must be empty.",
        ),
        ([], "Both server_options.model_base_path and server_options.model_config_file are empty!"),
        (
            ["--batching_parameters_file=x", *SERVABLE],
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
    ],
)
def test_refused_start_is_told_on_standard_output(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 255
    assert capsys.readouterr().out == f"Failed to start server. Error: INVALID_ARGUMENT: {message}\n"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            Settings(model_base_path="/m", port=65536),
            "port must be auto or lie between 0 and 65535; was 65536",
        ),
        (Settings(model_base_path="/m", rest_api_port=-1), "rest_api_port must be auto or lie"),
        (Settings(model_base_path="/m", device="gpu0"), "device must be auto, cpu or gpu:N; was gpu0"),
        (
            Settings(model_base_path="/m", per_process_gpu_memory_fraction=1.5),
            "per_process_gpu_memory_fraction must lie between 0 and 1; was 1.5",
        ),
        (
            Settings(
                model_base_path="/m",
                tensorflow_session_parallelism=1,
                tensorflow_intra_op_parallelism=1,
                tensorflow_inter_op_parallelism=1,
            ),
            "leave at least one of the three at 0",
        ),
        (
            Settings(model_base_path="/m", grpc_front_ends=-1),
            "grpc_front_ends must not be negative; was -1",
        ),
        (Settings(model_base_path="/m", rest_api_ssl=True), "rest_api_ssl needs ssl_config_file"),
    ],
)
def test_settings_no_server_can_start_with(settings: Settings, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        settings.validate()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "grpc.max_receive_message_length=much",
            "grpc.max_receive_message_length must be a number; was 'much'",
        ),
        ("a=b,c", "expected key=value,key=value; 'c' has no value"),
    ],
)
def test_channel_arguments_that_do_not_read(text: str, problem: str) -> None:
    with pytest.raises(BadChannelArguments) as caught:
        Settings(model_base_path="/m", grpc_channel_arguments=text).validate()
    assert caught.value.message == f"--grpc_channel_arguments={text}: {problem}"


@pytest.mark.parametrize("device", ["auto", "cpu", "gpu", "gpu:3"])
def test_settings_a_server_can_start_with(device: str) -> None:
    Settings(model_base_path="/m", port=0, grpc_socket_path=Path("s"), device=device).validate()
