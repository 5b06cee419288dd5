"""Curves as data frames, CSV and JSON, and back without loss."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.errors import WorkbenchError
from workbench.load.verdict import Verdict
from workbench.points import Point, ServerSplit
from workbench.provenance import SCHEMA, Provenance
from workbench.results import Curve

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")

_ATTRIBUTE = "curve"
_COMMENT = "# "
_SERVER = "server_"


@dataclass(eq=False)
class NotACurve(WorkbenchError):
    """The source does not hold a curve that this version can read."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source} holds no curve: {self.reason}"


def to_frame(curve: Curve) -> pandas.DataFrame:
    """See :meth:`Curve.to_frame`; mappings are JSON text, the server's share has columns ``server_…``."""
    import pandas

    frame = pandas.DataFrame([_flat(point) for point in curve.points], columns=_columns())
    frame.attrs[_ATTRIBUTE] = _head(curve)
    return frame


def from_frame(frame: pandas.DataFrame) -> Curve:
    """See :meth:`Curve.from_frame`."""
    source = "the data frame"
    if _ATTRIBUTE not in frame.attrs:
        raise NotACurve(source, "it has no provenance (frame.attrs['curve'])")
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return _curve(frame.attrs[_ATTRIBUTE], rows, source)


def write_csv(curve: Curve, path: Path) -> Path:
    """See :meth:`Curve.to_csv`."""
    with path.open("w", newline="") as file:
        file.write(f"{_COMMENT}{json.dumps(_head(curve))}\n")
        writer = csv.DictWriter(file, _columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_flat(point) for point in curve.points)
    return path


def read_csv(path: Path) -> Curve:
    """See :meth:`Curve.read_csv`."""
    with path.open(newline="") as file:
        first = file.readline()
        if not first.startswith(_COMMENT):
            raise NotACurve(str(path), "its first line holds no provenance")
        head = _parsed(first.removeprefix(_COMMENT), str(path))
        return _curve(head, csv.DictReader(file), str(path))


def to_json(curve: Curve) -> str:
    """See :meth:`Curve.to_json`."""
    return json.dumps({**_head(curve), "points": [asdict(point) for point in curve.points]})


def from_json(text: str) -> Curve:
    """See :meth:`Curve.from_json`."""
    values = _parsed(text, "the JSON text")
    return _curve(values, values.get("points", ()), "the JSON text")


def _head(curve: Curve) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "label": curve.label,
        "mode": curve.mode,
        "slo_ms": curve.slo_ms,
        "provenance": curve.provenance.to_dict(),
    }


def _curve(head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], source: str) -> Curve:
    if head.get("schema", 0) > SCHEMA:
        raise NotACurve(
            source, f"its schema {head['schema']} is newer than {SCHEMA}; upgrade serving-workbench"
        )
    try:
        return Curve(
            head["label"],
            tuple(_point(row) for row in rows),
            head["mode"],
            head["slo_ms"],
            Provenance.from_dict(head["provenance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotACurve(source, f"{type(error).__name__}: {error}") from error


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotACurve(source, f"it is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise NotACurve(source, "it is no JSON object")
    return values


def _columns() -> list[str]:
    own = [field.name for field in fields(Point) if field.name not in ("server", "histogram")]
    return [*own, *(_SERVER + field.name for field in fields(ServerSplit)), "histogram"]


def _flat(point: Point) -> dict[str, Any]:
    values = asdict(point)
    server = values.pop("server") or {}
    values |= {_SERVER + name: value for name, value in server.items()}
    return {
        name: json.dumps(value) if isinstance(value, Mapping) else value for name, value in values.items()
    }


def _point(row: Mapping[str, Any]) -> Point:
    nested = row.get("server")
    server = nested or {name.removeprefix(_SERVER): value for name, value in row.items() if _SERVER in name}
    known = any(not _missing(value) for value in server.values())
    return _restored(Point, {**row, "server": _restored(ServerSplit, server) if known else None})


def _restored(kind: type[T], row: Mapping[str, Any]) -> T:
    """A dataclass from values that went through a table: widened or text, nothing as NaN or empty."""
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        value = row[field.name]
        convert = next((c for prefix, c in _CONVERTERS.items() if str(field.type).startswith(prefix)), None)
        optional = "None" in str(field.type)
        values[field.name] = None if optional and _missing(value) else convert(value) if convert else value
    return kind(**values)


def _missing(value: object) -> bool:
    return value is None or value == "" or value != value


def _text(value: Any) -> str:
    return "" if _missing(value) else str(value)


def _mapping(value: Any) -> dict[str, int]:
    return dict(json.loads(value) if isinstance(value, str) else value)


def _by_number(value: Any) -> dict[int, int]:
    return {int(number): count for number, count in _mapping(value).items()}


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: int(float(value)),
    "float": float,
    "str": _text,
    "Verdict": Verdict,
    "Mapping[int": _by_number,
    "Mapping[str": _mapping,
}
