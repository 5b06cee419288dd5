"""From no server to one and back, all through a panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.servers import until

from workbench.server import Server
from workbench.widgets import Panel, panel
from workbench.widgets.export import ExportPane
from workbench.widgets.session import Session

START_SECONDS = 120


@pytest.fixture
def empty() -> Iterator[Panel]:
    """A panel without a server; one that it has started is stopped."""
    empty = Panel()
    yield empty
    server = empty.session.server
    empty.close()
    if server is not None:
        server.stop()


def finish(tab: object) -> str:
    tab.job.join(START_SECONDS)
    assert not tab.busy
    return str(tab.message.value)


def test_start_restart_notice_the_end_and_start_again(
    empty: Panel, copy_of_affine: Callable[..., Path]
) -> None:
    tab = empty.server_tab
    assert empty.pill.label == "no server"
    tab.models.value, tab.name.value, tab.device.value = str(copy_of_affine(1)), "from-panel", "cpu"
    tab.start_button.click()
    until(lambda: empty.pill.state == "busy", "the pill tells that something happens")
    assert "launched" in finish(tab)
    first = empty.session.server.pid
    until(lambda: empty.session.snapshot is not None, "the panel sees it")
    tab.restart_button.click()
    assert "launched" in finish(tab)
    assert empty.session.server.pid != first
    Server.attach("from-panel").stop()
    until(lambda: empty.session.server is None, "the panel notices the end")
    until(lambda: "has ended" in tab.message.value, "and says so")
    assert "Serving on" in tab.message.value, "with the end of the log"
    assert tab.setup.layout.display is None


def test_attach_and_stop(empty: Panel, copy_of_affine: Callable[..., Path]) -> None:
    Server.start(copy_of_affine(1), name="elsewhere", device="cpu")
    tab = empty.server_tab
    tab.search_button.click()
    tab.running.value = "elsewhere"
    tab.attach_button.click()
    assert "reusing" in finish(tab)
    tab.stop_button.click()
    assert "drained" in finish(tab)
    assert empty.session.server is None
    assert "elsewhere" not in [server.name for server in Server.list()]


def test_a_failed_start_shows_the_reason(empty: Panel, tmp_path: Path) -> None:
    tab = empty.server_tab
    tab.start_button.click()
    assert "Name the folder" in tab.message.value
    broken = tmp_path / "broken" / "1"
    broken.mkdir(parents=True)
    (broken / "saved_model.pb").write_bytes(b"no model")
    tab.models.value, tab.device.value = str(broken.parent), "cpu"
    tab.start_button.click()
    assert "did not become available" in finish(tab)
    assert 'role="alert"' in tab.message.value
    assert empty.session.server is None


def test_panel_finds_the_only_server_by_itself(affine_server: Server) -> None:
    found = panel()
    assert found.session.server.pid == affine_server.pid
    found.close()
    assert not found.session.refresher.running


def test_export_from_the_namespace(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    namespace = {
        "model": keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]),
        "fixed": tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([1, 4], name="x")]),
        "examples": np.zeros((8, 4), np.float32),
        "number": 3,
    }
    session = Session()
    tab = ExportPane(session, namespace)
    assert tab.model.options == ("model", "fixed")
    tab.folder.value, tab.warmup.value = str(tmp_path / "m"), "examples"
    tab.export_button.click()
    assert "Version 1 is complete" in finish(tab)
    assert "float32 [?, 4]" in tab.outcome.value
    assert session.folder == str(tmp_path / "m")
    tab.model.value, tab.warmup.value = "fixed", "none"
    tab.export_button.click()
    assert "the first dimension of input" in finish(tab)
    tab.batched.value = False
    tab.export_button.click()
    assert "Version 2 is complete" in finish(tab)
    namespace["later"] = namespace["model"]
    tab.search_button.click()
    assert tab.model.options == ("model", "later", "fixed")
    assert tab.model.value == "fixed"
    session.refresher.stop()
