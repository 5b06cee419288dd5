from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workbench.load.verdict import Verdict
from workbench.points import Point, ServerSplit
from workbench.provenance import SCHEMA, Provenance
from workbench.results import Curve
from workbench.results_io import NotACurve

SPLIT = ServerSplit(
    decode_ms=0.05,
    queue_ms=1.25,
    assemble_ms=0.1,
    compute_ms=3.5,
    encode_ms=0.07,
    total_ms=5.1,
    batches=120,
    mean_batch=7.3,
    padding=0.0,
    cpu_cores=0.81,
    close_reasons={"full": 20, "idle": 100},
)


def point(rate: float, p99: float | None, verdict: Verdict = Verdict.STABLE, **changes: Any) -> Point:
    usual: dict[str, Any] = {
        "offered_rate": rate,
        "achieved_rate": rate * 0.99,
        "goodput": rate * 0.9,
        **{f"p{percent}_ms": None if p99 is None else p99 * percent / 100 for percent in (50, 90, 95, 99)},
        "mean_ms": p99,
        "max_ms": p99,
        "from_send_p50_ms": p99,
        "from_send_p99_ms": p99,
        "send_lag_p99_ms": 0.123456789,
        "verdict": verdict,
        "reason": f'it is {verdict}, says "somebody"',
        "duration_s": 3.0,
        "due": 900,
        "sent": 890,
        "succeeded": 850,
        "versions": {1: 800, 2: 50},
        "errors": {"UNAVAILABLE": 40},
        "generation": 3,
    }
    return Point(**{**usual, **changes})


PROVENANCE = Provenance(
    model="digits",
    signature="serving_default",
    model_version=2,
    server="kernel-server 0.1.0",
    device="cpu",
    batching={"max_batch_size": 32, "allowed_batch_sizes": [8, 32]},
    generation=3,
    transport="unix",
    arrivals="poisson",
    seed=0,
    duration_s=3.0,
    warmup_s=0.5,
    deadline_s=5.0,
    max_in_flight=4096,
    connections=4,
    rows_per_request=1,
    distinct_requests=256,
)


def curve(*points: Point, slo_ms: float | None = 20.0) -> Curve:
    return Curve("batch 32", points, "open", slo_ms, PROVENANCE)


FULL = curve(
    point(100, 5.0, server=SPLIT),
    point(200, 12.0),
    point(400, None, Verdict.FAILING, succeeded=0, versions={}, goodput=None, generation=None, reason=""),
)


@pytest.mark.parametrize("subject", [FULL, curve(), curve(point(1, 1.0, offered_rate=None, concurrency=4))])
def test_a_curve_survives_every_form_it_is_stored_in(subject: Curve, tmp_path: Path) -> None:
    assert Curve.from_frame(subject.to_frame()) == subject
    assert Curve.read_csv(subject.to_csv(tmp_path / "curve.csv")) == subject
    assert Curve.from_json(subject.to_json()) == subject


def test_a_frame_has_a_row_per_point_and_plain_columns() -> None:
    frame = FULL.to_frame()

    assert list(frame["offered_rate"]) == [100, 200, 400]
    assert frame["server_compute_ms"].tolist()[0] == 3.5
    assert frame["p99_ms"].isna().tolist() == [False, False, True]


def test_other_programs_can_read_the_csv(tmp_path: Path) -> None:
    import pandas

    frame = pandas.read_csv(FULL.to_csv(tmp_path / "curve.csv"), comment="#")

    assert frame["verdict"].tolist() == ["stable", "stable", "failing"]


def test_a_newer_schema_is_refused() -> None:
    newer = FULL.to_json().replace(f'"schema": {SCHEMA}', f'"schema": {SCHEMA + 1}')

    with pytest.raises(NotACurve, match="schema 2 is newer than 1; upgrade"):
        Curve.from_json(newer)


def test_fields_that_a_later_program_adds_to_the_provenance_are_left_out() -> None:
    assert Curve.from_json(FULL.to_json().replace('"seed": 0', '"seed": 0, "weather": "fine"')) == FULL


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"schema": 1, "label": "x"}'])
def test_json_that_is_no_curve_is_refused(text: str) -> None:
    with pytest.raises(NotACurve):
        Curve.from_json(text)


def test_files_and_frames_without_provenance_are_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text("a,b\n1,2\n")

    with pytest.raises(NotACurve, match=r"plain\.csv holds no curve: its first line holds no provenance"):
        Curve.read_csv(tmp_path / "plain.csv")
    with pytest.raises(NotACurve, match="the data frame"):
        Curve.from_frame(
            FULL.to_frame().assign().set_flags().pipe(lambda frame: frame.__class__(frame.values))
        )


def test_the_best_point_is_the_fastest_within_the_limit_that_the_server_sustains() -> None:
    measured = curve(
        point(100, 5.0),
        point(200, 19.0, Verdict.GENERATOR_LIMITED),
        point(300, 21.0),
        point(400, 15.0, Verdict.SATURATED),
        point(500, None, Verdict.FAILING),
    )

    assert measured.best() is measured.points[1]
    assert measured.best(slo_ms=10) is measured.points[0]
    assert measured.best(slo_ms=1) is None


def test_best_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="slo_ms"):
        curve(point(1, 1.0), slo_ms=None).best()


def test_the_text_answers_the_question() -> None:
    assert repr(FULL) == "Curve('batch 32', 3 points, 198 requests/s with p99 within 20 ms)"
    assert "no point has its p99 within 1 ms" in repr(replace(FULL, slo_ms=1.0))
    assert "up to 198 requests/s" in repr(replace(FULL, slo_ms=None))


def test_the_table_marks_the_best_row_and_escapes_what_others_wrote() -> None:
    failing = point(400, None, Verdict.FAILING)
    html = replace(FULL, label="<b>&", points=(*FULL.points, failing))._repr_html_()

    assert html.count('<tr class="best">') == 1
    assert "&lt;b&gt;&amp;" in html
    assert "it is failing, says &quot;somebody&quot;" in html
    assert "$" not in html
