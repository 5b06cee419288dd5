"""Plain Python files as servables, without a server around."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Servable, ServableId
from kernel_server.core.signature import TensorSpec
from kernel_server.errors import Internal, InvalidArgument, NotFound
from kernel_server.servables.python import platform, signature
from kernel_server.settings import Settings

Load = Callable[[str], Servable]

HEADER = """
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from kernel_server.servables.python import Tensor, signature

FLOATS, WORDS = Tensor("float32", [None]), Tensor(str, [None])
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a version whose file has these lines after the imports."""

    def load(lines: str) -> Servable:
        (tmp_path / "servable.py").write_text(HEADER + lines)
        return platform(Settings())(ServableId("m", 1), tmp_path).load()

    return load


def run(servable: Servable, *inputs: Any, signature: str = "serving_default") -> list[Any]:
    """All outputs of a signature."""
    runner = servable.runner(signature, tuple(servable.signatures[signature].outputs))
    return [output.tolist() for output in runner([np.asarray(value) for value in inputs])]


@pytest.mark.parametrize("method", ["predict", "classify", "regress"])
def test_the_method_that_a_function_is_made_for(load: Load, method: str) -> None:
    servable = load(f"""
@signature(inputs={{"inputs": WORDS}}, outputs={{"outputs": FLOATS}}, method="{method}")
def length(inputs):
    return [len(each) for each in inputs]
""")
    assert servable.signatures["serving_default"].method_name == f"tensorflow/serving/{method}"


def test_functions_with_what_lies_beside_them(load: Load, tmp_path: Path) -> None:
    np.save(tmp_path / "weights.npy", np.array([2.0, 3.0]))
    servable = load("""
weights = np.load(Path(__file__).with_name("weights.npy"))

@dataclass
class Scale:
    factor: float

@signature(inputs={"x": Tensor("float32", [None, 2])}, outputs={"y": FLOATS})
def score(x):
    return x @ weights

@signature(inputs={"a": WORDS, "b": FLOATS}, outputs={"word": WORDS, "half": FLOATS}, name="both")
def anything(b, a):
    return {"half": (b / Scale(2).factor).tolist(), "word": [each.decode().upper() for each in a]}
""")
    declared = servable.signatures["serving_default"]
    assert declared.inputs == {"x": TensorSpec("x", DataType.FLOAT, (-1, 2))}
    assert declared.outputs == {"y": TensorSpec("y", DataType.FLOAT, (-1,))}
    assert declared.obstacle_to_batching is None
    assert run(servable, [[1.0, 0.0], [1.0, 1.0]]) == [[2.0, 5.0]]
    words = np.array([b"a", "ü".encode()], object)
    assert run(servable, words, [1.0, 2.0], signature="both") == [[b"A", "Ü".encode()], [0.5, 1.0]]
    (half,) = servable.runner("both", ["half"])([words, np.ones(2)])
    assert half.dtype == np.float32


def test_what_a_value_error_and_other_errors_mean(load: Load) -> None:
    servable = load("""
@signature(inputs={"x": FLOATS}, outputs={"y": FLOATS})
def refuse(x):
    raise ValueError("x must be warm")

@signature(inputs={"x": FLOATS}, outputs={"y": FLOATS}, name="broken")
def broken(x):
    raise KeyError("x")
""")
    with pytest.raises(InvalidArgument, match="x must be warm"):
        run(servable, [1.0])
    with pytest.raises(KeyError):
        run(servable, [1.0], signature="broken")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("{'other': x}", r"nothing for outputs \['y'\]"),
        ("x.astype('complex64')", "output 'y': Cannot cast"),
    ],
)
def test_an_answer_that_was_not_declared(load: Load, answer: str, complaint: str) -> None:
    servable = load(f"""
@signature(inputs={{"x": FLOATS}}, outputs={{"y": FLOATS}})
def call(x):
    return {answer}
""")
    with pytest.raises(Internal, match=complaint):
        run(servable, [1.0])


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("x = 1 / 0", "ZeroDivisionError: division by zero"),
        ("x = (", "SyntaxError"),
        ("x = 1", "it declares no function with @signature"),
        ("@signature(inputs={'x': FLOATS}, outputs={})\ndef f(z): pass", "missing a required argument"),
        ("declare = signature(inputs={}, outputs={})\nf, g = declare(dict), declare(dict)", "have one name"),
    ],
)
def test_a_file_that_cannot_be_served(load: Load, tmp_path: Path, lines: str, complaint: str) -> None:
    modules = set(sys.modules)
    with pytest.raises(InvalidArgument, match=complaint) as caught:
        load(lines)
    assert caught.value.message.startswith(f"Could not load {tmp_path / 'servable.py'}: ")
    assert not [name for name in set(sys.modules) - modules if name.startswith("servable")]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=str(tmp_path / "servable.py")):
        platform(Settings())(ServableId("m", 1), tmp_path).load()


def test_the_end_of_a_version(load: Load, tmp_path: Path) -> None:
    servable = load("""
@signature(inputs={"x": FLOATS}, outputs={"y": FLOATS})
def call(x):
    return x

def close():
    Path(__file__).with_name("closed").touch()
""")
    servable.close()
    assert (tmp_path / "closed").exists()


def test_a_declared_function_can_still_be_called() -> None:
    double = signature(inputs={}, outputs={})(lambda x: 2 * x)
    assert double(4) == 8
