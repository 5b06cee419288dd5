"""What is kept of an answered request: its own rows, and not the memory of the batch around them."""

from __future__ import annotations

import numpy as np

from kernel_server.core.servable import ServableId
from kernel_server.handlers.prediction_logs import AnsweredPredict

SERVABLE = ServableId("m", 1)


def test_one_of_several_has_its_own_rows() -> None:
    x, y = np.arange(12.0).reshape(6, 2), np.array([b"a", b"b", b"c"], object)
    whole = AnsweredPredict(SERVABLE, "s", {"x": x}, ("y",), {"y": y})
    parts = [whole.part(place, 3) for place in range(3)]
    assert [part.inputs["x"].tolist() for part in parts] == [part.tolist() for part in np.split(x, 3)]
    assert [part.outputs["y"].tolist() for part in parts] == [[b"a"], [b"b"], [b"c"]]
    assert (parts[0].servable, parts[0].signature, parts[0].output_filter) == (SERVABLE, "s", ("y",))


def test_outputs_do_not_keep_the_batch_that_they_are_cut_from() -> None:
    batch = np.zeros((32, 1000))
    for count in (1, 4):
        whole = AnsweredPredict(SERVABLE, "s", {}, (), {"y": batch[:4]})
        found = whole.part(0, count).outputs["y"]
        assert found.base is None
        assert found.shape == (4 // count, 1000)


def test_outputs_without_rows_are_kept_as_they_are() -> None:
    whole = AnsweredPredict(SERVABLE, "s", {}, (), {"y": np.array(7.0)})
    assert whole.part(0, 1).outputs["y"] == 7.0
