"""A floor, no product: single-row Predict as one writes it in an afternoon, with grpc.aio and a timer."""

import asyncio

import grpc
import numpy as np
from saved_model import Model, arguments
from tensorflow import make_ndarray, make_tensor_proto
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)


class Service(PredictionServiceServicer):
    def __init__(self, model: Model, max_batch: int, timeout: float):
        self._model, self._max_batch, self._timeout = model, max_batch, timeout
        self._waiting: list[tuple[np.ndarray, asyncio.Future]] = []

    async def Predict(self, request: PredictRequest, context: grpc.aio.ServicerContext) -> PredictResponse:  # noqa: N802
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._waiting.append((make_ndarray(request.inputs[self._model.input]), answer))
        if len(self._waiting) >= self._max_batch:
            self._flush()
        elif len(self._waiting) == 1:
            loop.call_later(self._timeout, self._flush)
        response = PredictResponse(model_spec=request.model_spec)
        response.outputs[self._model.output].CopyFrom(make_tensor_proto(await answer))
        return response

    def _flush(self) -> None:
        batch, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
        if batch:
            answers = self._model(np.concatenate([row for row, _ in batch]))
            for number, (_, answer) in enumerate(batch):
                if not answer.cancelled():
                    answer.set_result(answers[number : number + 1])


async def main() -> None:
    options = arguments()
    server = grpc.aio.server()
    service = Service(Model(options.model), options.max_batch, options.timeout_micros / 1e6)
    add_PredictionServiceServicer_to_server(service, server)
    server.add_insecure_port(f"127.0.0.1:{options.port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
