"""The other yardstick: grpcio's server with threads, which answers every Predict with the bytes it got."""

from concurrent.futures import ThreadPoolExecutor

import grpc
from saved_model import arguments

THREADS = 4


def echo(request: bytes, context: grpc.ServicerContext) -> bytes:
    return request


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(THREADS))
    methods = {"Predict": grpc.unary_unary_rpc_method_handler(echo)}
    handler = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", methods)
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{arguments().port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
