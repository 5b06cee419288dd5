"""Version policies: which step they choose, and which they refuse to take."""

from __future__ import annotations

import pytest

from kernel_server.core.policy import (
    Action,
    AvailabilityPreserving,
    Load,
    ManagedVersion,
    ResourcePreserving,
    Unload,
)
from kernel_server.core.state import State

WANTED, LEFT_OUT = True, False


def version(number: int, state: State, aspired: bool) -> ManagedVersion:
    return ManagedVersion(number, state, aspired)


@pytest.mark.parametrize(
    ("versions", "action"),
    [
        pytest.param([], None, id="nothing managed"),
        pytest.param(
            [version(1, State.START, WANTED), version(2, State.START, WANTED)], Load(2), id="highest first"
        ),
        pytest.param(
            [version(1, State.AVAILABLE, LEFT_OUT), version(2, State.START, WANTED)],
            Load(2),
            id="load before the only other version goes",
        ),
        pytest.param(
            [version(1, State.AVAILABLE, LEFT_OUT), version(2, State.LOADING, WANTED)],
            None,
            id="keep the old while the new loads",
        ),
        pytest.param(
            [version(1, State.AVAILABLE, LEFT_OUT), version(2, State.END, WANTED)],
            None,
            id="keep the old when the new failed",
        ),
        pytest.param(
            [version(1, State.AVAILABLE, LEFT_OUT), version(2, State.AVAILABLE, WANTED)],
            Unload(1),
            id="unload once replaced",
        ),
        pytest.param(
            [
                version(3, State.START, WANTED),
                version(2, State.AVAILABLE, LEFT_OUT),
                version(1, State.AVAILABLE, LEFT_OUT),
            ],
            Unload(1),
            id="one old version is enough",
        ),
        pytest.param([version(1, State.AVAILABLE, LEFT_OUT)], Unload(1), id="nothing is wanted any more"),
        pytest.param(
            [version(1, State.AVAILABLE, WANTED), version(2, State.START, WANTED)], Load(2), id="one more"
        ),
        pytest.param([version(1, State.AVAILABLE, WANTED)], None, id="nothing to do"),
    ],
)
def test_availability_preserving(versions: list[ManagedVersion], action: Action | None) -> None:
    assert AvailabilityPreserving().next_action(versions) == action


@pytest.mark.parametrize(
    ("versions", "action"),
    [
        pytest.param(
            [version(1, State.AVAILABLE, LEFT_OUT), version(2, State.START, WANTED)],
            Unload(1),
            id="unload before loading",
        ),
        pytest.param(
            [version(1, State.UNLOADING, LEFT_OUT), version(2, State.START, WANTED)],
            None,
            id="wait until it is gone",
        ),
        pytest.param(
            [version(1, State.LOADING, LEFT_OUT), version(2, State.START, WANTED)],
            None,
            id="wait for a load that was called off",
        ),
        pytest.param([version(1, State.START, WANTED), version(2, State.START, WANTED)], Load(2), id="load"),
        pytest.param(
            [version(1, State.AVAILABLE, WANTED), version(2, State.START, WANTED)],
            Load(2),
            id="wanted versions do not hinder each other",
        ),
    ],
)
def test_resource_preserving(versions: list[ManagedVersion], action: Action | None) -> None:
    assert ResourcePreserving().next_action(versions) == action
