"""Where TensorFlow computes: the CPU, or one GPU, and how much of it."""

from __future__ import annotations

import re

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from kernel_server.batching.parameters import usable_cpus
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

    GPU memory grows on demand unless ``per_process_gpu_memory_fraction`` fixes a share of it.
    """
    shared = settings.tensorflow_session_parallelism
    config = config_pb2.ConfigProto(
        intra_op_parallelism_threads=settings.tensorflow_intra_op_parallelism or shared or usable_cpus(),
        inter_op_parallelism_threads=settings.tensorflow_inter_op_parallelism or shared or usable_cpus(),
        allow_soft_placement=True,
    )
    device = resolve_device(settings.device)
    if device == "cpu":
        config.device_count["GPU"] = 0
        return config
    config.gpu_options.visible_device_list = device.removeprefix("gpu:")
    fraction = settings.per_process_gpu_memory_fraction
    if fraction > 0:
        config.gpu_options.per_process_gpu_memory_fraction = fraction
    else:
        config.gpu_options.allow_growth = True
    return config
