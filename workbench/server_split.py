"""What the server says about the time of a measured point: two readings of its counters, subtracted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from workbench.points import ServerSplit
from workbench.statistics import SignatureStatistics, Statistics


def split(before: Statistics | None, after: Statistics | None, model: str) -> ServerSplit | None:
    """How the server spent its time on ``model`` between two readings.

    ``None`` when it answered nothing meanwhile, or keeps no such counters.
    """
    if before is None or after is None:
        return None
    between = after.since(before)
    ours = [signature for signature in between.signatures if signature.model == model and signature.succeeded]
    if not ours:
        return None
    batches = sum(signature.batches for signature in ours)
    rows = sum(signature.rows for signature in ours)
    executed = sum(signature.executed_rows for signature in ours)
    reasons: Counter[str] = Counter()
    for signature in ours:
        reasons.update(signature.close_reasons)
    return ServerSplit(
        decode_ms=_mean_ms(ours, "decode"),
        queue_ms=_mean_ms(ours, "queue"),
        assemble_ms=_mean_ms(ours, "assemble"),
        compute_ms=_mean_ms(ours, "compute"),
        encode_ms=_mean_ms(ours, "encode"),
        total_ms=_mean_ms(ours, "total"),
        batches=batches,
        mean_batch=rows / batches if batches else 0.0,
        padding=1 - rows / executed if executed else 0.0,
        cpu_cores=between.cpu_seconds / between.uptime_seconds,
        close_reasons=dict(reasons),
    )


def _mean_ms(signatures: Sequence[SignatureStatistics], stage: str) -> float:
    histograms = [item.stage_micros[stage] for item in signatures if stage in item.stage_micros]
    count = sum(histogram.count for histogram in histograms)
    return sum(histogram.sum for histogram in histograms) / count / 1e3 if count else 0.0
