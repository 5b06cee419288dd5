"""The text of a page, line by line, in both spellings."""

from __future__ import annotations

from support.metrics import Page, lint

from kernel_server.monitoring.exposition import Spelling, write
from kernel_server.monitoring.families import Summary, counter, gauge, histogram, summary
from kernel_server.monitoring.histogram import Histogram, exponential_limits


def sizes(*values: float) -> Histogram:
    found = Histogram(exponential_limits(1.0, 2.0, 4))
    found.add(values)
    return found


COUNTER = counter("/tensorflow/serving/request_count", "Calls.", [({"model_name": "m", "status": "OK"}, 3)])
UNLABELLED = counter("/tensorflow/serving/batching_session/wrapped_run_count", "Runs.", [({}, 2)])
HISTOGRAM = histogram("/a/size", "Sizes.", [({"model": "m"}, sizes(1, 3, 100)), ({}, sizes())])
SUMMARY = summary("kernel_server_fill", "Fill.", [({}, Summary(4, 2.5))])
GAUGE = gauge("kernel_server_bytes", "Memory.", [({}, 123456789012)])


def test_tensorflow_serving_spells_paths_with_colons_and_gives_no_help() -> None:
    assert write([COUNTER, UNLABELLED], Spelling.TENSORFLOW_SERVING) == (
        "# TYPE :tensorflow:serving:request_count counter\n"
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 3\n'
        "# TYPE :tensorflow:serving:batching_session:wrapped_run_count counter\n"
        ":tensorflow:serving:batching_session:wrapped_run_count{} 2\n"
    )


def test_conventional_names_have_no_colon_a_help_text_and_a_total() -> None:
    assert write([COUNTER], Spelling.CONVENTIONAL) == (
        "# HELP tensorflow_serving_request_count_total Calls.\n"
        "# TYPE tensorflow_serving_request_count_total counter\n"
        'tensorflow_serving_request_count_total{model_name="m",status="OK"} 3\n'
    )


def test_buckets_are_cumulative_and_end_in_infinity() -> None:
    assert write([HISTOGRAM], Spelling.TENSORFLOW_SERVING).splitlines() == [
        "# TYPE :a:size histogram",
        ':a:size_bucket{model="m",le="1"} 1',
        ':a:size_bucket{model="m",le="2"} 1',
        ':a:size_bucket{model="m",le="4"} 2',
        ':a:size_bucket{model="m",le="8"} 2',
        ':a:size_bucket{model="m",le="+Inf"} 3',
        ':a:size_sum{model="m"} 104',
        ':a:size_count{model="m"} 3',
        ':a:size_bucket{le="1"} 0',
        ':a:size_bucket{le="2"} 0',
        ':a:size_bucket{le="4"} 0',
        ':a:size_bucket{le="8"} 0',
        ':a:size_bucket{le="+Inf"} 0',
        ":a:size_sum{} 0",
        ":a:size_count{} 0",
    ]


def test_limits_may_be_left_out_and_told_in_another_unit() -> None:
    family = histogram("seconds", "Times.", [({}, sizes(1, 3, 100))], scale=0.5, every=2)
    page = Page(write([family], Spelling.CONVENTIONAL))
    assert page.series("seconds_bucket") == [({"le": "0.5"}, 1), ({"le": "2"}, 2), ({"le": "+Inf"}, 3)]
    assert (page("seconds_sum"), page("seconds_count")) == (52, 3)


def test_values_are_written_in_full() -> None:
    assert write([SUMMARY, GAUGE], Spelling.TENSORFLOW_SERVING).splitlines()[1:] == [
        "kernel_server_fill_sum{} 2.5",
        "kernel_server_fill_count{} 4",
        "# TYPE kernel_server_bytes gauge",
        "kernel_server_bytes{} 123456789012",
    ]


def test_a_family_without_values_is_left_out() -> None:
    assert write([counter("none", "None.", [])], Spelling.CONVENTIONAL) == ""


def test_label_values_come_back_as_they_were() -> None:
    name = 'a "quoted" \\ name\nin two lines'
    page = Page(write([gauge("g", "A gauge.", [({"model": name}, 1)])], Spelling.TENSORFLOW_SERVING))
    assert page.series("g") == [({"model": name}, 1)]


def test_promtool_has_nothing_to_say_about_conventional_names() -> None:
    families = [COUNTER, UNLABELLED, HISTOGRAM, SUMMARY, GAUGE]
    assert lint(write(families, Spelling.CONVENTIONAL)) == ""
    assert "should not contain ':'" in lint(write(families, Spelling.TENSORFLOW_SERVING))
