"""Reading metrics as Prometheus does, with the parser of its own Python client."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

TENSORFLOW_SERVING_PATH = "/monitoring/prometheus/metrics"


class Page:
    """The samples of one page."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [
            # The parser gives every counter the ending that the conventions ask for.
            sample if sample.name in text else sample._replace(name=sample.name.removesuffix("_total"))
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples that carry these labels; 0 when there is none."""
        return sum(value for found, value in self.series(name) if labels.items() <= found.items())

    def series(self, name: str) -> list[tuple[Mapping[str, str], float]]:
        """Labels and value of every sample of ``name``."""
        return [(sample.labels, sample.value) for sample in self._samples if sample.name == name]

    def values_of(self, label: str) -> set[str]:
        """Every value that ``label`` has anywhere."""
        return {sample.labels[label] for sample in self._samples if label in sample.labels}


def scrape(address: str, path: str = "/metrics") -> Page:
    """The metrics that the server at ``address`` tells now."""
    return Page(httpx.get(address + path, timeout=60).raise_for_status().text)


def lint(text: str) -> str:
    """What promtool finds wrong with the page; skips the test where Prometheus is not installed."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; Debian's package prometheus has it")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    return done.stderr if done.returncode else ""
