"""The canary of the Versions tab, on a real server."""

from __future__ import annotations

import numpy as np
import pytest
from support.servers import until

from workbench.widgets import Panel

JOB_SECONDS = 60


@pytest.fixture
def both(panel: Panel) -> Panel:
    """The panel with both versions loaded and nothing divided."""
    server = panel.session.server
    server.load(1, 2)
    server.set_traffic(None)
    until(lambda: panel.versions_tab.canary.versions == (1, 2), "the panel has seen both versions")
    return panel


def apply(panel: Panel, share: int) -> str:
    """Sets the slider and presses Apply; what the user reads then."""
    tab = panel.versions_tab
    tab.canary.values = {"share": share}
    tab.apply_button.click()
    assert tab.job is not None
    tab.job.join(JOB_SECONDS)
    return str(tab.message.value)


def rows(panel: Panel) -> dict[int, dict[str, object]]:
    return {row["version"]: row for row in panel.versions_tab.table.rows}


def test_the_slider_divides_the_traffic(both: Panel) -> None:
    tab, server = both.versions_tab, both.session.server
    assert tab.split.layout.display is None
    assert tab.apply_button.disabled
    assert tab.canary.knobs[0]["label"] == "Version 2"
    assert "From the next request on: version 1 90 %, version 2 10 %." in apply(both, 10)
    assert server.traffic().shares == {1: 0.9, 2: 0.1}
    assert tab.apply_button.disabled
    assert "version 2 100 %" in apply(both, 100)
    assert server.traffic().shares == {2: 1.0}


def test_arms_are_told_apart(both: Panel) -> None:
    apply(both, 20)
    until(lambda: rows(both)[1]["share"] == "80 %", "the panel shows the shares")
    assert not any(row["live"] for row in rows(both).values())
    with both.session.server.client() as client:
        for _ in range(10):
            client.predict("affine", np.ones((1, 3), np.float32))
    until(lambda: {v: r["requests"] for v, r in rows(both).items()} == {1: "8", 2: "2"}, "all are counted")
    assert str(rows(both)[1]["latency"]).count(" ms") == 2
    assert rows(both)[2]["errors"] == "0"


def test_what_others_change_is_followed_but_never_wipes_out_edits(both: Panel) -> None:
    canary, server = both.versions_tab.canary, both.session.server
    server.set_traffic({1: 50, 2: 50})
    until(lambda: canary.values == {"share": 50}, "the slider follows")
    canary.values = {"share": 5}
    server.set_traffic({1: 80, 2: 20})
    until(lambda: canary.in_force == {"share": 20}, "the slider knows what is in force")
    assert canary.values == {"share": 5}
    assert not both.versions_tab.apply_button.disabled
    canary.values = canary.in_force


def test_without_a_second_version_there_is_nothing_to_divide(both: Panel) -> None:
    both.session.server.unload(1)
    until(lambda: both.versions_tab.split.layout.display == "none", "the canary is hidden")
