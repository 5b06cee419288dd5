"""Sources and version policies of other packages, in a running server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.other_models import vocabulary
from support.servers import Server, until
from support.stubs import Client

from kernel_server.plug_ins import POLICIES, SOURCES, UnknownPlugIn, plug_in

PACKAGE = """
from pathlib import Path

from kernel_server.core.policy import ResourcePreserving
from kernel_server.sources.file_system import source

class Telling(ResourcePreserving):
    def next_action(self, versions):
        action = super().next_action(versions)
        if action:
            print(f"policy: {type(action).__name__} {action.version}", flush=True)
        return action

def finished(emit, settings):
    def emit_finished(name, versions):
        found = [(number, path) for number, path in versions if (path / "FINISHED").exists()]
        if found:
            emit(name, found)

    return source(emit_finished, settings)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution with a source and a policy, for this process and those that it starts."""
    info = tmp_path / "own_parts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-parts\nVersion: 1.0\n")
    entries = f"[{SOURCES}]\nfinished = own_parts:finished\n[{POLICIES}]\ntelling = own_parts:Telling\n"
    (info / "entry_points.txt").write_text(entries)
    (tmp_path / "own_parts.py").write_text(PACKAGE)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@pytest.mark.usefixtures("installed")
def test_a_server_with_both(start_server: Callable[..., Server], tmp_path: Path) -> None:
    base_path = tmp_path / "words"
    vocabulary(base_path / "1")
    (base_path / "1" / "FINISHED").touch()
    server = start_server(
        model_name="words", model_base_path=base_path, source="finished", version_policy="telling"
    )
    client = Client(server.wait_until_ready().channel())
    assert client.predict("words", {"tokens": [b"c"]})["ids"].tolist() == [2]

    vocabulary(base_path / "2")
    (base_path / "2" / "vocabulary.txt").write_text("c\n")
    (base_path / "2" / "FINISHED").touch()
    until(lambda: client.status("words")[-1] == (1, "END", ""), "version 1 is unloaded")
    until(lambda: client.status("words")[0] == (2, "AVAILABLE", ""), "version 2 is available")
    assert client.predict("words", {"tokens": [b"c"]})["ids"].tolist() == [0]
    told = [line.split(": ")[1] for line in server.log.splitlines() if line.startswith("policy: ")]
    assert told == ["Load 1", "Unload 1", "Load 2"]


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(UnknownPlugIn) as caught:
        plug_in(SOURCES, "source", "s3")
    assert caught.value.message == "--source=s3 is not installed. Installed are: file_system"
