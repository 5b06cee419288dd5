"""BentoML: adaptive batching over HTTP. POST /predict {"x": [[...]]} -> [[...]].

It learns its wait, so --timeout-micros is of no use here; its bound on the latency is left far away.
"""

import os
import sys
from pathlib import Path

import numpy as np
from saved_model import Model, arguments

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

if __name__ == "__main__":
    options = arguments()
    os.environ |= {"PEER_MODEL": str(options.model.resolve()), "PEER_MAX_BATCH": str(options.max_batch)}
    os.chdir(Path(__file__).parent)
    program = Path(sys.executable).with_name("bentoml")
    address = ["--host", "127.0.0.1", "--port", str(options.port + 1)]
    os.execv(program, ["bentoml", "serve", f"{Path(__file__).stem}:Predictor", *address, "--quiet"])

import bentoml


@bentoml.service(
    workers=1,
    traffic={"timeout": 60, "max_concurrency": 1024},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Predictor:
    def __init__(self) -> None:
        self.model = Model(os.environ["PEER_MODEL"])

    @bentoml.api(
        batchable=True, batch_dim=0, max_batch_size=int(os.environ["PEER_MAX_BATCH"]), max_latency_ms=10_000
    )
    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model(x.astype(np.float32))
