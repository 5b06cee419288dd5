"""Splits, shadows and comparisons as messages of the control service."""

from __future__ import annotations

from kernel_server.errors import InvalidArgument
from kernel_server.handlers.traffic import ArmState, TrafficState
from kernel_server.rpc import control_pb2 as pb
from kernel_server.traffic.arms import Arm, Target
from kernel_server.traffic.comparison import Comparison


class MissingTarget(InvalidArgument):
    """An arm or a shadow names nothing."""

    def __init__(self) -> None:
        super().__init__("A target names a version or a label")


def arms(request: pb.ReplaceSplitRequest) -> list[Arm]:
    """The arms that a request asks for; raises :class:`MissingTarget`."""
    return [Arm(target(arm.target), arm.weight) for arm in request.arms]


def target(message: pb.Target) -> Target:
    """A version or a label; raises :class:`MissingTarget`."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise MissingTarget
    return message.version if kind == "version" else message.label


def traffic(state: TrafficState) -> pb.Traffic:
    """What is in force for one model."""
    return pb.Traffic(
        model=state.model,
        generation=state.generation,
        arms=[_arm(arm) for arm in state.arms],
        shadow=None if state.shadow is None else _target(state.shadow),
        comparison=None if state.comparison is None else _comparison(state.comparison),
    )


def _arm(state: ArmState) -> pb.ArmState:
    arm = pb.Arm(target=_target(state.arm.target), weight=state.arm.weight)
    return pb.ArmState(arm=arm, version=state.version, share=state.share, requests=state.requests)


def _target(found: Target) -> pb.Target:
    return pb.Target(label=found) if isinstance(found, str) else pb.Target(version=found)


def _comparison(found: Comparison) -> pb.Comparison:
    return pb.Comparison(
        compared=found.compared,
        failed=found.failed,
        dropped=found.dropped,
        seconds=found.seconds,
        last_error=found.last_error,
        outputs={
            name: pb.Difference(
                labels=difference.labels,
                disagreements=difference.disagreements,
                max_abs_difference=difference.max_abs_difference,
            )
            for name, difference in found.outputs.items()
        },
    )
