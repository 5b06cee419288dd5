"""What the buttons of a panel do to a real server, and what the panel says about it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from support.servers import until

from workbench.versions import VersionStatus
from workbench.widgets import Panel
from workbench.widgets.pane import Pane
from workbench.widgets.versions import swap_stage

SWAP_SECONDS = 60


def finish(pane: Pane) -> str:
    """Waits for the pane's job; what the user reads then."""
    assert pane.job is not None
    pane.job.join(SWAP_SECONDS)
    assert not pane.busy
    return str(pane.message.value)


def look_no_more(panel: Panel) -> None:
    """Stops the panel's looking, and waits for a look under way."""
    looking = panel.session.refresher._thread
    assert looking is not None
    panel.session.refresher.stop()
    looking.join(SWAP_SECONDS)


def press(panel: Panel, action: str, version: int) -> str:
    """As the browser does when a button of the version table is pressed."""
    tab = panel.versions_tab
    tab.table._handle_custom_msg({"action": action, "version": version}, [])
    return finish(tab)


def actions(panel: Panel) -> dict[int, list[str]]:
    return {row["version"]: [key for key, _ in row["actions"]] for row in panel.versions_tab.table.rows}


def live(panel: Panel) -> int | None:
    snapshot = panel.session.snapshot
    return None if snapshot is None else snapshot.live


def test_the_pill_says_what_is_served(panel: Panel) -> None:
    until(lambda: panel.pill.state == "serving", "the pill is green")
    assert panel.pill.text.startswith("affine · version 2 · batching generation")
    assert panel.pill.updated > 0


def test_the_server_tab_tells_where_it_is(panel: Panel) -> None:
    until(lambda: "MiB" in panel.server_tab.facts.value, "the facts are complete")
    for fact in (str(panel.session.server.pid), "unix:", "http://127.0.0.1:", "with its kernel"):
        assert fact in panel.server_tab.facts.value
    assert panel.server_tab.setup.layout.display == "none"


def test_the_log_appears_on_demand(panel: Panel) -> None:
    panel.server_tab.log_button.value = True
    assert "Serving on" in panel.server_tab.log_text.value
    panel.server_tab.log_button.value = False
    assert panel.server_tab.log_text.value == ""


def test_versions_are_swapped_loaded_unloaded_and_rolled_back(panel: Panel) -> None:
    until(lambda: actions(panel) == {2: [], 1: ["make_live", "load"]}, "version 2 is alone")
    assert "Version 2 answers now" in press(panel, "load", 1)
    until(
        lambda: actions(panel) == {2: ["make_live", "unload"], 1: ["make_live", "unload"]}, "both are loaded"
    )
    assert "Version 2 answers now" in press(panel, "unload", 1)
    panel.versions_tab.back_button.click()
    assert "Version 1 answers now" in finish(panel.versions_tab)
    until(lambda: live(panel) == 1, "the panel shows the swap")
    assert panel.versions_tab.back_button.disabled
    assert "Version 2 answers now" in press(panel, "make_live", 2)
    until(lambda: live(panel) == 2, "the panel shows the swap")


@pytest.mark.parametrize(
    ("states", "stage", "words"),
    [
        ({1: "AVAILABLE"}, 1, "version 2 is loading"),
        ({1: "AVAILABLE", 2: "LOADING"}, 1, "version 2 is loading"),
        ({1: "UNLOADING", 2: "AVAILABLE"}, 2, "version 1 finishes its last requests"),
        ({1: "END", 2: "AVAILABLE"}, 3, "done"),
    ],
)
def test_how_far_a_swap_is(states: dict[int, str], stage: int, words: str) -> None:
    told = swap_stage(2, tuple(VersionStatus(version, state) for version, state in states.items()))
    assert told[0] == stage
    assert words in told[1]


def test_a_version_that_does_not_load_is_explained_and_the_old_one_stays(panel: Panel) -> None:
    broken = Path(panel.session.server.record.models["affine"]) / "7"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"no model")
    try:
        message = press(panel, "make_live", 7)
        assert 'role="alert"' in message
        assert "7" in message
        until(lambda: live(panel) == 2, "version 2 answers")
    finally:
        (broken / "saved_model.pb").unlink()
        broken.rmdir()


def test_parameters_are_edited_applied_and_undone(panel: Panel) -> None:
    tab, server = panel.batching_tab, panel.session.server
    before = server.batching()
    assert tab.apply_button.disabled
    tab.knobs.values = {**tab.knobs.values, "max_batch_size": 16, "allowed_batch_sizes": "4, 16"}
    assert not tab.apply_button.disabled
    assert "changes not applied" in tab.generation.value
    tab.apply_button.click()
    assert f"Generation {before.generation + 1} is in force" in finish(tab)
    assert server.batching().parameters.allowed_batch_sizes == (4, 16)
    assert tab.apply_button.disabled
    tab.undo_button.click()
    finish(tab)
    assert server.batching().parameters == before.parameters
    assert tab.knobs.values["max_batch_size"] == before.parameters.max_batch_size


def test_what_others_change_is_followed_but_never_wipes_out_edits(panel: Panel) -> None:
    tab, server = panel.batching_tab, panel.session.server
    server.set_batching(max_batch_size=32)
    until(lambda: tab.knobs.values["max_batch_size"] == 32, "the form follows")
    tab.knobs.values = {**tab.knobs.values, "batch_timeout_micros": 500}
    server.undo_batching()
    until(lambda: tab.knobs.in_force["max_batch_size"] != 32, "the form knows what is in force")
    assert tab.knobs.values["batch_timeout_micros"] == 500
    tab.revert_button.click()
    assert tab.knobs.values == tab.knobs.in_force


def test_a_wrong_parameter_is_refused_in_words(panel: Panel) -> None:
    tab = panel.batching_tab
    generation = panel.session.server.batching().generation
    tab.knobs.values = {**tab.knobs.values, "allowed_batch_sizes": "many"}
    tab.apply_button.click()
    assert "whole numbers" in tab.message.value
    tab.knobs.values = {**tab.knobs.values, "allowed_batch_sizes": "8, 4"}
    tab.apply_button.click()
    assert 'role="alert"' in finish(tab), "the server refuses sizes that do not rise"
    assert panel.session.server.batching().generation == generation
    tab.revert_button.click()


def test_a_curve_grows_is_kept_as_a_figure_and_cleared(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    tab = panel.curve_tab
    kept: list[Any] = []
    monkeypatch.setattr(tab, "_keep", kept.append)
    grown: list[int] = []
    tab.chart.observe(lambda change: grown.append(sum(len(c["points"]) for c in change["new"])), "curves")
    tab.levels.value, tab.settings.value, tab.duration.value = "40 80", "off, 8", 0.5
    tab.run_button.click()
    assert "Measured 2 curves" in finish(tab)
    assert {1, 2, 3, 4} <= set(grown), "every point is drawn as soon as it is there"
    labels = [curve["label"] for curve in tab.chart.curves]
    assert labels == ["no batching", "batches up to 8, 2 ms"]
    assert labels[1] in tab.tables.value
    tab.keep_button.click()
    assert isinstance(kept[0], Figure)
    tab.clear_button.click()
    assert tab.chart.curves == []
    assert tab.keep_button.disabled


def test_a_sweep_can_be_cancelled(panel: Panel) -> None:
    tab = panel.curve_tab
    tab.levels.value, tab.settings.value, tab.duration.value = "50", "", 300
    tab.run_button.click()
    until(lambda: "answered/s" in tab.glance.value, "the sweep is under way")
    tab.cancel_button.click()
    assert "Cancelled" in finish(tab)


@pytest.mark.parametrize(
    ("levels", "mode", "words"), [("fast", "open", "numbers"), ("", "closed", "how many callers")]
)
def test_a_sweep_without_sense_is_refused(panel: Panel, levels: str, mode: str, words: str) -> None:
    tab = panel.curve_tab
    tab.mode.value, tab.levels.value = mode, levels
    tab.run_button.click()
    assert words in tab.message.value
    tab.mode.value = "open"


def test_stopping_asks_first_while_requests_are_in_flight(panel: Panel) -> None:
    look_no_more(panel)
    snapshot, tab = panel.session.snapshot, panel.server_tab
    signature = replace(snapshot.statistics.signatures[0], in_flight_requests=3)
    panel.session.snapshot = replace(
        snapshot, statistics=replace(snapshot.statistics, signatures=(signature,))
    )
    tab.stop_button.click()
    assert "3 requests are in flight on panel" in tab.question.value
    assert tab.confirmation.layout.display is None
    tab.keep_button.click()
    assert tab.confirmation.layout.display == "none"
    panel.session.refresher.start()
    assert panel.session.server.status == "serving"


def test_an_error_in_a_callback_a_job_or_a_drawing_is_shown(
    panel: Panel, caplog: pytest.LogCaptureFixture
) -> None:
    tab = panel.export_tab
    tab.button("Fail", lambda: 1 / 0).click()
    assert "ZeroDivisionError" in tab.message.value
    tab.start_job("Failing …", lambda: str(1 / 0))
    assert "ZeroDivisionError: division by zero" in finish(tab)
    tab.draw = lambda: 1 / 0  # type: ignore[method-assign]
    tab.message.say("")
    tab.redraw()
    del tab.draw
    assert "ZeroDivisionError" in tab.message.value
    assert len(caplog.records) == 3
    tab.redraw()


def test_nobody_looking_means_no_asking(panel: Panel) -> None:
    pill, refresher = panel.pill, panel.session.refresher
    pill._handle_custom_msg({"kind": "shown"}, [])
    pill._handle_custom_msg({"kind": "shown"}, [])
    pill._handle_custom_msg({"kind": "hidden"}, [])
    assert refresher.running
    pill._handle_custom_msg({"kind": "hidden"}, [])
    assert not refresher.running
    pill._handle_custom_msg({"kind": "shown"}, [])
    assert refresher.running


def test_looking_happens_off_the_main_thread(panel: Panel) -> None:
    threads: set[str] = set()
    panel.session.observe(lambda _: threads.add(threading.current_thread().name), "looked_at")
    until(lambda: bool(threads), "it has looked")
    assert threads == {"workbench-refresher"}
