"""Traffic of a real server, divided and shadowed while it answers."""

import shutil
from collections import Counter

import numpy as np
import pytest
from support.servers import until

from workbench import Server
from workbench.errors import RequestFailed
from workbench.traffic import Arm, Comparison, Difference, TrafficState

ROWS = np.ones((2, 3), np.float32)


@pytest.fixture(scope="module")
def running(affine, tmp_path_factory):
    base_path = tmp_path_factory.mktemp("traffic") / "affine"
    for version in ("1", "2"):
        shutil.copytree(affine / version, base_path / version)
    with Server.start(base_path, name="traffic", device="cpu") as server:
        yield server


@pytest.fixture
def server(running):
    """Both versions loaded, nothing divided."""
    running.load(1, 2)
    running.set_traffic(None)
    running.set_shadow(None)
    return running


def version_of(answer):
    """The version that gave it: y = version * 1 + 10 * version."""
    return round(float(answer[0, 0]) / 11)


def answering(server, requests=100):
    """How many requests each version answers."""
    with server.client() as client:
        return Counter(version_of(client.predict("affine", ROWS)) for _ in range(requests))


def test_traffic_is_divided_and_undivided(server):
    assert server.traffic().arms == ()
    assert answering(server, 10) == {2: 10}
    state = server.set_traffic({1: 90, 2: 10})
    assert state.shares == {1: 0.9, 2: 0.1}
    assert answering(server) == {1: 90, 2: 10}
    assert server.set_traffic({1: 0, 2: 100}).generation == state.generation + 1
    assert answering(server, 10) == {2: 10}
    assert server.set_traffic(None).arms == ()


def test_requests_are_counted_by_arm(server):
    before = {arm.version: arm.requests for arm in server.set_traffic({1: 50, 2: 50}).arms}
    answering(server, 10)
    after = {arm.version: arm.requests for arm in server.traffic().arms}
    assert {version: after[version] - before[version] for version in after} == {1: 5, 2: 5}


@pytest.mark.parametrize("rest", [False, True])
async def test_a_key_keeps_its_version(server, rest):
    server.set_traffic({1: 50, 2: 50})
    keys = [f"user-{number}" for number in range(20)] + ["", "Ada Lovelace", "100 % \u00fc\n"]
    found = {}
    with server.client() as client:
        for key in keys:
            (found[key],) = {version_of(client.predict("affine", ROWS, traffic_key=key)) for _ in range(3)}
    assert set(found.values()) == {1, 2}
    with server.client(rest=rest) as client:
        assert {key: version_of(client.predict("affine", ROWS, traffic_key=key)) for key in keys} == found
    async with server.async_client(rest=rest) as client:
        for key in keys:
            assert version_of(await client.predict("affine", ROWS, traffic_key=key)) == found[key]


def test_a_version_that_is_unloaded_leaves_its_share(server):
    server.set_traffic({1: 90, 2: 10})
    server.unload(1)
    assert answering(server, 10) == {2: 10}
    assert [(arm.target, arm.version, arm.share) for arm in server.traffic().arms] == [
        (1, None, 0.0),
        (2, 2, 1.0),
    ]


def test_making_a_version_live_and_rolling_back_end_a_split(server):
    server.set_traffic({1: 90, 2: 10})
    server.make_live(2)
    assert server.traffic().arms == ()
    server.load(1)
    server.set_traffic({1: 0, 2: 100})
    server.roll_back()
    assert server.traffic().arms == ()
    assert answering(server, 10) == {1: 10}


def test_a_shadow_is_compared(server):
    server.set_traffic({1: 100})
    assert server.set_shadow(2).comparison == server.traffic().comparison
    assert answering(server, 20) == {1: 20}
    until(lambda: server.traffic().comparison.compared == 20, "all are compared")
    found = server.traffic().comparison
    # Every column has the same value, so the first is the largest in both.
    assert found.outputs == {"y": Difference(labels=40, disagreements=0, max_abs_difference=11.0)}
    assert (found.failed, found.dropped, found.last_error) == (0, 0, "")
    assert found.mean_ms > 0
    assert server.set_shadow(None).comparison is None


def test_what_cannot_be_is_refused(server):
    with pytest.raises(
        RequestFailed, match=r"Version 9 of affine cannot take traffic.*: 2, 1; load it first"
    ):
        server.set_traffic({1: 1, 9: 1})
    with pytest.raises(RequestFailed, match="Label canary of affine cannot take traffic"):
        server.set_shadow("canary")
    with pytest.raises(RequestFailed, match="A weight is finite and not negative"):
        server.set_traffic({1: -1})


def test_how_traffic_looks():
    comparison = Comparison(120, 1, 3, 0.84, "no <such> output", {"y": Difference(240, 3, 0.125)})
    arms = (Arm(1, 90, 1, 0.9, 1080), Arm("canary", 10, None, 0.0, 0))
    state = TrafficState("digits", 4, arms, 2, comparison)
    assert repr(state).splitlines() == [
        "ARM     VERSION        SHARE  REQUESTS",
        "1       1              90 %   1080",
        "canary  not available  0 %    0",
        "",
        "SHADOW  COMPARED  FAILED  DROPPED  TIME EACH  LATEST ERROR",
        "2       120       1       3        0.8 ms     no <such> output",
        "",
        "OUTPUT  LABELS  DIFFERENT  FURTHEST APART",
        "y       240     3          0.125",
    ]
    assert "<td>no &lt;such&gt; output</td>" in state._repr_html_()
    assert str(state) == (
        "version 1 90 %; shadow 2: 120 compared, 1 failed, 3 dropped; "
        "3 of 240 labels differ, numbers by at most 0.125"
    )
    undivided = TrafficState("digits", 1, (), None, None)
    assert str(undivided) == "all to the highest available version"
    assert repr(undivided).splitlines()[1].split("  ")[0] == "highest available"
