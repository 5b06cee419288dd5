"""A real JupyterLab in a real browser, for what only a person would otherwise see."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab import SECONDS, Lab
from support.servers import until

playwright = pytest.importorskip("playwright.sync_api")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a free loopback port, with a random token and settings that nobody else has."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs one of {', '.join(BROWSERS)}")
    home, folder = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("notebooks")
    token, port = secrets.token_hex(16), _free_port()
    server = _start(home, folder, token, port)
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(f"{address}/api?token={token}"), "JupyterLab answers")
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            yield Lab(folder, address, token, browser)
            browser.close()
    finally:
        server.terminate()
        server.wait(SECONDS)


def _start(home: Path, folder: Path, token: str, port: int) -> subprocess.Popen[bytes]:
    _set(home / "settings", "apputils-extension/notification", fetchNews="false")
    _set(home / "settings", "notebook-extension/tracker", windowingMode="none")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "WORKBENCH_HOME")
    places = {name: str(home / name.lower()) for name in names}
    places["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (home / "lab.log").open("wb") as log:
        return subprocess.Popen(command, env=os.environ | places, stdout=log, stderr=subprocess.STDOUT)


def _set(settings: Path, plugin: str, **values: str) -> None:
    """No question about news over a corner of the page; cells that are out of sight are drawn too."""
    path = settings / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(values))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
