"""Parameters by model, by version, and what replaces them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernel_server.batching.model_batching import ModelBatchings
from kernel_server.batching.parameters import BatchingParameters
from kernel_server.core.servable import ServableId

DEFAULTS = BatchingParameters(max_batch_size=100, num_batch_threads=3, thread_pool_name="pool")
OWN = BatchingParameters(max_batch_size=8, num_batch_threads=9, thread_pool_name="mine")
ONE, TWO = ServableId("m", 1), ServableId("m", 2)


@pytest.fixture
def batchings() -> ModelBatchings:
    return ModelBatchings(DEFAULTS, enabled=True)


def test_versions_share_the_defaults(batchings: ModelBatchings) -> None:
    shared = batchings.of_model("m")
    assert (shared.parameters, shared.enabled, shared.generation) == (DEFAULTS, True, 1)
    assert batchings.of_version(ONE) is batchings.of_version(TWO) is shared


def test_a_version_has_what_it_brings_along_on_the_threads_of_all(batchings: ModelBatchings) -> None:
    batchings.adopt(ONE, OWN)
    own = batchings.of_version(ONE)
    assert own.parameters == replace(OWN, num_batch_threads=3, thread_pool_name="pool")
    assert (own.enabled, own.generation) == (True, 1)
    assert batchings.of_version(TWO).parameters == DEFAULTS
    assert batchings.num_threads == 3


def test_a_version_that_brings_nothing_is_not_batched(batchings: ModelBatchings) -> None:
    batchings.adopt(ONE, None)
    assert not batchings.of_version(ONE).enabled


def test_the_highest_version_speaks_for_the_model(batchings: ModelBatchings) -> None:
    batchings.adopt(TWO, OWN)
    batchings.adopt(ONE, None)
    assert batchings.of_model("m") is batchings.of_version(TWO)
    batchings.forget(TWO)
    assert batchings.of_model("m") is batchings.of_version(ONE)
    batchings.forget(ONE)
    assert batchings.of_model("m").parameters == DEFAULTS


def test_a_replacement_is_for_all_present_versions(batchings: ModelBatchings) -> None:
    batchings.adopt(ONE, None)
    batchings.adopt(TWO, OWN)
    before = batchings.of_model("m").generation
    new = BatchingParameters(max_batch_size=5, num_batch_threads=7)
    batchings.replace("m", new, True)
    for servable in (ONE, TWO, ServableId("m", 3)):
        found = batchings.of_version(servable)
        assert (found.parameters, found.enabled, found.generation) == (new, True, before + 1)
    assert batchings.num_threads == 7
    assert batchings.of_version(ServableId("other", 1)).parameters == DEFAULTS


def test_generations_never_fall(batchings: ModelBatchings) -> None:
    seen = []
    for step in (
        lambda: batchings.adopt(ONE, OWN),
        lambda: batchings.replace("m", DEFAULTS, True),
        lambda: batchings.adopt(TWO, None),
        lambda: batchings.replace("m", OWN, True),
    ):
        step()
        seen.append(batchings.of_model("m").generation)
    assert seen == [1, 2, 3, 4]
