"""PyTriton: Triton's C++ front end and dynamic batcher, a Python process behind. KServe v2 over gRPC."""

import os
import sysconfig

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from saved_model import NAME, Model, arguments

options = arguments()
model = Model(options.model)


@batch
def infer(**inputs: np.ndarray) -> dict[str, np.ndarray]:
    return {model.output: model(inputs[model.input])}


def main() -> None:
    # Triton's Python stub must load this interpreter's own libpython, not an older one of the distribution.
    libraries = [sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH")]
    os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, libraries))
    config = TritonConfig(
        grpc_address="127.0.0.1",
        http_address="127.0.0.1",
        grpc_port=options.port,
        http_port=options.port + 1,
        allow_metrics=False,
    )
    batcher = DynamicBatcher(max_queue_delay_microseconds=options.timeout_micros)
    with Triton(config=config) as triton:
        triton.bind(
            model_name=NAME,
            infer_func=infer,
            inputs=[Tensor(name=model.input, dtype=np.float32, shape=model.row_shape)],
            outputs=[Tensor(name=model.output, dtype=np.float32, shape=model.answer_shape)],
            config=ModelConfig(batching=True, max_batch_size=options.max_batch, batcher=batcher),
            strict=False,
        )
        triton.serve()


if __name__ == "__main__":
    main()
