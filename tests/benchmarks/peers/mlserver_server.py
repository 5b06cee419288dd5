"""MLServer: KServe v2 over gRPC with adaptive batching; the model runs in the server's own process."""

import asyncio

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from saved_model import NAME, Model, arguments


class SavedModel(MLModel):
    async def load(self) -> bool:
        self.model = Model(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        answers = self.model(NumpyCodec.decode_input(payload.inputs[0]))
        output = NumpyCodec.encode_output(self.model.output, answers)
        return InferenceResponse(model_name=self.name, outputs=[output])


def main() -> None:
    options = arguments()
    settings = Settings(
        host="127.0.0.1",
        grpc_port=options.port,
        http_port=options.port + 1,
        debug=False,
        parallel_workers=0,
        metrics_endpoint=None,
        use_structured_logging=False,
    )
    model = ModelSettings(
        name=NAME,
        implementation="mlserver_server.SavedModel",
        max_batch_size=options.max_batch,
        max_batch_time=options.timeout_micros / 1e6,
        parameters={"uri": str(options.model.resolve())},
    )
    asyncio.run(MLServer(settings).start([model]))


if __name__ == "__main__":
    main()
