"""The choice between versions: how exact, how sticky."""

from __future__ import annotations

from collections import Counter

import pytest

from kernel_server.errors import ServingError
from kernel_server.traffic.arms import Arm, InvalidSplit, check_arms
from kernel_server.traffic.split import Split


def split(weights: dict[int, float], model: str = "half") -> Split:
    return Split(model, weights, Counter())


@pytest.mark.parametrize(
    "weights", [{1: 90.0, 2: 10.0}, {1: 1.0, 2: 1.0, 3: 1.0}, {7: 0.5, 3: 99.5}, {1: 1e-9, 2: 1e9}]
)
def test_every_version_has_its_share_after_any_number_of_requests(weights: dict[int, float]) -> None:
    requests: Counter[int] = Counter()
    chooser = Split("half", weights, requests)
    total = sum(weights.values())
    for count in range(1, 2001):
        chooser.choose(None)
        for version, weight in weights.items():
            assert abs(requests[version] - count * weight / total) < 5


@pytest.mark.parametrize("every", [2, 3, 10])
def test_a_client_that_sends_every_nth_request_sees_the_same_shares(every: int) -> None:
    chooser = split({1: 90.0, 2: 10.0})
    chosen = Counter([chooser.choose(None) for _ in range(2000 * every)][::every])
    assert abs(chosen[2] - 200) < 20


def test_what_is_taken_back_goes_to_the_next_requests_and_is_counted_once() -> None:
    requests: Counter[int] = Counter()
    chooser, reference = Split("half", {1: 3.0, 2: 1.0}, requests), split({1: 3.0, 2: 1.0})
    chosen = [chooser.choose(None) for _ in range(40)]
    chooser.take_back(2, chosen.count(2))
    chooser.take_back(7, 5)
    chooser.choose(b"with a key")
    before = requests.copy()
    assert [chooser.choose(None) for _ in range(chosen.count(2))] == [2] * chosen.count(2)
    assert requests == before
    assert chosen == [reference.choose(None) for _ in range(40)]
    assert chooser.choose(None) == reference.choose(None)


def test_a_key_stays_with_its_version() -> None:
    chooser, keys = split({1: 50.0, 2: 50.0}), [f"user-{n}".encode() for n in range(100)]
    first = [chooser.choose(key) for key in keys]
    assert set(first) == {1, 2}
    assert [chooser.choose(key) for key in keys] == first
    assert [split({1: 50.0, 2: 50.0}).choose(key) for key in keys] == first


def test_keys_have_their_share() -> None:
    chooser = split({1: 90.0, 2: 10.0})
    chosen = Counter(chooser.choose(f"user-{n}".encode()) for n in range(10_000))
    assert 920 < chosen[2] < 1080


def test_keys_stay_with_a_version_whose_share_grows() -> None:
    keys = [f"user-{n}".encode() for n in range(1000)]
    few, many = split({1: 90.0, 2: 10.0}), split({2: 40.0, 1: 60.0})
    assert all(many.choose(key) == 2 for key in keys if few.choose(key) == 2)


def test_keys_fall_differently_for_each_model() -> None:
    keys = [f"user-{n}".encode() for n in range(100)]
    one, other = split({1: 1.0, 2: 1.0}, "one"), split({1: 1.0, 2: 1.0}, "other")
    assert [one.choose(key) for key in keys] != [other.choose(key) for key in keys]


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ([Arm(1, -1.0)], "A weight is finite and not negative; version 1 has -1"),
        ([Arm("new", float("nan"))], "A weight is finite and not negative; label new has nan"),
        ([Arm(1, float("inf"))], "A weight is finite and not negative; version 1 has inf"),
        ([Arm(1, 0.0), Arm(2, 0.0)], "At least one weight of a split must be positive"),
        ([Arm(1, 1.0), Arm(1, 2.0)], "A split names each version and label once"),
    ],
)
def test_weights_that_are_no_shares(arms: list[Arm], message: str) -> None:
    with pytest.raises(InvalidSplit) as caught:
        check_arms(arms)
    error: ServingError = caught.value
    assert error.message == message
