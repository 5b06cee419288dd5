"""Splits and shadows while versions, labels and configurations come and go."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.reloading import Bench
from support.stubs import model_config

from kernel_server.core.manager import ServableNotFound
from kernel_server.core.state import State
from kernel_server.errors import ServingError
from kernel_server.handlers.generation import GenerationChanged
from kernel_server.handlers.metadata import MetadataHandler
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.status import ModelNotFound
from kernel_server.handlers.traffic import TrafficHandler
from kernel_server.traffic.arms import Arm, InvalidSplit, TargetUnavailable

Half = Callable[..., Path]
Serve = Callable[..., Awaitable[None]]
"""Makes ``half`` serve these versions, with these labels, and no others."""


@pytest.fixture
def traffic(bench: Bench) -> TrafficHandler:
    return TrafficHandler(bench.models.traffic, bench.manager.monitor)


@pytest.fixture
async def serve(bench: Bench, half: Half) -> Serve:
    folder = half(1, 2)
    shutil.copytree(folder / "2", folder / "3")

    async def serve(*versions: int, **labels: int) -> None:
        await bench.apply(model_config("half", half(), versions, **labels))
        await bench.until(lambda: bench.manager.available("half") == versions[::-1], "the versions are there")

    return serve


def answering(bench: Bench, requests: int = 100) -> Counter[int]:
    """How many of so many requests each version answers."""
    found: Counter[int] = Counter()
    for _ in range(requests):
        with bench.models.open(ModelSpec("half")) as handle:
            found[handle.id.version] += 1
    return found


class TestSplit:
    async def test_without_one_the_highest_version_answers(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        assert answering(bench) == {2: 100}
        assert (traffic.get("half").generation, traffic.get("half").arms) == (1, ())

    async def test_requests_are_divided_by_the_weights(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        traffic.replace_split("half", [Arm(1, 90), Arm(2, 10)])
        assert answering(bench) == {1: 90, 2: 10}
        traffic.replace_split("half", [Arm(1, 0), Arm(2, 100)])
        assert answering(bench) == {2: 100}
        state = traffic.replace_split("half", [])
        assert (state.generation, answering(bench)) == (4, {2: 100})

    async def test_what_names_a_version_or_label_is_not_routed(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2, old=1)
        traffic.replace_split("half", [Arm(2, 1)])
        assert (bench.predict("half", 1), bench.predict("half", label="old")) == (3.0, 3.0)
        assert traffic.get("half").arms[0].requests == 0

    async def test_a_key_decides(self, bench: Bench, traffic: TrafficHandler, serve: Serve) -> None:
        await serve(1, 2)
        traffic.replace_split("half", [Arm(1, 50), Arm(2, 50)])

        def version(key: bytes) -> int:
            with bench.models.open(ModelSpec("half"), key) as handle:
                return handle.id.version

        first = {f"user-{n}".encode(): version(f"user-{n}".encode()) for n in range(20)}
        assert set(first.values()) == {1, 2}
        assert {key: version(key) for key in first} == first

    async def test_a_label_takes_its_share_along(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2, 3, stable=1, new=2)
        traffic.replace_split("half", [Arm("stable", 75), Arm("new", 25)])
        assert answering(bench) == {1: 75, 2: 25}
        await serve(1, 2, 3, stable=1, new=3)
        assert answering(bench) == {1: 75, 3: 25}
        await serve(1, 2, 3, stable=1, new=1)
        assert answering(bench) == {1: 100}
        await serve(1, 2, 3, stable=1)
        assert [arm.version for arm in traffic.get("half").arms] == [1, None]

    async def test_the_state_tells_shares_and_requests(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        traffic.replace_split("half", [Arm(1, 3), Arm(2, 1)])
        answering(bench)
        arms = traffic.get("half").arms
        assert [(arm.version, arm.share, arm.requests) for arm in arms] == [(1, 0.75, 75), (2, 0.25, 25)]

    async def test_metadata_is_that_of_the_version_with_the_largest_share(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        metadata = MetadataHandler(bench.models).metadata
        assert metadata(ModelSpec("half"))[0].version == 2
        traffic.replace_split("half", [Arm(1, 90), Arm(2, 10)])
        assert metadata(ModelSpec("half"))[0].version == 1
        assert metadata(ModelSpec("half", 2))[0].version == 2
        assert sum(arm.requests for arm in traffic.get("half").arms) == 0


class TestUnloading:
    async def test_the_share_of_an_unloaded_version_goes_to_the_others_and_comes_back(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "kernel_server.traffic")
        await serve(1, 2, 3)
        traffic.replace_split("half", [Arm(1, 60), Arm(2, 20), Arm(3, 20)])
        await serve(1, 2)
        assert answering(bench) == {1: 75, 2: 25}
        assert [arm.share for arm in traffic.get("half").arms] == [0.75, 0.25, 0]
        await serve(1, 2, 3)
        assert answering(bench) == {1: 60, 2: 20, 3: 20}
        assert [record.message for record in caplog.records] == [
            "version 3 of half is not available: its traffic goes to others",
            "version 3 of half takes its traffic again",
        ]

    async def test_without_any_of_its_versions_the_highest_one_answers(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        traffic.replace_split("half", [Arm(1, 90), Arm(2, 10)])
        await serve(3)
        assert answering(bench) == {3: 100}
        await serve(2, 3)
        assert answering(bench) == {2: 100}

    async def test_a_model_that_goes_finds_its_split_when_it_comes_back(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        traffic.replace_split("half", [Arm(1, 90), Arm(2, 10)])
        await bench.apply()
        await bench.until(lambda: bench.state("half", 2) is State.END, "it is gone")
        with pytest.raises(ServableNotFound, match=r"Latest\(half\)"):
            bench.models.open(ModelSpec("half"))
        await serve(1, 2)
        assert answering(bench) == {1: 90, 2: 10}

    async def test_counts_go_with_their_version(
        self, bench: Bench, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        traffic.replace_split("half", [Arm(1, 1), Arm(2, 1)])
        with bench.models.open(ModelSpec("half", 2)) as handle:
            servable = handle.id
        answering(bench)
        traffic.forget(servable)
        assert [arm.requests for arm in traffic.get("half").arms] == [50, 0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("arms", "error", "message"),
        [
            (
                [Arm(1, 1), Arm(9, 1)],
                TargetUnavailable,
                "Version 9 of half cannot take traffic, for it is not available. Available versions: 2, 1",
            ),
            ([Arm("none", 1)], TargetUnavailable, "Label none of half cannot take traffic"),
            ([Arm("old", 1), Arm(1, 1)], InvalidSplit, "Two arms of the split mean the same version of half"),
            ([Arm(1, 0)], InvalidSplit, "At least one weight of a split must be positive"),
        ],
    )
    async def test_a_split_that_cannot_be_changes_nothing(
        self, traffic: TrafficHandler, serve: Serve, arms: list[Arm], error: type[ServingError], message: str
    ) -> None:
        await serve(1, 2, old=1)
        before = traffic.replace_split("half", [Arm(1, 1)])
        with pytest.raises(error) as caught:
            traffic.replace_split("half", arms)
        assert caught.value.message.startswith(message)
        assert traffic.get("half") == before

    async def test_a_shadow_must_be_available(self, traffic: TrafficHandler, serve: Serve) -> None:
        await serve(1, 2)
        with pytest.raises(TargetUnavailable, match="Version 3 of half cannot take traffic"):
            traffic.replace_shadow("half", 3)
        assert traffic.get("half").shadow is None

    async def test_of_two_that_replace_the_same_generation_one_wins(
        self, traffic: TrafficHandler, serve: Serve
    ) -> None:
        await serve(1, 2)
        traffic.replace_split("half", [Arm(1, 1)], expected_generation=1)
        with pytest.raises(GenerationChanged, match="The traffic shares of half are at generation 2, not 1"):
            traffic.replace_shadow("half", 2, expected_generation=1)

    async def test_an_unknown_model(self, traffic: TrafficHandler) -> None:
        for call in (traffic.get, lambda model: traffic.replace_split(model, [Arm(1, 1)])):
            with pytest.raises(ModelNotFound):
                call("none")
