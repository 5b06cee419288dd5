from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import InvalidSetting
from workbench.load.spec import LoadSpec


def test_json_round_trip() -> None:
    spec = LoadSpec(target="unix:/s", requests="r.npz", rate=12.5, slo_ms=20, token="t", seed=9)

    assert LoadSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "either a rate or a concurrency"),
        ({"rate": 1.0, "concurrency": 1}, "either a rate or a concurrency"),
        ({"rate": 0.0}, "rate=0.0: it must be positive"),
        ({"concurrency": -1}, "concurrency=-1"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": 1.0, "duration": 0}, "duration=0"),
        ({"rate": 1.0, "warmup": -1}, "warmup=-1"),
    ],
)
def test_impossible_runs_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        LoadSpec(target="h:1", requests="r", **changes)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"target": "h:1"}', '{"target": "h:1", "requests": "r", "speed": 3}']
)
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="spec"):
        LoadSpec.from_json(text)
