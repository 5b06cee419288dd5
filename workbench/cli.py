"""The ``workbench`` command: which servers run, end one, read its log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.errors import WorkbenchError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Model servers that notebooks of this user have started.",
)

Name = Annotated[str | None, typer.Argument(help="The server; not needed when only one is running.")]


@app.command("list")
def list_servers() -> None:
    """List the running servers."""
    from workbench.server import Server

    typer.echo(repr(Server.list()))


@app.command()
def stop(
    name: Name = None,
    everything: Annotated[bool, typer.Option("--all", help="Stop every server.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that requests in flight may take.")] = 30.0,
) -> None:
    """Stop a server: answer what is in flight, then end its process."""
    from workbench.discovery import find_all, find_one
    from workbench.home import ServerFolder
    from workbench.launch import stop as stop_process

    for found in find_all() if everything else [find_one(name)]:
        folder = ServerFolder.of(found.record.name)
        with folder.locked():
            typer.echo(f"{found.record.name}: {stop_process(found.record, folder, timeout)}")


@app.command()
def logs(
    name: Name = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many, from the end.")] = 40,
) -> None:
    """Print the end of a server's log, of a server that has ended too."""
    from workbench.discovery import find_one
    from workbench.home import ServerFolder
    from workbench.logs import tail

    folder = ServerFolder.of(name or find_one(None).record.name)
    if not folder.log.exists():
        raise typer.BadParameter(f"there is no log of a server named '{folder.name}'")
    typer.echo(tail(folder.log, lines))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def demo(
    context: typer.Context,
    headless: Annotated[
        bool, typer.Option("--headless", help="Run it here and write the curve as PNG and CSV.")
    ] = False,
    directory: Annotated[
        Path, typer.Option(help="Where the tutorial is put and the results are written.")
    ] = Path("serving-demo"),
) -> None:
    """Open the tutorial in JupyterLab; further options go to ``jupyter lab``."""
    from workbench.demo import RESULTS, open_in_lab, run_in_terminal, tutorial

    if not headless:
        raise typer.Exit(open_in_lab(tutorial(), directory, context.args))
    run_in_terminal(tutorial(), directory)
    for name in RESULTS:
        typer.echo(directory / name)


def main() -> None:
    """Run the command; what goes wrong is one line on standard error and exit status 1."""
    try:
        app()
    except WorkbenchError as error:
        typer.echo(f"workbench: {error}", err=True)
        raise SystemExit(1) from None
