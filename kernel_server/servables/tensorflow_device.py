"""Where TensorFlow computes: the CPU, or one GPU, and how much of it."""

from __future__ import annotations

import re

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from kernel_server.batching.parameters import usable_cpus
from kernel_server.config.platform import read_session_bundle
from kernel_server.config.text_format import read_text_proto
from kernel_server.errors import InvalidArgument
from kernel_server.settings import Settings


class NoSuchDevice(InvalidArgument):
    """The device that was asked for is not on this machine."""

    def __init__(self, device: str, gpus: int) -> None:
        found = f"TensorFlow sees {gpus} GPU(s)" if gpus else "TensorFlow sees no GPU"
        super().__init__(
            f"--device={device}: {found} on this machine. Use --device=cpu, or check the driver and that "
            "the installed TensorFlow has GPU support (pip install 'tensorflow[and-cuda]')."
        )


def resolve_device(wanted: str) -> str:
    """``cpu`` or ``gpu:N`` for ``auto``, ``cpu``, ``gpu`` or ``gpu:N``.

    ``auto`` takes the first GPU when there is one. Raises :class:`NoSuchDevice`: a GPU that was asked
    for and is missing never becomes a silent CPU run.
    """
    gpus = 0 if wanted == "cpu" else len(tf.config.list_physical_devices("GPU"))
    if wanted == "cpu" or (wanted == "auto" and not gpus):
        return "cpu"
    if wanted == "auto":
        return "gpu:0"
    match = re.fullmatch(r"gpu(?::(\d+))?", wanted)
    if match is None:
        raise InvalidArgument(f"--device={wanted}: use auto, cpu or gpu:N")
    index = int(match[1] or 0)
    if index >= gpus:
        raise NoSuchDevice(wanted, gpus)
    return f"gpu:{index}"


def session_config(settings: Settings) -> config_pb2.ConfigProto:
    """How sessions use the machine: the device, its memory, and threads for the CPUs we may use.

    Flags come before ``platform_config_file`` or else ``tensorflow_session_config_file``, and these before
    what suits the machine. GPU memory
    grows on demand unless ``per_process_gpu_memory_fraction`` fixes a share of it. Operations without a
    kernel for their device always move to one that has it. Raises ``InvalidTextProto`` for a bad file.
    """
    config = _configured_session(settings)
    config.allow_soft_placement = True
    _set_threads(config, settings)
    device = resolve_device(settings.device)
    if device == "cpu":
        config.device_count["GPU"] = 0
        return config
    config.gpu_options.visible_device_list = device.removeprefix("gpu:")
    options = config.gpu_options
    fraction = settings.per_process_gpu_memory_fraction or options.per_process_gpu_memory_fraction
    options.per_process_gpu_memory_fraction = fraction
    options.allow_growth = options.allow_growth or fraction == 0
    return config


def _configured_session(settings: Settings) -> config_pb2.ConfigProto:
    if settings.platform_config_file is not None:
        return read_session_bundle(settings.platform_config_file).session_config
    file = settings.tensorflow_session_config_file
    return config_pb2.ConfigProto() if file is None else read_text_proto(file, config_pb2.ConfigProto)


def _set_threads(config: config_pb2.ConfigProto, settings: Settings) -> None:
    shared = settings.tensorflow_session_parallelism
    for scope in ("intra", "inter"):
        field = f"{scope}_op_parallelism_threads"
        flag = getattr(settings, f"tensorflow_{scope}_op_parallelism")
        setattr(config, field, flag or shared or getattr(config, field) or usable_cpus())
