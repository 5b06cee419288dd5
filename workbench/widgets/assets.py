"""The browser's half of the widgets: style and hand-written modules, joined without a build step."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "assets"


def style() -> str:
    """The style sheet that all widgets share; loading it twice does no harm."""
    return "\n".join((_FOLDER / part).read_text() for part in ("theme.css", "panel.css", "charts.css"))


def module(name: str) -> str:
    """The ECMAScript module of one widget, with the helpers that all of them use.

    They are joined here because the browser gets each module as text without an address, which cannot
    import its neighbours.
    """
    return "\n".join((_FOLDER / part).read_text() for part in ("dom.js", name))
