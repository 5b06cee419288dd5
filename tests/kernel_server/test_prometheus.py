"""A Prometheus scrapes a server, and every query of the dashboard finds something there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.metrics import TENSORFLOW_SERVING_PATH, lint
from support.servers import Server, until
from support.stubs import Client

from kernel_server.cli import main
from kernel_server.monitoring.dashboard import dashboard

CONFIGURATION = """
global: {{ scrape_interval: 500ms }}
scrape_configs:
- job_name: conventional
  static_configs: [targets: ['{target}']]
- job_name: tensorflow_serving
  metrics_path: {path}
  static_configs: [targets: ['{target}']]
"""

CANNOT_PASS = (
    "metric names should not contain ':'",
    "no help text",
    'counter metrics should have "_total" suffix',
    'non-histogram and non-summary metrics should not have "_count" suffix',
)
"""What promtool says about TensorFlow Serving's own names, and the absence of help texts."""

QUERIES = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


class Prometheus:
    """The HTTP API of a Prometheus."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=60)

    @property
    def ready(self) -> bool:
        """Whether it answers queries; for a moment it listens and does not."""
        try:
            return self._http.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer."""
        return self._http.get(f"/api/v1/{path}", params=parameters).raise_for_status().json()["data"]

    def finds(self, query: str) -> bool:
        """Whether Grafana would draw something for this query."""
        query = query.replace("$__rate_interval", "1m").replace("$model", ".*")
        return any(series["value"][1] != "NaN" for series in self.get("query", query=query)["result"])


@pytest.fixture(scope="module")
def prometheus(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Scrapes both pages of the server twice a second."""
    command = shutil.which("prometheus")
    if command is None:
        pytest.skip("prometheus is not installed; Debian's package prometheus has it")
    folder = tmp_path_factory.mktemp("prometheus")
    target = server.state["rest_address"].removeprefix("http://")
    configuration = CONFIGURATION.format(target=target, path=TENSORFLOW_SERVING_PATH)
    (folder / "prometheus.yml").write_text(configuration)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = {
        "config.file": folder / "prometheus.yml",
        "storage.tsdb.path": folder / "data",
        "web.listen-address": address,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [command, *(f"--{name}={value}" for name, value in flags.items())], stdout=log, stderr=log
        )
    try:
        running = Prometheus(f"http://{address}")
        until(lambda: running.ready, "it answers", (folder / "log").read_text)
        yield running
    finally:
        process.terminate()
        process.wait()


def test_both_pages_are_scraped(prometheus: Prometheus) -> None:
    def health() -> dict[str, str]:
        targets = prometheus.get("targets")["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in targets}

    up = {"conventional": "up", "tensorflow_serving": "up"}
    until(lambda: health() == up, "both are up", lambda: str(prometheus.get("targets")))


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_finds_something(prometheus: Prometheus, client: Client, query: str) -> None:
    def asked() -> bool:
        client.predict("half", [1, 2])
        return prometheus.finds(query)

    until(asked, "the query finds something", lambda: query)


def test_dashboards_of_tensorflow_serving_find_their_names(prometheus: Prometheus, client: Client) -> None:
    client.predict("half", [1])
    until(lambda: prometheus.finds('{__name__=":tensorflow:serving:request_count"}'), "it is found")


def test_the_models_to_choose_from(prometheus: Prometheus, client: Client) -> None:
    client.predict("half", [1])
    until(lambda: "half" in prometheus.get("label/model/values"), "the model is known")


def test_what_promtool_cannot_like(server: Server, client: Client) -> None:
    client.predict("half", [1])
    text = httpx.get(server.state["rest_address"] + TENSORFLOW_SERVING_PATH, timeout=60).text
    assert [line for line in lint(text).splitlines() if not line.endswith(CANNOT_PASS)] == []


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard"]) == 0
    assert json.loads(capsys.readouterr().out) == dashboard()
