"""TorchServe: Java in front, a Python worker with a handler of our own behind. Needs a Java runtime.

gRPC: org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions, input {"data": float32 bytes}.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from saved_model import NAME, Model, arguments

_models: list[Model] = []


def handle(data: list[dict[str, bytes]] | None, context: Any) -> list[bytes] | None:
    """What the worker calls with every batch, and with nothing at its start."""
    if not _models:
        _models.append(Model(os.environ["PEER_MODEL"]))
    if not data:
        return None
    (model,) = _models
    rows = np.frombuffer(b"".join(row["data"] for row in data), np.float32)
    return [answer.tobytes() for answer in model(rows.reshape(-1, *model.row_shape))]


def main() -> None:
    options = arguments()
    archive = Path("store", NAME)
    (archive / "MAR-INF").mkdir(parents=True)
    (archive / "handler.py").symlink_to(Path(__file__).resolve())
    model = {
        "modelName": NAME,
        "modelVersion": "1.0",
        "handler": "handler.py:handle",
        "configFile": "config.yaml",
    }
    manifest = {"runtime": "python", "archiverVersion": "0.12.0", "model": model}
    (archive / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(manifest))
    (archive / "config.yaml").write_text(
        f"minWorkers: 1\nmaxWorkers: 1\nbatchSize: {options.max_batch}\n"
        "responseTimeout: 3600\n"  # Its clock runs on while it is suspended.
        f"maxBatchDelay: {max(1, round(options.timeout_micros / 1000))}\n"  # Whole milliseconds only.
    )
    grpc, management, *http = range(options.port, options.port + 5)
    kinds = ("inference", "management", "metrics")
    addresses = [f"{kind}_address=http://127.0.0.1:{port}" for kind, port in zip(kinds, http, strict=True)]
    settings = [*addresses, f"grpc_inference_port={grpc}", f"grpc_management_port={management}"]
    settings += ["job_queue_size=1024", "disable_token_authorization=true"]
    Path("config.properties").write_text("\n".join(settings))
    os.environ |= {
        "PEER_MODEL": str(options.model.resolve()),
        "PYTHONPATH": str(Path(__file__).resolve().parent),
        "LOG_LOCATION": str(Path.cwd()),
        "METRICS_LOCATION": str(Path.cwd()),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    what = ["--model-store", "store", "--models", f"{NAME}={NAME}", "--ts-config", "config.properties"]
    os.execvp("torchserve", ["torchserve", "--foreground", "--ncs", "--disable-token-auth", *what])


if __name__ == "__main__":
    main()
