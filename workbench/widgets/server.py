"""The Server tab: start or attach, facts, stop, restart, logs."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

import ipywidgets as widgets

from workbench.server import Server
from workbench.widgets.forms import field, heading, hinted, log_block, offer, row, visible
from workbench.widgets.pane import Pane
from workbench.widgets.session import Session, Snapshot

LOG_LINES = 200
LIFETIMES = {
    "kernel": "with its kernel",
    "session": "with its Jupyter session",
    "detached": "only when stopped",
}


class ServerPane(Pane):
    """Brings a server up or down and shows where it can be reached."""

    def __init__(self, session: Session) -> None:
        self.models = field(widgets.Text, "Model folder", placeholder="models/digits")
        self.name = field(widgets.Text, "Server name", placeholder="as the model")
        self.lifetime = field(widgets.Dropdown, "Lifetime", options=[(v, k) for k, v in LIFETIMES.items()])
        self.device = field(widgets.Combobox, "Device", value="auto", options=["auto", "cpu", "gpu:0"])
        self.batched = field(widgets.Checkbox, "Batch requests", value=True)
        self.start_button = self.button("Start", self.start, button_style="primary")
        self.running = field(widgets.Dropdown, "Running servers")
        self.attach_button = self.button("Attach", self.attach)
        self.search_button = self.button("Look again", self.search)
        self.setup = widgets.VBox(
            [
                heading("Start a server"),
                hinted(self.models, "holds the numbered versions"),
                hinted(self.name, "tells servers apart"),
                hinted(self.lifetime, "when it ends by itself"),
                hinted(self.device, "auto, cpu or gpu:N"),
                hinted(self.batched, "join requests that arrive together"),
                row(self.start_button),
                heading("Or use one that runs"),
                row(self.running, self.attach_button, self.search_button),
            ]
        )
        self.facts = widgets.HTML()
        self.stop_button = self.button("Stop", self.stop)
        self.restart_button = self.button("Restart", self.restart)
        self.question = widgets.HTML()
        self.confirm_button = self.button("Stop anyway", self.stop_now, button_style="danger")
        self.keep_button = self.button("Keep it", self._close_question)
        self.confirmation = row(self.question, self.confirm_button, self.keep_button)
        self.log_text = widgets.HTML()
        self.log_button = widgets.ToggleButton(description="Log")
        self.log_button.observe(self.guarded(self.redraw), "value")
        buttons = row(self.stop_button, self.restart_button, self.log_button)
        self.dashboard = widgets.VBox([self.facts, buttons, self.confirmation, self.log_text])
        visible(self.confirmation, False)
        super().__init__(session, self.setup, self.dashboard)
        session.observe(lambda change: setattr(self.models, "value", change["new"]), "folder")
        session.observe(lambda change: self._tell_end(change["new"]), "ended")
        self.search()

    def start(self) -> None:
        """Starts what the form says."""
        models, name = self.models.value.strip(), self.name.value.strip() or None
        if not models:
            self.message.say("Name the folder that holds the model's numbered versions.", "error")
            return
        settings = {
            "name": name,
            "lifetime": self.lifetime.value,
            "device": self.device.value,
            "batching": None if self.batched.value else False,
        }

        def launch() -> str:
            self.session.server = server = Server.start(models, **settings)
            return f"{server.name}: {server.outcome}"

        self.start_job(f"Starting a server on {models} …", launch)

    def search(self) -> None:
        """Looks which servers run."""
        offer(self.running, [server.name for server in Server.list()])
        self.redraw()

    def attach(self) -> None:
        """Takes over the chosen server."""
        name = self.running.value

        def take_over() -> str:
            self.session.server = server = Server.attach(name)
            return f"{server.name}: {server.outcome}"

        self.start_job(f"Attaching to {name} …", take_over)

    def stop(self) -> None:
        """Stops the server, after a question if that would disturb somebody."""
        waiting = _in_flight(self.session.snapshot)
        if not waiting:
            self.stop_now()
            return
        self.question.value = (
            f"<b>{waiting} requests are in flight on {escape(self.session.server.name)}.</b> "
            "They get 30 seconds to be answered."
        )
        visible(self.confirmation, True)

    def stop_now(self) -> None:
        """Stops the server."""
        self._close_question()
        server = self.session.server

        def end() -> str:
            outcome = server.stop()
            self.session.snapshot, self.session.server = None, None
            return f"{server.name}: {outcome}"

        self.start_job(f"Stopping {server.name} (pid {server.pid}) …", end)

    def restart(self) -> None:
        """Stops the server and starts it with the same settings."""
        server = self.session.server

        def renew() -> str:
            self.session.snapshot, self.session.server = None, None
            self.session.server = server.restart()
            return f"{server.name}: {server.outcome}"

        self.start_job(f"Restarting {server.name} …", renew)

    def draw(self) -> None:
        """Shows the form, or the dashboard of the server."""
        server: Server | None = self.session.server
        visible(self.setup, server is None)
        visible(self.dashboard, server is not None)
        for button in (self.start_button, self.search_button, self.stop_button, self.restart_button):
            button.disabled = self.busy
        self.attach_button.disabled = self.busy or self.running.value is None
        if server is None:
            return
        self.stop_button.tooltip = f"Stops {server.name}, pid {server.pid}"
        self.facts.value = _facts(server, self.session.snapshot)
        self.log_text.value = log_block(server.logs(LOG_LINES)) if self.log_button.value else ""

    def _tell_end(self, server: Server) -> None:
        self.message.say(
            f"{server.name}, pid {server.pid}, has ended. Its log ends:\n{server.logs()}", "error"
        )

    def _close_question(self) -> None:
        visible(self.confirmation, False)


def _in_flight(snapshot: Snapshot | None) -> int:
    return 0 if snapshot is None else sum(s.in_flight_requests for s in snapshot.statistics.signatures)


def _facts(server: Server, snapshot: Snapshot | None) -> str:
    record = server.record
    facts: dict[str, Any] = {
        "Server": f"{server.name}, pid {server.pid}, {record.device}",
        "Models": ", ".join(f"{name} ({path})" for name, path in record.models.items()),
        "gRPC": record.grpc_address or f"unix:{record.grpc_socket}",
        "REST": record.rest_address or "off",
        "Ends": LIFETIMES[record.lifetime],
        "Started": f"{datetime.fromisoformat(record.started_at).astimezone():%d %b %Y, %H:%M:%S}",
    }
    if snapshot is not None:
        facts["Memory"] = f"{snapshot.statistics.resident_bytes / 2**20:,.0f} MiB"
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(str(value))}</code></td></tr>'
        for name, value in facts.items()
    )
    return f'<table class="swb-table" aria-label="Server"><tbody>{rows}</tbody></table>'
