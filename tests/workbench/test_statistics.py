import math

import pytest

from workbench.statistics import Histogram, read_statistics
from workbench.wire import control_pb2


def reading(uptime, batches, counts, reasons):
    message = control_pb2.Statistics(uptime_seconds=uptime, cpu_seconds=uptime / 2, resident_bytes=10**9)
    entry = message.signatures.add(
        model="m", version=1, signature="s", batches=batches, rows=batches * 4, close_reasons=reasons
    )
    for histogram in (entry.batch_size, entry.stage_micros["queue"]):
        histogram.limits[:] = [1.0, 2.0, 4.0]
        histogram.counts[:] = counts
        histogram.sum = float(sum(counts))
    return read_statistics(message)


def test_the_difference_of_two_readings_is_what_happened_in_between():
    earlier = reading(10.0, 5, [1, 2, 2, 0], {"full": 5})
    later = reading(14.0, 9, [1, 3, 4, 1], {"full": 6, "timeout": 3})
    between = later.since(earlier)
    (signature,) = between.signatures
    assert between.uptime_seconds == 4.0
    assert between.cpu_seconds == 2.0
    assert between.resident_bytes == 10**9
    assert (signature.batches, signature.rows) == (4, 16)
    assert signature.batch_size.counts == (0, 1, 2, 1)
    assert signature.stage_micros["queue"].sum == 4.0
    assert signature.close_reasons == {"full": 1, "timeout": 3}


def test_a_signature_that_was_not_there_before_counts_from_zero():
    earlier = read_statistics(control_pb2.Statistics(uptime_seconds=1.0))
    assert reading(2.0, 3, [0, 0, 3, 0], {}).since(earlier).signatures[0].batches == 3


def test_a_signature_without_batches_has_empty_histograms():
    message = control_pb2.Statistics()
    message.signatures.add(model="m", version=1, signature="s")
    (signature,) = read_statistics(message).signatures
    assert signature.batch_size.count == 0
    assert math.isnan(signature.batch_size.mean)
    assert math.isnan(signature.batch_size.quantile(0.5))
    later = reading(2.0, 3, [0, 0, 3, 0], {}).since(read_statistics(message))
    assert later.signatures[0].batch_size.count == 3


def test_quantiles_are_linear_within_a_bucket():
    histogram = Histogram((1.0, 2.0, 4.0), (0, 10, 10, 0), 40.0)
    assert histogram.mean == 2.0
    assert histogram.quantile(0.0) == pytest.approx(1.0)
    assert histogram.quantile(0.25) == pytest.approx(1.5)
    assert histogram.quantile(0.75) == pytest.approx(3.0)
    assert histogram.quantile(1.0) == pytest.approx(4.0)


def test_what_exceeds_every_limit_is_reported_as_the_last_one():
    assert Histogram((1.0, 2.0), (0, 0, 5), 500.0).quantile(0.99) == 2.0
