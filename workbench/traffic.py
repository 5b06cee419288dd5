"""Which versions answer requests that name none, and how another one would have answered them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workbench.control import GET_TRAFFIC, REPLACE_SHADOW, REPLACE_SPLIT, Control
from workbench.tables import Row, html_table, text_table
from workbench.wire import control_pb2

Target = int | str
"""A version, or the label of one."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A version or label that gets a share of the requests."""

    target: Target
    weight: float

    version: int | None
    """What answers for it; ``None`` while that is not available, and its share goes to the others."""

    share: float
    """Of all requests that name no version, 0 to 1."""

    requests: int
    """What splits gave to that version since it was loaded."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One output of all answers that were compared."""

    labels: int
    """Strings, integers, or the place of the largest floating-point number of several in a row."""

    disagreements: int
    """Labels that the shadow answered otherwise."""

    max_abs_difference: float
    """The furthest that a number was from the shadow's."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the copies of requests since the shadow was set."""

    compared: int

    failed: int
    """The shadow refused them, or answered something of another form; ``last_error`` says what."""

    dropped: int
    """The shadow did not keep up, or was not loaded."""

    mean_ms: float
    """Time that the shadow spent on one."""

    last_error: str

    outputs: Mapping[str, Difference]

    def __str__(self) -> str:
        """One line."""
        labels = sum(each.labels for each in self.outputs.values())
        different = sum(each.disagreements for each in self.outputs.values())
        furthest = max((each.max_abs_difference for each in self.outputs.values()), default=0.0)
        return (
            f"{self.compared} compared, {self.failed} failed, {self.dropped} dropped; "
            f"{different} of {labels} labels differ, numbers by at most {furthest:.3g}"
        )


@dataclass(frozen=True, slots=True)
class TrafficState:
    """What is in force for one model. ``generation`` counts the replacements of split and shadow.

    Without ``arms`` the highest available version answers. ``comparison`` is there with a ``shadow``.
    """

    model: str
    generation: int
    arms: tuple[Arm, ...]
    shadow: Target | None
    comparison: Comparison | None

    @property
    def shares(self) -> dict[int, float]:
        """By version, 0 to 1; empty when the highest available one answers all."""
        return {arm.version: arm.share for arm in self.arms if arm.version is not None and arm.share}

    def __str__(self) -> str:
        """One line."""
        parts = [f"version {version} {_percent(share)}" for version, share in sorted(self.shares.items())]
        split = ", ".join(parts) or "all to the highest available version"
        return split if self.comparison is None else f"{split}; shadow {self.shadow}: {self.comparison}"

    def __repr__(self) -> str:
        return "\n\n".join(text_table(headings, rows) for _, headings, rows in self._tables())

    def _repr_html_(self) -> str:
        return "".join(html_table(*table) for table in self._tables())

    def _tables(self) -> Iterator[tuple[str, Row, list[Row]]]:
        """Title, headings and rows."""
        arms = [_arm_cells(arm) for arm in self.arms]
        yield "Traffic", _ARMS, arms or [("highest available", "", _percent(1.0), "")]
        found = self.comparison
        if found is not None:
            yield "Shadow", _SHADOW, [_shadow_cells(str(self.shadow), found)]
            if found.outputs:
                yield "Differences", _OUTPUTS, [_output_cells(*each) for each in found.outputs.items()]


class TrafficControl:
    """Reads and replaces the split and the shadow while requests flow."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def read(self, model: str) -> TrafficState:
        """What is in force."""
        return _state(self._control.call(GET_TRAFFIC, control_pb2.GetTrafficRequest(model=model)))

    def replace_split(self, model: str, weights: Mapping[Target, float]) -> TrafficState:
        """Divide the requests from the next one on; without weights, the highest version gets all."""
        arms = [control_pb2.Arm(target=_target(found), weight=weight) for found, weight in weights.items()]
        request = control_pb2.ReplaceSplitRequest(model=model, arms=arms)
        return _state(self._control.call(REPLACE_SPLIT, request))

    def replace_shadow(self, model: str, target: Target | None) -> TrafficState:
        """Compare the answers of ``target``, or of nobody; a new comparison begins."""
        found = None if target is None else _target(target)
        request = control_pb2.ReplaceShadowRequest(model=model, target=found)
        return _state(self._control.call(REPLACE_SHADOW, request))


_ARMS = ("Arm", "Version", "Share", "Requests")
_SHADOW = ("Shadow", "Compared", "Failed", "Dropped", "Time each", "Latest error")
_OUTPUTS = ("Output", "Labels", "Different", "Furthest apart")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _arm_cells(arm: Arm) -> Row:
    version = "not available" if arm.version is None else str(arm.version)
    return str(arm.target), version, _percent(arm.share), str(arm.requests)


def _shadow_cells(shadow: str, found: Comparison) -> Row:
    took = f"{found.mean_ms:.1f} ms" if found.compared else ""
    return shadow, str(found.compared), str(found.failed), str(found.dropped), took, found.last_error


def _output_cells(name: str, found: Difference) -> Row:
    return name, str(found.labels), str(found.disagreements), f"{found.max_abs_difference:.3g}"


def _target(found: Target) -> control_pb2.Target:
    if isinstance(found, str):
        return control_pb2.Target(label=found)
    return control_pb2.Target(version=found)


def _named(message: control_pb2.Target) -> Target:
    return message.label if message.WhichOneof("kind") == "label" else message.version


def _state(reply: control_pb2.Traffic) -> TrafficState:
    shadowed = reply.HasField("shadow")
    return TrafficState(
        reply.model,
        reply.generation,
        tuple(_arm(state) for state in reply.arms),
        _named(reply.shadow) if shadowed else None,
        _comparison(reply.comparison) if shadowed else None,
    )


def _arm(state: control_pb2.ArmState) -> Arm:
    version = state.version if state.HasField("version") else None
    return Arm(_named(state.arm.target), state.arm.weight, version, state.share, state.requests)


def _comparison(found: control_pb2.Comparison) -> Comparison:
    return Comparison(
        found.compared,
        found.failed,
        found.dropped,
        1000 * found.seconds / max(found.compared, 1),
        found.last_error,
        {
            name: Difference(each.labels, each.disagreements, each.max_abs_difference)
            for name, each in sorted(found.outputs.items())
        },
    )
