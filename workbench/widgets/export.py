"""The Export tab: pick a model of the notebook, write its next version, see what a server will see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from workbench.export import ExportedModel, export_model
from workbench.export.discovery import exportable, functions
from workbench.widgets.forms import field, hinted, offer, row
from workbench.widgets.pane import Pane
from workbench.widgets.session import Session

DECLARED = "as the model declares"
NO_WARMUP = "none"


class ExportPane(Pane):
    """Exports a variable of ``namespace``, the notebook's unless one is given."""

    def __init__(self, session: Session, namespace: Mapping[str, Any] | None = None) -> None:
        self.namespace = _notebook() if namespace is None else namespace
        self.result: ExportedModel | None = None
        self.model = field(widgets.Dropdown, "Model")
        self.signature = field(widgets.Dropdown, "Signature")
        self.folder = field(widgets.Text, "Model folder", placeholder="models/<variable>")
        self.batched = field(widgets.Checkbox, "Must be batchable", value=True)
        self.warmup = field(widgets.Dropdown, "Warm-up requests")
        self.search_button = self.button("Look again", self.search)
        self.export_button = self.button("Export", self.export, button_style="primary")
        self.outcome = widgets.HTML()
        super().__init__(
            session,
            hinted(self.model, "a variable of this notebook"),
            hinted(self.signature, "what requests call unless they say otherwise"),
            hinted(self.folder, "gets the next numbered version"),
            hinted(self.batched, "refuse a signature whose first dimension is fixed"),
            hinted(self.warmup, "an array that the server runs while it loads"),
            row(self.export_button, self.search_button),
            self.outcome,
        )
        self.search()

    def search(self) -> None:
        """Looks which variables can be exported now."""
        offer(self.model, list(exportable(self.namespace)))
        offer(self.signature, [DECLARED, *functions(self.namespace)])
        arrays = [
            n for n, v in self.namespace.items() if isinstance(v, np.ndarray) and v.ndim and n[0] != "_"
        ]
        offer(self.warmup, [NO_WARMUP, *arrays])
        self.redraw()

    def export(self) -> None:
        """Writes the next version."""
        name, function = self.model.value, self.signature.value
        model = self.namespace[name]
        signatures = None if function == DECLARED else {"serving_default": self.namespace[function]}
        warmup = None if self.warmup.value == NO_WARMUP else self.namespace[self.warmup.value]
        folder = self.folder.value.strip() or f"models/{name}"
        batched = self.batched.value

        def write() -> str:
            self.result = exported = export_model(
                model, folder, signatures=signatures, batched=batched, warmup=warmup
            )
            self.outcome.value = exported._repr_html_()
            self.session.folder = str(exported.base_path)
            return f"Version {exported.version} is complete. {_next_step(exported, self.session)}"

        self.outcome.value = ""
        self.start_job(f"Exporting {name} …", write)

    def draw(self) -> None:
        """Lets nobody export twice at a time, or nothing."""
        self.export_button.disabled = self.busy or self.model.value is None
        self.search_button.disabled = self.busy


def _next_step(exported: ExportedModel, session: Session) -> str:
    server = session.server
    if server is None:
        return f"Start a server on {exported.base_path} to use it."
    if str(exported.base_path) in server.record.models.values():
        return f"{server.name} serves this folder: the Versions tab makes it live."
    return f"{server.name} serves other folders."


def _notebook() -> Mapping[str, Any]:
    from IPython import get_ipython

    shell = get_ipython()
    return {} if shell is None else shell.user_ns
