"""``%serve`` in a real IPython shell."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from workbench.errors import ServerNotFound
from workbench.server import Server


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    with warnings.catch_warnings():
        # A shell outside a terminal complains that there is no history.
        warnings.simplefilter("ignore")
        shell = InteractiveShell.instance()
    shell.extension_manager.load_extension("workbench")
    yield shell
    shell.extension_manager.unload_extension("workbench")
    InteractiveShell.clear_instance()


@pytest.fixture
def served(shell: InteractiveShell, copy_of_affine: Callable[..., Path]) -> Iterator[Server]:
    shell.user_ns["folder"] = str(copy_of_affine(1))
    server = shell.run_line_magic(
        "serve", shell.var_expand("start $folder --name magic --max-batch-size 7 --device cpu")
    )
    yield server
    server.stop()


def run(shell: InteractiveShell, line: str) -> Any:
    return shell.run_line_magic("serve", line)


def test_start_status_logs_and_stop(shell: InteractiveShell, served: Server) -> None:
    assert served.batching().parameters.max_batch_size == 7
    assert served.name in [server.name for server in run(shell, "status")]
    assert run(shell, "status magic").pid == served.pid
    assert "Serving on" in run(shell, "logs magic -n 5")
    assert run(shell, "stop magic").how == "drained"
    assert "Serving on" in run(shell, "logs magic"), "the log of an ended server is still there"
    with pytest.raises(ServerNotFound):
        run(shell, "stop magic")


def test_the_same_line_again_takes_over_the_same_server(shell: InteractiveShell, served: Server) -> None:
    folder = shell.user_ns["folder"]
    again = run(shell, f"start {folder} --name magic --max-batch-size 7 --device cpu")
    assert again.pid == served.pid
    assert str(again.outcome).startswith("reusing")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "start | status | stop | logs"),
        ("launch", "invalid choice: 'launch'"),
        ("start", "models"),
        ("start m --max-batch-size many", "invalid int value: 'many'"),
        ("start a=models/a b", "NAME=FOLDER"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_and_how_to_write_it(
    shell: InteractiveShell, line: str, complaint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run(shell, line)
    assert complaint in str(caught.value)


def test_help_is_printed_and_ends_nothing(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(shell, "start --help") is None
    assert "--batch-timeout-micros" in capsys.readouterr().out
    page = shell.object_inspect("%serve")["docstring"]
    assert "start | status | stop | logs" in page


def test_reloading_the_extension_keeps_the_magic(shell: InteractiveShell) -> None:
    shell.extension_manager.reload_extension("workbench")
    assert "serve" in shell.magics_manager.magics["line"]
    shell.extension_manager.unload_extension("workbench")
    assert "serve" not in shell.magics_manager.magics["line"]
    shell.extension_manager.load_extension("workbench")
    assert run(shell, "status") is not None
