"""What Classify, Regress and MultiInference demand of signatures and of what models answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from kernel_server.core.dtypes import DataType
from kernel_server.core.servable import Array, Runner, Servable
from kernel_server.core.signature import CLASSIFY, PREDICT, REGRESS, Signature, TensorSpec
from kernel_server.errors import InvalidArgument, ServingError, Unimplemented
from kernel_server.handlers.classify import Classify
from kernel_server.handlers.examples import EmptyInput, Examples, UnsuitableOutput, UnsuitableSignature
from kernel_server.handlers.inference import Inference, InferenceTask, prepare_inference
from kernel_server.handlers.multi_inference import prepare_multi_inference
from kernel_server.handlers.regress import Regress

STRINGS, FLOATS = TensorSpec("in:0", DataType.STRING, (-1,)), TensorSpec("out:0", DataType.FLOAT, (-1, 2))


def signature(
    outputs: Sequence[str], inputs: Sequence[str] = ("inputs",), method_name: str = PREDICT, name: str = "s"
) -> Signature:
    return Signature(name, dict.fromkeys(inputs, STRINGS), dict.fromkeys(outputs, FLOATS), method_name)


def floats(*values: Any) -> Array:
    return np.array(values, np.float32)


def texts(*values: Any) -> Array:
    return np.array(values, object)


class TestExamples:
    def test_a_vector_of_strings(self) -> None:
        vector = Examples([b"a", b"bc"]).vector()
        assert (vector.dtype, vector.tolist()) == (np.dtype(object), [b"a", b"bc"])

    def test_trailing_zero_bytes_stay(self) -> None:
        assert Examples([b"a\0", b"\0"]).vector().tolist() == [b"a\0", b"\0"]

    def test_the_context_comes_first(self) -> None:
        """So that what an example says itself overrides the context."""
        assert Examples([b"a", b""], b"context").vector().tolist() == [b"contexta", b"context"]

    def test_none(self) -> None:
        with pytest.raises(EmptyInput, match=r"^Input is empty\.$"):
            Examples([], b"context").vector()


class TestSignatures:
    @pytest.mark.parametrize(
        ("outputs", "found"),
        [
            (["scores", "classes"], ("classes", "scores")),
            (["scores"], ("scores",)),
            (["classes"], ("classes",)),
            (["classes", "else"], ("classes",)),
        ],
    )
    def test_outputs_of_classify(self, outputs: list[str], found: tuple[str, ...]) -> None:
        assert Classify().outputs(signature(outputs), check_method_name=False) == found

    def test_outputs_of_regress(self) -> None:
        assert Regress().outputs(signature(["outputs"]), check_method_name=False) == ("outputs",)

    @pytest.mark.parametrize(
        ("method", "declared", "message"),
        [
            (Classify(), signature(["scores"], ["a", "b"]), "Expected one input Tensor."),
            (Classify(), signature(["scores"], []), "Expected one input Tensor."),
            (Classify(), signature([]), "Expected one or two output Tensors, found 0"),
            (Classify(), signature(["a", "b", "c"], ["x"]), "Expected one or two output Tensors, found 3"),
            (
                Classify(),
                signature(["a"], ["x"]),
                "No classification inputs found in SignatureDef: inputs { ",
            ),
            (
                Classify(),
                signature(["a"]),
                'Expected classification signature outputs to contain at least one of "classes" or "scores". '
                "Signature was: inputs { ",
            ),
            (Regress(), signature(["outputs"], ["a", "b"]), "Expected one input Tensor."),
            (Regress(), signature(["outputs", "b"], ["x"]), "Expected one output Tensor."),
            (Regress(), signature(["a"], ["x"]), "No regression inputs found in SignatureDef: inputs { "),
            (Regress(), signature(["a"]), "No regression outputs found in SignatureDef: inputs { "),
        ],
    )
    def test_unsuitable_ones(self, method: Classify | Regress, declared: Signature, message: str) -> None:
        with pytest.raises(UnsuitableSignature) as caught:
            method.outputs(declared, check_method_name=False)
        assert caught.value.message.startswith(message)

    def test_the_signature_is_shown_as_protobuf_text(self) -> None:
        from google.protobuf import text_format
        from tensorflow.core.protobuf import meta_graph_pb2

        declared = Signature(
            "s", {"x": TensorSpec("x:0", 101, None)}, {"y": TensorSpec("y:0", DataType.INT64, ())}, REGRESS
        )
        with pytest.raises(UnsuitableSignature) as caught:
            Regress().outputs(declared, check_method_name=False)
        shown = text_format.Parse(
            caught.value.message.split("SignatureDef: ")[1], meta_graph_pb2.SignatureDef()
        )
        assert (shown.inputs["x"].name, shown.inputs["x"].tensor_shape.unknown_rank) == ("x:0", True)
        assert (shown.outputs["y"].dtype, shown.method_name) == (DataType.INT64, REGRESS)

    @pytest.mark.parametrize(
        ("method", "good", "message"),
        [
            (
                Classify(),
                signature(["scores"], method_name=CLASSIFY),
                "Expected classification signature method_name to be tensorflow/serving/classify. Was: ",
            ),
            (
                Regress(),
                signature(["outputs"], method_name=REGRESS),
                "Expected regression signature method_name to be tensorflow/serving/regress. Was: ",
            ),
        ],
    )
    def test_the_method_name_if_asked_for(
        self, method: Classify | Regress, good: Signature, message: str
    ) -> None:
        assert method.outputs(good, check_method_name=True)
        with pytest.raises(UnsuitableSignature) as caught:
            method.outputs(signature([], []), check_method_name=True)
        assert caught.value.message == message + PREDICT


class TestAnswers:
    def test_classes_and_scores(self) -> None:
        answer = {"classes": texts([b"a", b"b"]), "scores": floats([1, 2])}
        found = Classify().read(answer, 1)
        assert (found.labels.tolist(), found.scores.tolist()) == ([[b"a", b"b"]], [[1.0, 2.0]])

    def test_half_an_answer_is_filled(self) -> None:
        assert Classify().read({"scores": floats([1, 2])}, 1).labels.tolist() == [[b"", b""]]
        assert Classify().read({"classes": texts([b"a"])}, 1).scores.tolist() == [[0.0]]

    @pytest.mark.parametrize("answer", [floats(1, 2), floats([1], [2])])
    def test_values(self, answer: Array) -> None:
        assert Regress().read({"outputs": answer}, 2).values.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize(
        ("outputs", "message"),
        [
            ({"scores": floats(1)}, "Expected Tensor shape: [batch_size num_classes] but got [1]"),
            ({"classes": texts()}, "Expected Tensor shape: [batch_size num_classes] but got [0]"),
            ({"scores": floats([[1]])}, "Expected Tensor shape: [batch_size num_classes] but got [1,1,1]"),
            ({"classes": floats([1])}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
            ({"scores": texts([b"a"])}, "Expected scores Tensor of DT_FLOAT. Got: DT_STRING"),
            ({"classes": texts([b"a"], [b"b"])}, "Expected classes output batch size of 1. Got: 2"),
            ({"scores": floats([1], [2], [3])}, "Expected scores output batch size of 1. Got: 3"),
            (
                {"classes": texts([b"a"]), "scores": floats([1, 2])},
                "Tensors class and score should match in dim_size(1). Got 1 vs. 2",
            ),
        ],
    )
    def test_what_is_no_classification(self, outputs: dict[str, Array], message: str) -> None:
        with pytest.raises(UnsuitableOutput) as caught:
            Classify().read(outputs, 1)
        assert caught.value.message.startswith(message)

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (
                floats([1, 2]),
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
            ),
            (
                np.float32(1),
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []",
            ),
            (floats(1, 2), "Input batch size did not match output batch size: 1 vs. 2"),
            (np.array([1]), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
        ],
    )
    def test_what_is_no_regression(self, answer: Array, message: str) -> None:
        with pytest.raises(UnsuitableOutput) as caught:
            Regress().read({"outputs": np.asarray(answer)}, 1)
        assert caught.value.message == message


class Lengths(Servable):
    """Answers every output of every signature with the lengths of the examples."""

    def __init__(self, *signatures: Signature) -> None:
        self._signatures = {signature.name: signature for signature in signatures}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return self._signatures

    def runner(self, signature: str, outputs: Sequence[str]) -> Runner:
        return lambda inputs: [floats(*([len(example)] for example in inputs[0])) for _ in outputs]


LENGTHS = Lengths(
    signature(["outputs"], name="regress"),
    signature(["scores", "extra"], name="classify"),
    signature(["outputs"], ["x"], name="misnamed"),
)


def ask(inference: Inference, *examples: bytes) -> list[Any]:
    vector = Examples(examples).vector()
    return list(inference.read(inference.runner([vector]), len(vector)))


class TestSingleTasks:
    def test_only_what_is_needed_is_computed(self) -> None:
        inference = prepare_inference(LENGTHS, InferenceTask("m", "classify", CLASSIFY), False)
        assert len(inference.runner([texts(b"abc")])) == 1
        assert ask(inference, b"abc", b"")[0].scores.tolist() == [[3.0], [0.0]]

    def test_a_signature_that_is_not_there(self) -> None:
        with pytest.raises(
            InvalidArgument, match=r"^No signature was found with the name: train\. .*classify"
        ):
            prepare_inference(LENGTHS, InferenceTask("m", "train", REGRESS), False)


class TestSeveralTasks:
    def test_one_result_for_each_in_order(self) -> None:
        tasks = [InferenceTask("m", "classify", CLASSIFY), InferenceTask("m", "regress", REGRESS)]
        inference = prepare_multi_inference(LENGTHS, tasks, False)
        classified, regressed = ask(inference, b"abc", b"a")
        assert classified.scores.tolist() == [[3.0], [1.0]]
        assert regressed.values.tolist() == [3.0, 1.0]

    @pytest.mark.parametrize(
        ("last", "kind", "message"),
        [
            (("", "regress", REGRESS), InvalidArgument, "Found ModelSpec with an empty model name."),
            (
                ("n", "regress", REGRESS),
                InvalidArgument,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            ),
            (("m", "classify", PREDICT), InvalidArgument, "Duplicate evaluation of signature: classify"),
            (("m", "s", PREDICT), InvalidArgument, "Requested signature not found in model graph: s"),
            (("m", "regress", PREDICT), Unimplemented, f"Unsupported signature method_name: {PREDICT}"),
            (("m", "regress", ""), Unimplemented, "Unsupported signature method_name: "),
            (("m", "misnamed", REGRESS), InvalidArgument, "No regression inputs found in SignatureDef: "),
        ],
    )
    def test_those_that_do_not_go_together(
        self, last: tuple[str, str, str], kind: type[ServingError], message: str
    ) -> None:
        tasks = [InferenceTask("m", "classify", CLASSIFY), InferenceTask(*last)]
        with pytest.raises(kind) as caught:
            prepare_multi_inference(LENGTHS, tasks, False)
        assert caught.value.message.startswith(message)

    def test_the_method_name_if_asked_for(self) -> None:
        with pytest.raises(UnsuitableSignature, match="Expected regression signature method_name"):
            prepare_multi_inference(LENGTHS, [InferenceTask("m", "regress", REGRESS)], True)
