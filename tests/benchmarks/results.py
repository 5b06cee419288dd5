"""What a run has found: every single measurement, and medians of their repeats."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of ``server`` in one ``case`` of a scenario."""

    scenario: str
    server: str
    case: str
    figures: Mapping[str, float]


@dataclass(slots=True)
class Results:
    """``facts`` tell of the machine and the versions, ``missing`` why a contender or figure is not there."""

    facts: dict[str, str]
    missing: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def scenarios(self) -> list[str]:
        """Those with samples, in the order of the run; so the next two."""
        return _distinct(sample.scenario for sample in self.samples)

    def servers(self, scenario: str) -> list[str]:
        return _distinct(sample.server for sample in self.samples if sample.scenario == scenario)

    def cases(self, scenario: str) -> list[str]:
        return _distinct(sample.case for sample in self.samples if sample.scenario == scenario)

    def medians(self, scenario: str, server: str, case: str) -> dict[str, float]:
        """Of each figure over the repeats; empty when that was not measured."""
        repeats = [
            sample.figures
            for sample in self.samples
            if (sample.scenario, sample.server, sample.case) == (scenario, server, case)
        ]
        names = repeats[0] if repeats else ()
        return {name: statistics.median(figures[name] for figures in repeats) for name in names}

    def median(self, scenario: str, server: str, case: str, figure: str) -> float:
        """One of them; NaN when it was not measured."""
        return self.medians(scenario, server, case).get(figure, float("nan"))

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
