"""Where TensorFlow computes, and what is said when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from kernel_server.batching.parameters import usable_cpus
from kernel_server.config.text_format import InvalidTextProto
from kernel_server.errors import InvalidArgument
from kernel_server.servables.tensorflow_device import NoSuchDevice, resolve_device, session_config
from kernel_server.settings import Settings

GPUS = len(tf.config.list_physical_devices("GPU"))


def test_the_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == "cpu"


def test_auto_takes_a_gpu_when_there_is_one() -> None:
    assert resolve_device("auto") == ("gpu:0" if GPUS else "cpu")


@pytest.mark.parametrize("wanted", [f"gpu:{GPUS}", "gpu:99"])
def test_a_gpu_that_is_missing_is_no_silent_cpu(wanted: str) -> None:
    with pytest.raises(NoSuchDevice, match=rf"--device={wanted}: TensorFlow sees .* Use --device=cpu"):
        resolve_device(wanted)


def test_a_device_of_another_kind() -> None:
    with pytest.raises(InvalidArgument, match="--device=tpu: use auto, cpu or gpu:N"):
        resolve_device("tpu")


def test_a_session_on_the_cpu_hides_the_gpus() -> None:
    config = session_config(Settings(device="cpu"))
    assert config.device_count["GPU"] == 0
    assert config.intra_op_parallelism_threads == config.inter_op_parallelism_threads == usable_cpus()


def test_threads_as_set() -> None:
    config = session_config(Settings(device="cpu", tensorflow_session_parallelism=3))
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (3, 3)
    config = session_config(Settings(device="cpu", tensorflow_intra_op_parallelism=2))
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (2, usable_cpus())


def test_a_session_file_stands_behind_the_flags(tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    file.write_text(
        "intra_op_parallelism_threads: 5 inter_op_parallelism_threads: 6 use_per_session_threads: true"
    )
    settings = Settings(device="cpu", tensorflow_session_config_file=file, tensorflow_inter_op_parallelism=2)
    config = session_config(settings)
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (5, 2)
    assert config.use_per_session_threads
    assert config.allow_soft_placement
    assert config.device_count["GPU"] == 0


def test_a_session_file_with_a_typo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "session.txt"
    file.write_text("intra_op_threads: 5")
    with pytest.raises(InvalidTextProto, match='has no field named "intra_op_threads"'):
        session_config(Settings(device="cpu", tensorflow_session_config_file=file))
    assert capsys.readouterr().err.startswith("Error parsing text-format tensorflow.ConfigProto: 1:")


@pytest.mark.skipif(not GPUS, reason="no GPU on this machine")
class TestOnGpu:
    def test_memory_grows_as_needed(self) -> None:
        options = session_config(Settings(device="gpu:0")).gpu_options
        assert (options.allow_growth, options.visible_device_list) == (True, "0")

    def test_a_share_of_the_memory(self) -> None:
        settings = Settings(device="gpu:0", per_process_gpu_memory_fraction=0.5)
        options = session_config(settings).gpu_options
        assert (options.allow_growth, options.per_process_gpu_memory_fraction) == (False, 0.5)

    def test_a_share_of_the_memory_from_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "session.txt"
        file.write_text("gpu_options { per_process_gpu_memory_fraction: 0.25 }")
        settings = Settings(device="gpu:0", tensorflow_session_config_file=file)
        options = session_config(settings).gpu_options
        assert (options.allow_growth, options.per_process_gpu_memory_fraction) == (False, 0.25)
