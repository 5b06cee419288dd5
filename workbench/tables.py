"""Small tables: aligned text for a terminal, HTML for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

Row = Sequence[str]

_TEMPLATE = Template((Path(__file__).parent / "templates" / "table.html").read_text())


def text_table(headings: Row, rows: Iterable[Row]) -> str:
    """Columns as wide as their longest cell, headings in capitals."""
    lines = [tuple(map(str.upper, headings)), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def html_table(title: str, headings: Row, rows: Iterable[Row]) -> str:
    """A table that screen readers announce as ``title``; cells are escaped."""
    return _TEMPLATE.substitute(
        title=escape(title),
        headings="".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings),
        rows="".join(map(_html_row, rows)),
    )


def _html_row(cells: Row) -> str:
    first, *others = map(escape, cells)
    columns = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr><th scope="row">{first}</th>{columns}</tr>'
