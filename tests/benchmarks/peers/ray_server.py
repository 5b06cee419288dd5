"""Ray Serve: @serve.batch behind TensorFlow Serving's Predict, and behind POST / {"x": [[...]]}."""

import os
import signal
from pathlib import Path
from typing import Any

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    # One core makes its many processes slow to start, and clocks run on while they are suspended.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "3600",
}

import numpy as np
import ray
from ray import serve
from ray.serve.config import gRPCOptions
from saved_model import Model, arguments

options = arguments()
SERVICER = "tensorflow_serving.apis.prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server"


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=1024,
    health_check_timeout_s=3600,
    ray_actor_options={"num_cpus": 0.5},
)
class Predictor:
    def __init__(self, path: Path):
        self.model = Model(path)

    @serve.batch(max_batch_size=options.max_batch, batch_wait_timeout_s=options.timeout_micros / 1e6)
    async def answers(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        return list(self.model(np.stack(rows)))

    async def __call__(self, request: Any) -> dict[str, Any]:
        row = np.asarray((await request.json())["x"], np.float32)[0]
        return {"y": [(await self.answers(row)).tolist()]}

    async def Predict(self, request: Any) -> Any:  # noqa: N802
        from tensorflow import make_ndarray, make_tensor_proto
        from tensorflow_serving.apis.predict_pb2 import PredictResponse

        answer = await self.answers(make_ndarray(request.inputs[self.model.input])[0])
        response = PredictResponse(model_spec=request.model_spec)
        response.outputs[self.model.output].CopyFrom(make_tensor_proto(answer[None]))
        return response


def main() -> None:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    serve.start(
        http_options={"host": "127.0.0.1", "port": options.port + 1},
        grpc_options=gRPCOptions(port=options.port, grpc_servicer_functions=[SERVICER]),
    )
    serve.run(Predictor.bind(options.model.resolve()), route_prefix="/")
    signal.pause()


if __name__ == "__main__":
    main()
