"""How servers look in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from workbench.batching import BatchingState
from workbench.errors import WorkbenchError
from workbench.versions import VersionStatus

if TYPE_CHECKING:
    from workbench.server import Server

_COLOURS = {
    "serving": "var(--jp-success-color1, #2e7d32)",
    "draining": "var(--jp-warn-color1, #b26a00)",
    "not responding": "var(--jp-error-color1, #c62828)",
    "stopped": "var(--jp-ui-font-color3, GrayText)",
}

_CELL = "padding-right: 16px; vertical-align: top"


def server_text(server: Server) -> str:
    """One line: which server, and what the start found. Asks nobody."""
    return f"Server {server.name!r}: {server.outcome}"


def server_html(server: Server) -> str:
    """Status, addresses, and a row per model; models only while the server answers."""
    status = server.status
    return _template("server").substitute(
        name=escape(server.name),
        status=escape(status),
        colour=_COLOURS.get(status, _COLOURS["stopped"]),
        pid=server.pid,
        device=escape(server.record.device),
        lifetime=escape(server.record.lifetime),
        outcome=escape(str(server.outcome)),
        addresses=_codes(server.record.addresses),
        rows="".join(_model_rows(server)) if status in ("serving", "draining") else "",
    )


def list_text(servers: Sequence[Server]) -> str:
    """A table for a terminal."""
    if not servers:
        return "No model server is running."
    rows = [("SERVER", "STATUS", "PID", "MODELS", "ADDRESSES", "SINCE"), *map(_cells, servers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def list_html(servers: Sequence[Server]) -> str:
    """A table for a notebook."""
    if not servers:
        return "No model server is running."
    return _template("server_list").substitute(rows="".join(_row(_cells(server)) for server in servers))


def batching_text(state: BatchingState) -> str:
    """The three parameters that matter most, and the generation."""
    if not state.enabled:
        return f"off (generation {state.generation})"
    parameters = state.parameters
    return (
        f"up to {parameters.max_batch_size} rows, {parameters.batch_timeout_micros} µs, "
        f"{parameters.num_batch_threads} threads (generation {state.generation})"
    )


def _model_rows(server: Server) -> Iterable[str]:
    try:
        for model in server.models:
            versions = server.versions(model)
            live = next((str(version.version) for version in versions if version.live), "none")
            yield _row((model, live, _listed(versions), batching_text(server.batching(model))))
    except WorkbenchError as error:
        yield _row((str(error), "", "", ""))


def _listed(versions: Iterable[VersionStatus]) -> str:
    return ", ".join(f"{version.version} {_word(version)}" for version in versions)


def _word(version: VersionStatus) -> str:
    if version.failed:
        return "failed"
    return {"UNKNOWN": "on disk", "END": "unloaded"}.get(version.state, version.state.lower())


def _cells(server: Server) -> tuple[str, ...]:
    record = server.record
    models, addresses = ", ".join(record.models), ", ".join(record.addresses)
    return server.name, server.status, str(server.pid), models, addresses, record.started_at


def _row(cells: Sequence[str]) -> str:
    first, *others = map(escape, cells)
    columns = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in others)
    return f'<tr><th scope="row" style="{_CELL}">{first}</th>{columns}</tr>'


def _codes(values: Iterable[str]) -> str:
    return "<br>".join(f"<code>{escape(value)}</code>" for value in values)


def _template(name: str) -> Template:
    return Template((Path(__file__).parent / "templates" / f"{name}.html").read_text())
