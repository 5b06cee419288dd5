"""The Open Inference Protocol, version 2, of KServe and Triton: the calls under ``/v2``."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import NamedTuple
from urllib.parse import unquote

import orjson

from kernel_server.errors import NotFound
from kernel_server.handlers import Handlers
from kernel_server.handlers.model_spec import ModelSpec
from kernel_server.monitoring.timing import Entry
from kernel_server.open_inference.describe import ServerMetadata, model_config, model_metadata
from kernel_server.open_inference.requests import model_spec
from kernel_server.rest.api import Answer, Found, GiveUp
from kernel_server.rest.deadlines import Deadlines
from kernel_server.rest.http1.exchange import Exchange, Reply
from kernel_server.rest.open_inference_question import InferQuestion
from kernel_server.rest.prediction import Prediction
from kernel_server.traffic.split import TRAFFIC_KEY

_MODEL = r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?"
_CALLS = {
    "GET": re.compile(rf"/v2/?|/v2/health/(?P<health>live|ready)|{_MODEL}(?:/(?P<call>ready|config))?"),
    "POST": re.compile(rf"{_MODEL}/(?P<call>infer)"),
}
_JSON_LENGTH = b"inference-header-content-length"
_INFER = Entry("ModelInfer", "REST")


class NoSuchCall(NotFound):
    """The protocol has no such call."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"The Open Inference Protocol has no call {method} {path}")


class Route(NamedTuple):
    """A call, by its name in ``security.scopes``, and the model that it is about."""

    call: str
    spec: ModelSpec


class OpenInference:
    """Answers calls through ``handlers``; an inference may take ``timeout_seconds``."""

    def __init__(self, handlers: Handlers, timeout_seconds: float) -> None:
        self._handlers = handlers
        self._deadlines = Deadlines(timeout_seconds)

    def route(self, method: str, path: str) -> Found:
        """See :class:`~kernel_server.rest.api.Api`."""
        call, spec = match(method, path)
        return Found(call, spec.name, partial(self._begin, call, spec))

    def _begin(self, call: str, spec: ModelSpec, exchange: Exchange, answer: Answer) -> GiveUp | None:
        if call == "infer":
            question = InferQuestion(exchange.headers.get(_JSON_LENGTH))
            prediction = Prediction(self._handlers, question, _INFER, self._deadlines, answer)
            return prediction.begin(spec, exchange.body, exchange.headers.get(TRAFFIC_KEY))
        answer(self._describe(call, spec))
        return None

    def _describe(self, call: str, spec: ModelSpec) -> Reply:
        handlers = self._handlers
        match call:
            case "live":
                return _json({"live": True})
            case "ready":
                ready = not handlers.drain.started.is_set()
                return _json({"ready": ready}, 200 if ready else 503)
            case "model_ready":
                servable, _ = handlers.metadata.metadata(spec)
                return _json({"name": servable.name, "ready": True})
            case "model_metadata":
                return _json(model_metadata(handlers, spec))
            case "model_config":
                return _json(model_config(handlers, spec))
            case _:
                return _json(ServerMetadata())


@lru_cache(maxsize=1024)
def match(method: str, path: str) -> Route:
    """The call that ``path`` names, percent-encoded as sent; raises :class:`NoSuchCall`."""
    pattern = _CALLS.get(method)
    found = pattern.fullmatch(path) if pattern else None
    if found is None:
        raise NoSuchCall(method, path)
    parts = found.groupdict()
    if parts["name"] is None:
        return Route(parts["health"] or "server_metadata", ModelSpec(""))
    spec = model_spec(unquote(parts["name"]), unquote(parts["version"] or ""))
    call = parts["call"] or "metadata"
    return Route(call if call == "infer" else f"model_{call}", spec)


def _json(told: object, status: int = 200) -> Reply:
    return Reply(orjson.dumps(told), status)
