"""A real JupyterLab in a real browser, for what only a person would otherwise see."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ERRORS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code');
  const shown = [...document.querySelectorAll('.jp-OutputArea-output')].map(n => n.innerText).join(' ');
  return cells.flatMap(c => c.model.outputs.toJSON()).filter(o => o.output_type === 'error')
    .map(o => `${o.ename}: ${o.evalue}`).concat(shown.match(/Error displaying widget|Loading widget/g) ?? []);
}"""
IDLE = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  return panel?.sessionContext?.session?.kernel?.status === 'idle'
    && panel.content.widgets.every(c => c.model.type !== 'code' || c.model.executionCount);
}"""
KERNEL_READY = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


class Lab:
    """One running JupyterLab and one browser."""

    def __init__(self, folder: Path, base: str, token: str, browser: Any) -> None:
        self.folder = folder
        self._base, self._token, self._browser = base, token, browser

    def run(self, name: str, *cells: str, theme: str = "JupyterLab Light", seconds: float = 90) -> Any:
        """Opens a notebook of these cells, runs all of it, and returns the page, free of errors."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        page = self._browser.new_page(viewport={"width": 1180, "height": 1100})
        page.set_default_timeout(seconds * 1000)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{self._base}/lab/tree/{name}.ipynb?token={self._token}&reset")
        page.wait_for_function(KERNEL_READY)
        page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(IDLE)
        assert page.evaluate(ERRORS) == []
        return page

    def saved(self, page: Any, name: str) -> Any:
        """The notebook as it is on disk after a save."""
        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        return nbformat.read(self.folder / f"{name}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a free port of the loopback device, with throw-away settings and a random token."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    home, folder, token = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("notebooks"), secrets.token_hex(16)
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "WORKBENCH_HOME")
    own = {name: str(home / name.lower()) for name in names} | {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
    _without_news(home / "settings")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    options = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    base = f"http://127.0.0.1:{port}"
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen([*command, *options], env=os.environ | own, stdout=log, stderr=log)
    try:
        _until(lambda: _answers(f"{base}/api?token={token}"), 60)
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            yield Lab(folder, base, token, browser)
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


def _without_news(settings: Path) -> None:
    """The one-time question about news would cover a corner of the page."""
    plugin = settings / "@jupyterlab" / "apputils-extension"
    plugin.mkdir(parents=True)
    (plugin / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')


def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "JupyterLab did not start in time"
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
