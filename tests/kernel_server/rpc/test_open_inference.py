"""The Open Inference Protocol over gRPC, spoken by Triton's own client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import pytest
from support.servers import Server
from support.stubs import TIMEOUT, refused
from tritonclient.grpc import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    service_pb2,
    service_pb2_grpc,
)
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")


@pytest.fixture(scope="module")
def triton(server: Server) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(server.state["grpc_address"]) as client:
        yield client


@pytest.fixture(scope="module")
def stub(server: Server) -> service_pb2_grpc.GRPCInferenceServiceStub:
    return service_pb2_grpc.GRPCInferenceServiceStub(server.channel())


def given(name: str, array: np.ndarray[Any, Any]) -> InferInput:
    sent = InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    sent.set_data_from_numpy(array)
    return sent


def floats(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


def request(
    datatype: str, shape: Sequence[int], *, model: str = "half", raw: Sequence[bytes] = (), **contents: Any
) -> service_pb2.ModelInferRequest:
    """A request with the input ``x``."""
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=shape)
    if contents:
        tensor.contents.MergeFrom(service_pb2.InferTensorContents(**contents))
    return service_pb2.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=raw)


class TestStockClient:
    def test_the_latest_version_answers(self, triton: InferenceServerClient) -> None:
        reply = triton.infer("half", [given("x", floats(1, 2))], request_id="seven")
        assert reply.as_numpy("y").tolist() == [3.5, 4.0]
        assert reply.as_numpy("z").tolist() == [-1, -2]
        told = reply.get_response()
        assert (told.model_name, told.model_version, told.id) == ("half", "2", "seven")

    def test_a_version_and_some_outputs(self, triton: InferenceServerClient) -> None:
        outputs = [InferRequestedOutput("z"), InferRequestedOutput("y")]
        reply = triton.infer("half", [given("x", floats(1))], model_version="1", outputs=outputs)
        assert [output.name for output in reply.get_response().outputs] == ["z", "y"]
        assert reply.as_numpy("y").tolist() == [2.5]

    @pytest.mark.parametrize("dtype", [*NUMBERS, "bool", "float16", ml_dtypes.bfloat16])
    def test_every_type_comes_back_as_it_went(self, triton: InferenceServerClient, dtype: Any) -> None:
        array = np.array([0, 1, 1]).astype(dtype)
        name = {"float16": "half"}.get(str(array.dtype), str(array.dtype))
        reply = triton.infer("echo", [given("x", array)], parameters={"signature_name": name})
        assert reply.get_output("y").datatype == np_to_triton_dtype(array.dtype)
        (raw,) = reply.get_response().raw_output_contents
        assert raw == array.tobytes()

    def test_strings(self, triton: InferenceServerClient) -> None:
        texts = np.array([b"a\xff\x00b", b"", "ü".encode(), b"x" * 300], object)
        reply = triton.infer("echo", [given("x", texts)], parameters={"signature_name": "string"})
        assert reply.as_numpy("y").tolist() == texts.tolist()

    def test_several_inputs_of_several_ranks(self, triton: InferenceServerClient) -> None:
        inputs = [given("b", np.array([1, 2], np.int64)), given("a", np.ones((2, 2), np.float32))]
        reply = triton.infer("pair", inputs)
        assert reply.as_numpy("sum").tolist() == [3, 4]
        assert reply.as_numpy("twice").tolist() == [2, 4]

    def test_no_rows(self, triton: InferenceServerClient) -> None:
        reply = triton.infer("fixed", [given("x", np.ones((4, 2), np.float32))])
        assert reply.as_numpy("y").shape == (4, 2)
        assert triton.infer("picky", [given("x", floats())]).as_numpy("y").shape == (0,)

    def test_parameters_of_other_servers_are_ignored(self, triton: InferenceServerClient) -> None:
        reply = triton.infer(
            "half", [given("x", floats(1))], parameters={"a": 1, "b": True, "c": "d", "e": 0.5}
        )
        assert reply.as_numpy("y").tolist() == [3.5]

    def test_health(self, triton: InferenceServerClient) -> None:
        assert triton.is_server_live()
        assert triton.is_server_ready()
        assert triton.is_model_ready("half")
        assert triton.is_model_ready("half", "1")
        assert not triton.is_model_ready("half", "9")
        assert not triton.is_model_ready("none")

    def test_metadata(self, triton: InferenceServerClient) -> None:
        assert triton.get_server_metadata().name == "kernel-server"
        told = triton.get_model_metadata("pair", as_json=True)
        assert told == {
            "name": "pair",
            "versions": ["1"],
            "platform": "tensorflow",
            "inputs": [
                {"name": "a", "datatype": "FP32", "shape": ["-1", "2"]},
                {"name": "b", "datatype": "INT64", "shape": ["-1"]},
            ],
            "outputs": [
                {"name": "sum", "datatype": "FP32", "shape": ["-1"]},
                {"name": "twice", "datatype": "INT64", "shape": ["-1"]},
            ],
        }
        assert triton.get_model_metadata("half").versions == ["2", "1"]

    def test_config_tells_the_batch_size(self, triton: InferenceServerClient) -> None:
        assert triton.get_model_config("half").config.max_batch_size == 8
        assert triton.get_model_config("fixed").config.max_batch_size == 0


class TestTypedContents:
    @pytest.mark.parametrize(
        ("signature", "datatype", "contents"),
        [
            ("bool", "BOOL", {"bool_contents": [True, False]}),
            ("int8", "INT8", {"int_contents": [-128, 127]}),
            ("int16", "INT16", {"int_contents": [-(2**15), 1]}),
            ("int32", "INT32", {"int_contents": [-(2**31), 1]}),
            ("int64", "INT64", {"int64_contents": [-(2**63), 1]}),
            ("uint8", "UINT8", {"uint_contents": [255, 0]}),
            ("uint16", "UINT16", {"uint_contents": [2**16 - 1, 0]}),
            ("uint32", "UINT32", {"uint_contents": [2**32 - 1, 0]}),
            ("uint64", "UINT64", {"uint64_contents": [2**64 - 1, 0]}),
            ("float32", "FP32", {"fp32_contents": [0.5, float("inf")]}),
            ("float64", "FP64", {"fp64_contents": [0.1, -1e300]}),
            ("string", "BYTES", {"bytes_contents": [b"a\xff", b""]}),
        ],
    )
    def test_are_answered_with_such(
        self,
        stub: service_pb2_grpc.GRPCInferenceServiceStub,
        signature: str,
        datatype: str,
        contents: dict[str, Any],
    ) -> None:
        sent = request(datatype, [2], model="echo", **contents)
        sent.parameters["signature_name"].string_param = signature
        reply = stub.ModelInfer(sent, TIMEOUT)
        assert not reply.raw_output_contents
        assert [(tensor.datatype, list(tensor.shape)) for tensor in reply.outputs] == [(datatype, [2])]
        assert reply.outputs[0].contents == service_pb2.InferTensorContents(**contents)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (request("FP32", [2], raw=[b"\0" * 4]), "input 'x': 1 values, but shape [2] needs 2"),
        (
            request("FP32", [2**40, 2**40], raw=[b"\0" * 4]),
            "input 'x': 1 values, but shape [1099511627776",
        ),
        (request("FP32", [2], raw=[b"\0" * 7]), "input 'x': 7 raw bytes are no whole number of FP32 values"),
        (request("FP32", [2**40, 2**40, 0], raw=[b""]), "input 'x': "),
        (request("FP32", [2**40, 2**40], fp32_contents=[1]), "input 'x': 1 values, but shape"),
        (request("FP32", [-1], raw=[b"\0" * 4]), "input 'x': shape [-1] has a negative dimension"),
        (request("FP32", [-1, -1], raw=[b"\0" * 4]), "input 'x': shape [-1, -1] has a negative dimension"),
        (request("FP32", [1] * 65, raw=[b"\0" * 4]), "input 'x': "),
        (request("FP33", [1], raw=[b"\0" * 4]), "input 'x': datatype 'FP33' is none of BOOL, UINT8"),
        (request("", [1], raw=[b"\0" * 4]), "input 'x': datatype '' is none of"),
        (request("FP32", [1], raw=[b"\0" * 4] * 2), "raw_input_contents has 2 elements for 1 inputs"),
        (request("FP32", [1], raw=[b"\0" * 4], fp32_contents=[1]), "input 'x': it has both contents and raw"),
        (request("FP32", [1]), "input 'x': 0 values, but shape [1] needs 1"),
        (request("FP32", [1], int_contents=[1]), "input 'x': 0 values, but shape [1] needs 1"),
        (request("INT8", [1], int_contents=[128]), "input 'x': "),
        (request("FP16", [1], fp32_contents=[1]), "input 'x': FP16 has no contents of its own"),
        (
            request("BYTES", [1], raw=[b"\4\0\0\0abc"]),
            "input 'x': string 0 is to end at byte 8, but there are 7",
        ),
        (request("BYTES", [1], raw=[b"\1\0"]), "input 'x': string 0 is to end at byte 5, but there are 2"),
        (request("BYTES", [2], raw=[b"\0\0\0\0" * 3]), "input 'x': 3 values, but shape [2] needs 2"),
        (request("BYTES", [2**62, 4], raw=[b""]), "input 'x': 0 values, but shape"),
        (request("INT64", [1], raw=[b"\0" * 8]), "Expects arg[0] to be float but int64 is provided"),
    ],
    ids=str,
)
def test_bad_tensors_are_refused(
    stub: service_pb2_grpc.GRPCInferenceServiceStub, bad: service_pb2.ModelInferRequest, message: str
) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, message):
        stub.ModelInfer(bad, TIMEOUT)


class TestRefusals:
    def refusal(self, triton: InferenceServerClient, *args: Any, **kwargs: Any) -> tuple[str, str]:
        with pytest.raises(InferenceServerException) as caught:
            triton.infer(*args, **kwargs)
        return caught.value.status(), caught.value.message()

    def test_an_input_given_twice(self, triton: InferenceServerClient) -> None:
        code, message = self.refusal(triton, "half", [given("x", floats(1))] * 2)
        assert (code, message) == ("StatusCode.INVALID_ARGUMENT", "input 'x': it is given twice")

    def test_unknown_names(self, triton: InferenceServerClient) -> None:
        inputs = [given("x", floats(1))]
        assert self.refusal(triton, "none", inputs)[0] == "StatusCode.NOT_FOUND"
        assert self.refusal(triton, "half", inputs, "9")[0] == "StatusCode.NOT_FOUND"
        code, message = self.refusal(triton, "half", inputs, "stable")
        assert (code, message) == (
            "StatusCode.INVALID_ARGUMENT",
            "Unrecognized servable version label: stable",
        )
        code, message = self.refusal(triton, "half", inputs, "9" * 5000)
        assert code == "StatusCode.INVALID_ARGUMENT"
        code, message = self.refusal(triton, "half", inputs, parameters={"signature_name": "none"})
        assert message.startswith('Serving signature key "none" not found.')
        code, message = self.refusal(triton, "half", inputs, parameters={"signature_name": 5})
        assert message == "parameter 'signature_name' must be a string; was 5"
        code, message = self.refusal(triton, "half", inputs, outputs=[InferRequestedOutput("w")])
        assert message.startswith("output tensor alias not found in signature: w")

    def test_extensions_that_would_change_the_answer(self, triton: InferenceServerClient) -> None:
        asked = [InferRequestedOutput("y", class_count=2)]
        code, message = self.refusal(triton, "half", [given("x", floats(1))], outputs=asked)
        assert code == "StatusCode.UNIMPLEMENTED"
        assert message.startswith("tensor 'y' has the parameter 'classification'")

    def test_outputs_that_the_protocol_has_no_type_for(self, triton: InferenceServerClient) -> None:
        code, message = self.refusal(
            triton, "echo", [given("x", floats(1))], parameters={"signature_name": "complex"}
        )
        assert code == "StatusCode.UNIMPLEMENTED"
        assert message.startswith("output 'y' is complex64, which the Open Inference Protocol cannot carry")
