"""A run as a page of tables, a plot and a file of raw figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import ECHO, OURS, THREADED_ECHO
from benchmarks.goals import goals
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_HUES = {OURS: "#2a8bd0", ECHO: "#8a8f98", THREADED_ECHO: "#b5b9c0"}
_PEER_HUE = "#e2a57a"
_ACROSS = 3
"""Cases that every page is wide enough for."""

_COMPARED = {"grpc": "One row over gRPC", "rest": "One row as JSON"}


def write(results: Results, folder: Path) -> None:
    """Leave ``results.json``, ``results.md`` and ``rates.png`` there."""
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "results.json")
    compared = [scenario for scenario in _COMPARED if scenario in results.scenarios()]
    sections = ["# Benchmark", _facts(results), _goals(results)]
    if compared:
        _plot(results, compared).savefig(folder / "rates.png", dpi=120)
        sections.append("![Requests per second of every contender](rates.png)")
    sections += [_section(results, scenario) for scenario in results.scenarios()]
    if results.missing:
        sections.append(
            "## Missing\n\n" + "\n".join(f"- {name}: {why}" for name, why in results.missing.items())
        )
    (folder / "results.md").write_text("\n\n".join(filter(None, sections)) + "\n")


def _facts(results: Results) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in results.facts.items())


def _goals(results: Results) -> str:
    rows = [
        (goal.claim, f"{goal.sign} {goal.limit:g}{goal.unit}", f"{goal.reached:.2f}{goal.unit}", goal.verdict)
        for goal in goals(results)
    ]
    return "## Goals\n\n" + _table(("", "wanted", "reached", "met"), rows) if rows else ""


def _section(results: Results, name: str) -> str:
    """One scenario as a table: servers down and cases across, or the other way round if that is narrower."""
    scenario = SCENARIOS[name]
    servers, cases = results.servers(name), results.cases(name)
    cells = {
        (server, case): scenario.cell.format(**medians)
        for server in servers
        for case in cases
        if (medians := results.medians(name, server, case))
    }
    if len(cases) <= max(len(servers), _ACROSS):
        rows = [(server, *(cells.get((server, case), "") for case in cases)) for server in servers]
        table = _table((scenario.legend, *cases), rows)
    else:
        rows = [(case, *(cells.get((server, case), "") for server in servers)) for case in cases]
        table = _table((scenario.legend, *servers), rows)
    ratios = _ratios(results, name) if name in _COMPARED else ""
    return "\n\n".join(filter(None, (f"## {scenario.title}", table, ratios)))


def _ratios(results: Results, name: str) -> str:
    """How many times as many requests a second this server answers."""
    cases = results.cases(name)

    def ratio(other: str, case: str) -> str:
        ours, theirs = (results.median(name, server, case, "requests_per_s") for server in (OURS, other))
        return f"{ours / theirs:.2f}"

    others = [server for server in results.servers(name) if server != OURS]
    rows = [(other, *(ratio(other, case) for case in cases)) for other in others]
    return _table((f"requests/s of {OURS} in multiples of", *cases), rows) if rows else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plot(results: Results, compared: list[str]) -> Figure:
    """Bars by contender, one panel for each number of callers, one row of panels for each protocol."""
    columns = max(len(results.cases(scenario)) for scenario in compared)
    figure = Figure(figsize=(10, 3.2 * len(compared)), layout="constrained")
    panels = figure.subplots(len(compared), columns, squeeze=False)
    for line, scenario in zip(panels, compared, strict=True):
        for panel, case in zip(line, results.cases(scenario), strict=False):
            _bars(panel, results, scenario, case)
            panel.tick_params(labelleft=panel is line[0])
        line[0].set_ylabel(_COMPARED[scenario])
    figure.supxlabel("requests/s")
    return figure


def _bars(panel: Axes, results: Results, scenario: str, case: str) -> None:
    servers = results.servers(scenario)[::-1]
    rates = [results.median(scenario, server, case, "requests_per_s") for server in servers]
    bars = panel.barh(servers, rates, color=[_HUES.get(server, _PEER_HUE) for server in servers])
    panel.bar_label(bars, [f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
    panel.set_title(case.replace("c=", "callers: "), fontsize=10)
    panel.margins(x=0.2)
    panel.spines[["top", "right"]].set_visible(False)
