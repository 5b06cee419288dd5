"""What ``import workbench`` costs and offers."""

import subprocess
import sys

import pytest

import workbench


def run(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True)


def test_importing_the_package_loads_nothing_heavy():
    listed = run("import sys, workbench; print(*sys.modules)").stdout.split()
    heavy = {"tensorflow", "grpc", "numpy", "pandas", "google.protobuf", "ipywidgets", "matplotlib", "httpx"}
    assert heavy.isdisjoint(listed)


def test_importing_the_package_is_quick():
    """The time of the import itself, as ``-X importtime`` counts it; 0.3 s is what is promised."""
    trace = run("import workbench", "-X", "importtime").stderr.splitlines()
    (line,) = [line for line in trace if line.endswith(" workbench")]
    assert int(line.split("|")[1]) < 300_000


def test_using_the_server_and_the_client_loads_no_tensorflow():
    listed = run("import sys; from workbench import Server, Client; print(*sys.modules)").stdout.split()
    assert "grpc" in listed
    assert "tensorflow" not in listed
    assert "kernel_server" not in listed


@pytest.mark.parametrize("name", workbench.__all__)
def test_every_public_name_exists(name):
    assert getattr(workbench, name) is not None
    assert name in dir(workbench)


def test_another_name_does_not():
    with pytest.raises(AttributeError, match="has no attribute 'Sever'"):
        workbench.Sever  # noqa: B018
