"""Small builders for the controls of the tabs, so that all of them look and read alike."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets


def field(kind: Any, label: str, **traits: Any) -> Any:
    """A labelled control."""
    return kind(
        description=label,
        style={"description_width": "140px"},
        layout=widgets.Layout(width="460px"),
        **traits,
    )


def hinted(control: Any, hint: str) -> Any:
    """A control with a word on what it is for, or on its unit."""
    text = widgets.HTML(f'<span class="swb-hint">{escape(hint)}</span>')
    return widgets.HBox([control, text], layout=widgets.Layout(align_items="center"))


def row(*controls: Any) -> Any:
    """Controls side by side, wrapping where the notebook is narrow."""
    return widgets.HBox(
        controls, layout=widgets.Layout(flex_flow="row wrap", align_items="center", margin="6px 0")
    )


def offer(dropdown: Any, options: Sequence[str]) -> None:
    """New options; a choice that is still among them stays, else it is the first."""
    chosen = dropdown.value
    dropdown.options = options
    dropdown.value = chosen if chosen in options else next(iter(options), None)


def visible(widget: Any, shown: bool) -> None:
    """Shows or hides a widget without taking it out of its place."""
    widget.layout.display = None if shown else "none"


def heading(text: str) -> Any:
    """A small heading."""
    return widgets.HTML(f"<h4>{escape(text)}</h4>")


def log_block(text: str) -> str:
    """Lines of a log, scrollable by keyboard."""
    shown = escape(text) or "The log is empty."
    return f'<pre class="swb-log" tabindex="0" role="log" aria-label="Server log">{shown}</pre>'
