"""The control panel for notebooks. Widgets hold no logic: they call what a script would call."""

from __future__ import annotations

from workbench.widgets.panel import Panel, panel

__all__ = ["Panel", "panel"]
