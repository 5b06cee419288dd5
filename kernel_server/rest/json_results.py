"""Results of Classify and Regress to JSON."""

from __future__ import annotations

import json

from kernel_server.handlers.inference import Result
from kernel_server.handlers.regress import Regressions
from kernel_server.rest.json_encode import plain_values


def results_body(result: Result) -> bytes:
    """The reply: for each example its value, or a list of ``[label, score]``."""
    results: object
    if isinstance(result, Regressions):
        results = plain_values(result.values)
    else:
        pairs = zip(plain_values(result.labels), plain_values(result.scores), strict=True)
        results = [list(zip(labels, scores, strict=True)) for labels, scores in pairs]
    text = json.dumps({"results": results}, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogateescape")
