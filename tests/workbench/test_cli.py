import pytest
from typer.testing import CliRunner

from workbench.cli import app
from workbench.server import Server


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_running_servers_are_listed(affine_server):
    result = run("list")
    assert result.exit_code == 0
    assert f"shared  serving  {affine_server.pid}" in " ".join(result.stdout.split(" ")).replace("   ", "  ")


def test_the_log_is_printed(affine_server):
    result = run("logs", "shared", "--lines", "3")
    assert result.exit_code == 0
    assert result.stdout.rstrip("\n") == str(affine_server.logs(3))


def test_the_log_of_nobody_is_refused():
    assert run("logs", "nobody").exit_code == 2


def test_a_server_is_stopped(affine):
    server = Server.start(affine, name="to-be-stopped", device="cpu", rest=False)
    result = run("stop", "to-be-stopped")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"to-be-stopped: pid {server.pid} drained")
    assert not server.record.process.alive
    assert "to-be-stopped" not in run("list").stdout


def test_what_goes_wrong_is_one_line(monkeypatch, capsys):
    from workbench.cli import main

    monkeypatch.setattr("sys.argv", ["workbench", "stop", "nobody"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith("workbench: no server named 'nobody' is running")
