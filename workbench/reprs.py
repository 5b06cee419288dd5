"""How servers look in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.tables import Row, html_table, text_table
from workbench.versions import VersionStatus

if TYPE_CHECKING:
    from workbench.server import Server

_COLOURS = {
    "serving": "var(--jp-success-color1, #2e7d32)",
    "draining": "var(--jp-warn-color1, #b26a00)",
    "not responding": "var(--jp-error-color1, #c62828)",
    "stopped": "var(--jp-ui-font-color3, GrayText)",
}

_SERVERS = ("Server", "Status", "Pid", "Models", "Addresses", "Since")
_MODELS = ("Model", "Live version", "All versions", "Batching")
_TEMPLATE = Template((Path(__file__).parent / "templates" / "server.html").read_text())


def server_text(server: Server) -> str:
    """One line: which server, and what the start found. Asks nobody."""
    return f"Server {server.name!r}: {server.outcome}"


def server_html(server: Server) -> str:
    """Status, addresses, and a row per model; models only while the server answers."""
    status = server.status
    answers = status in ("serving", "draining")
    return _TEMPLATE.substitute(
        name=escape(server.name),
        status=escape(status),
        colour=_COLOURS.get(status, _COLOURS["stopped"]),
        pid=server.pid,
        device=escape(server.record.device),
        lifetime=escape(server.record.lifetime),
        outcome=escape(str(server.outcome)),
        addresses=_codes(server.record.addresses),
        models=html_table("Models", _MODELS, _model_rows(server)) if answers else "",
    )


def list_text(servers: Sequence[Server]) -> str:
    """A table for a terminal."""
    if not servers:
        return "No model server is running."
    return text_table(_SERVERS, map(_cells, servers))


def list_html(servers: Sequence[Server]) -> str:
    """A table for a notebook."""
    if not servers:
        return "No model server is running."
    return html_table("Model servers", _SERVERS, map(_cells, servers))


def _model_rows(server: Server) -> Iterator[Row]:
    try:
        for model in server.models:
            versions = server.versions(model)
            live = next((str(version.version) for version in versions if version.live), "none")
            yield model, live, _listed(versions), str(server.batching(model))
    except WorkbenchError as error:
        yield str(error), "", "", ""


def _listed(versions: Iterable[VersionStatus]) -> str:
    return ", ".join(f"{version.version} {version.word}" for version in versions)


def _cells(server: Server) -> Row:
    record = server.record
    models, addresses = ", ".join(record.models), ", ".join(record.addresses)
    return server.name, server.status, str(server.pid), models, addresses, record.started_at


def _codes(values: Iterable[str]) -> str:
    return "<br>".join(f"<code>{escape(value)}</code>" for value in values)
