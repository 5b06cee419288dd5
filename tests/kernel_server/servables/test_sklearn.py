"""scikit-learn estimators as servables, without a server around."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Servable, ServableId
from kernel_server.core.signature import TensorSpec
from kernel_server.errors import DataLoss, InvalidArgument, NotFound, PermissionDenied
from kernel_server.settings import Settings

skops_io = pytest.importorskip("skops.io")

from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

Load = Callable[..., Servable]

X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 4.0], [6.0, 1.0]])
LABELS = ["no", "no", "yes", "yes"]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads what a fitted estimator was written to."""
    from kernel_server.servables.sklearn import platform

    def load(estimator: Any = None, trusted: str = "") -> Servable:
        if estimator is not None:
            skops_io.dump(estimator, tmp_path / "model.skops")
        return platform(Settings(skops_trusted_types=trusted))(ServableId("m", 1), tmp_path).load()

    return load


def run(servable: Servable, rows: Any, signature: str, *outputs: str) -> list[Any]:
    return [output.tolist() for output in servable.runner(signature, outputs)([np.asarray(rows)])]


def test_a_classifier(load: Load) -> None:
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABELS)
    servable = load(estimator)
    assert servable.signatures.keys() == {"serving_default", "predict", "predict_proba"}
    default = servable.signatures["serving_default"]
    assert default.inputs == {"inputs": TensorSpec("inputs", DataType.DOUBLE, (-1, 2))}
    assert default.outputs == {"outputs": TensorSpec("outputs", DataType.STRING, (-1,))}
    assert run(servable, X, "predict", "outputs") == [[label.encode() for label in LABELS]]
    classes, probabilities = run(servable, X[:1], "predict_proba", "classes", "probabilities")
    assert classes == [[b"no", b"yes"]]
    np.testing.assert_allclose(probabilities, estimator.predict_proba(X[:1]))
    with pytest.raises(InvalidArgument, match="X has 1 features, but StandardScaler is expecting 2"):
        run(servable, X[:, :1], "predict", "outputs")


def test_columns_by_name_and_several_targets(load: Load) -> None:
    import pandas as pd
    from sklearn.compose import make_column_transformer

    frame = pd.DataFrame(X, columns=["a", "b"])
    second = make_pipeline(make_column_transformer(("passthrough", ["b"])), LinearRegression())
    servable = load(second.fit(frame, np.stack([X[:, 1], -X[:, 1]], axis=1)))
    assert servable.signatures["predict"].outputs["outputs"].shape == (-1, 2)
    (outputs,) = run(servable, [[7.0, 5.0]], "predict", "outputs")
    np.testing.assert_allclose(outputs, [[5.0, -5.0]])


def test_texts(load: Load) -> None:
    servable = load(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"], [1, 0]))
    assert servable.signatures["predict"].inputs["inputs"] == TensorSpec("inputs", DataType.STRING, (-1,))
    texts = np.array([b"bad", "göod good".encode()], object)
    assert run(servable, texts, "predict", "outputs") == [[0, 1]]
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        run(servable, np.array([b"\xff"], object), "predict", "outputs")


def test_a_transformer(load: Load) -> None:
    servable = load(TfidfVectorizer().fit(["good", "bad"]))
    assert servable.signatures.keys() == {"serving_default", "transform"}
    assert run(servable, np.array([b"good"], object), "transform", "outputs") == [[[0.0, 1.0]]]


def test_types_that_nobody_trusts(load: Load, tmp_path: Path) -> None:
    forest = RandomForestClassifier(2, random_state=0).fit(X, LABELS)
    with pytest.raises(PermissionDenied) as caught:
        load(forest)
    name = "sklearn.tree._tree.Tree"
    assert caught.value.message.startswith(
        f"{tmp_path / 'model.skops'} holds types that are not trusted: {name}."
    )
    assert f"--skops_trusted_types={name}" in caught.value.message
    servable = load(forest, trusted=f"{name}, another.Type")
    (outputs,) = run(servable, X, "predict", "outputs")
    assert [label.decode() for label in outputs] == forest.predict(X).tolist()


def test_files_that_are_none(load: Load, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"write it with skops\.io\.dump"):
        load()
    (tmp_path / "model.skops").write_text("something else")
    with pytest.raises(DataLoss, match=str(tmp_path / "model.skops")):
        load()
