"""``panel()``: one server and everything that can be done with it, as tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from workbench.server import Server
from workbench.widgets.batching import BatchingPane
from workbench.widgets.curve import CurvePane
from workbench.widgets.export import ExportPane
from workbench.widgets.forms import offer, visible
from workbench.widgets.pill import Pill
from workbench.widgets.server import ServerPane
from workbench.widgets.session import Session
from workbench.widgets.versions import VersionsPane

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Panel(widgets.VBox):
    """The tabs, above them the state of the server, below them the figure that was kept.

    ``session.server`` is the server on display and may be assigned. ``close()`` ends the looking, not the
    server.
    """

    def __init__(self, server: Server | None = None) -> None:
        self.session = Session(server)
        self.server_tab = ServerPane(self.session)
        self.export_tab = ExportPane(self.session)
        self.versions_tab = VersionsPane(self.session)
        self.batching_tab = BatchingPane(self.session)
        self.curve_tab = CurvePane(self.session, self.show_figure)
        self.model = widgets.Dropdown(description="Model", layout=widgets.Layout(width="240px"))
        self.model.observe(self._choose, "value")
        self.session.observe(lambda _: self._offer_models(), "snapshot")
        self._offer_models()
        self.pill = Pill(self.session)
        self._figure: Any = None
        header = widgets.HBox([self.pill, self.model]).add_class("swb-header")
        tabs = widgets.Tab(
            [self.server_tab, self.export_tab, self.versions_tab, self.batching_tab, self.curve_tab],
            titles=("Server", "Export", "Versions", "Batching", "Curve"),
        )
        super().__init__([header, tabs])
        self.add_class("swb").add_class("swb-panel")

    def show_figure(self, figure: Figure) -> None:
        """Puts a picture below the panel, as an ordinary output that is saved with the notebook."""
        if self._figure is not None:
            self._figure.update(figure)

    def close(self) -> None:
        """Ends the looking and takes the panel off the page."""
        self.session.refresher.stop()
        super().close()

    def _choose(self, change: dict[str, Any]) -> None:
        self.session.model = change["new"] or ""

    def _offer_models(self) -> None:
        snapshot = self.session.snapshot
        models = () if snapshot is None else snapshot.models
        visible(self.model, len(models) > 1)
        if self.model.options != models:
            offer(self.model, models)

    def _ipython_display_(self) -> None:
        """Shows the panel and keeps a place below it, which only the cell that runs now can have.

        Where no widgets are shown, as on GitHub, the server's own table takes the panel's place.
        """
        from IPython.display import HTML, display

        server = self.session.server
        static = {} if server is None else {"text/html": server._repr_html_()}
        display(self._repr_mimebundle_() | static, raw=True)
        self._figure = display(HTML(""), display_id=True)


def panel(server: Server | None = None) -> Panel:
    """A control panel for ``server``, by default for the only one that runs, if so.

    Without a server it offers to start one. Everything that it does is done by public functions of this
    package; each has a button here and a line of code elsewhere.
    """
    if server is None:
        running = Server.list()
        server = Server.attach(running[0].name) if len(running) == 1 else None
    return Panel(server)
