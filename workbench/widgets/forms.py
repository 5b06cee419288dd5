"""Small builders for the controls of the tabs, so that all of them look and read alike."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

WIDE = {"description_width": "150px"}


def field(kind: Any, label: str, tooltip: str, *, width: str = "480px", **traits: Any) -> Any:
    """A labelled control; ``tooltip`` says what it is for and which unit it has."""
    layout = widgets.Layout(width=width)
    return kind(description=label, tooltip=tooltip, style=WIDE, layout=layout, **traits)


def row(*controls: Any) -> Any:
    """Controls side by side, wrapping where the notebook is narrow."""
    return widgets.HBox(
        controls, layout=widgets.Layout(flex_flow="row wrap", align_items="center", margin="6px 0")
    )


def visible(widget: Any, shown: bool) -> None:
    """Shows or hides a widget without taking it out of its place."""
    widget.layout.display = None if shown else "none"


def heading(text: str) -> Any:
    """A small heading."""
    return widgets.HTML(f"<h4>{escape(text)}</h4>")


def log_block(text: str) -> str:
    """Lines of a log, scrollable, readable by keyboard."""
    shown = escape(text) or "The log is empty."
    return f'<pre class="swb-log" tabindex="0" role="log" aria-label="Server log">{shown}</pre>'
