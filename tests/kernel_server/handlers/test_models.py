"""From a request's model spec to a borrowed version."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.reloading import Bench
from support.stubs import model_config

from kernel_server.core.manager import ServableNotFound
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.handlers.models import MissingModelName, ServerDraining, UnknownLabel
from kernel_server.handlers.status import ModelNotFound, StatusHandler


@pytest.fixture
async def serving(bench: Bench, half: Callable[..., Path]) -> Bench:
    await bench.apply(model_config("half", half(1, 2), "all"))
    await bench.until(lambda: bench.manager.available("half") == (2, 1), "both versions are available")
    return bench


def test_a_signature_left_open_is_the_default() -> None:
    assert ModelSpec("m").signature == "serving_default"
    assert ModelSpec("m", signature_name="other").signature == "other"


class TestOpen:
    async def test_the_highest_version_unless_another_is_named(self, serving: Bench) -> None:
        for version, opened in ((None, 2), (1, 1), (2, 2)):
            with serving.models.open(ModelSpec("half", version)) as handle:
                assert handle.id.version == opened

    async def test_what_is_there_instead_is_told(self, serving: Bench) -> None:
        for spec, hint in (
            (ModelSpec("none"), r"Latest\(none\)\. Available models: half\."),
            (ModelSpec("half", 7), r"Specific\(half, 7\)\. Available versions of half: 2, 1\."),
        ):
            with pytest.raises(ServableNotFound, match=hint):
                serving.models.open(spec)

    async def test_why_a_known_model_does_not_answer_is_told(self, bench: Bench, tmp_path: Path) -> None:
        (tmp_path / "broken" / "3").mkdir(parents=True)
        with pytest.raises(Exception, match="did not become available"):
            await bench.apply(model_config("broken", tmp_path / "broken"))
        with pytest.raises(ServableNotFound, match=r"broken version 3 is END: Could not find SavedModel"):
            bench.models.open(ModelSpec("broken"))

    async def test_no_name(self, bench: Bench) -> None:
        with pytest.raises(MissingModelName):
            bench.models.open(ModelSpec(""))

    async def test_labels(self, serving: Bench) -> None:
        serving.models.replace_labels({"half": {"stable": 1}})
        with serving.models.open(ModelSpec("half", label="stable")) as handle:
            assert handle.id.version == 1
        with pytest.raises(UnknownLabel) as caught:
            serving.models.open(ModelSpec("half", label="best"))
        assert caught.value.known == {"stable": 1}

    async def test_nothing_new_while_draining(self, serving: Bench) -> None:
        serving.models.draining = True
        with pytest.raises(ServerDraining):
            serving.models.open(ModelSpec("half"))

    async def test_the_last_request_is_remembered(self, serving: Bench) -> None:
        before = time.monotonic()
        serving.predict("half")
        assert before <= serving.models.last_request <= time.monotonic()


class TestStatus:
    async def test_versions_are_told_highest_first(self, serving: Bench) -> None:
        status = StatusHandler(serving.manager.monitor)
        assert [state.id.version for state in status.model_status(ModelSpec("half"))] == [2, 1]
        assert [state.id.version for state in status.model_status(ModelSpec("half", 1))] == [1]
        assert len(status.model_status(ModelSpec("half", label="ignored"))) == 2

    async def test_what_is_unknown(self, serving: Bench) -> None:
        status = StatusHandler(serving.manager.monitor)
        with pytest.raises(ModelNotFound, match=r"any versions of model none\. Known models: half"):
            status.model_status(ModelSpec("none"))
        with pytest.raises(ModelNotFound, match="Could not find version 7 of model half"):
            status.model_status(ModelSpec("half", 7))
        with pytest.raises(MissingModelName):
            status.model_status(ModelSpec(""))
