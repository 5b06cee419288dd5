"""LitServe: FastAPI before a batching worker process. POST /predict {"x": [[...]]} -> {"y": [[...]]}."""

from pathlib import Path
from typing import Any

import litserve
import numpy as np
from saved_model import Model, arguments


class SavedModelAPI(litserve.LitAPI):
    path: Path

    def setup(self, device: str) -> None:
        self.model = Model(self.path)

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        return np.asarray(request["x"], np.float32)[0]

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.stack(inputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model(x)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        return {"y": [output.tolist()]}


def main() -> None:
    options = arguments()
    api = SavedModelAPI(max_batch_size=options.max_batch, batch_timeout=options.timeout_micros / 1e6)
    api.path = options.model
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=options.port + 1,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
